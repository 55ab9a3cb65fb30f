"""Durable Functions: a persistent engine for apps written for azure-functions-durable 1.7."""
