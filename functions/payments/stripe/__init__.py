"""Stripe behind payments' port. The SDK is imported when the gateway is built, and here alone."""
