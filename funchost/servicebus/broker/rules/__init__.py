"""Which messages a subscription takes, and what it changes in them."""
