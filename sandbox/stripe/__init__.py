"""Stripe as a shop sees it: payments, refunds, events and webhooks, for Stripe's own SDK.

It keeps its state in the sandbox's folder and moves money as Stripe's test mode does: Stripe's test
cards decide what happens. What Stripe has and the stand-in lacks is refused by name, never ignored.
"""
