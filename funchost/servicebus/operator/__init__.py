"""What an operator does to a namespace: look, replay, purge; `python -m funchost bus`."""
