"""Moves the shop's business time, for all of its processes."""
