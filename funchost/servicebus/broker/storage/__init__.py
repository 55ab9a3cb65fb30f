"""Messages on disk. All of it runs in the broker's writer and reader threads, never on its loop."""
