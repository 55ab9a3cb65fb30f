"""EasyPost behind shipping's port. Its SDK is imported with the gateway, and here alone."""
