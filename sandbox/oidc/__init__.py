"""An OpenID Connect issuer for development: discovery, keys that rotate, access tokens on demand,
and a page where a person signs in by a browser.

It signs for whoever asks.
"""
