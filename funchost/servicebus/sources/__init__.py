"""How messages reach triggers, and outputs reach entities: one port, two ways."""
