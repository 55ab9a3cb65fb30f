"""What a task hub keeps, in one SQLite file."""
