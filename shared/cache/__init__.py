"""Answers kept ready to send; never older than the last change that a reader could know of.

CachedAnswers       what a service uses: read, or build once and keep
├── Changes         follows the log of changes, and says how new an answer must be
└── Cache           where answers lie: `MemoryCache`, or `RedisCache` for all workers together
"""
