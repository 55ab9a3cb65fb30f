"""How processes of this host share one broker: calls of `Links` over a connection."""
