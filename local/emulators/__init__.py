"""Emulators of Azure's services that run without Docker, for `dev.py emulators` and the tests."""
