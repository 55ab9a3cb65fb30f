"""An OpenID Connect issuer for development: discovery, keys that rotate, access tokens on demand.

It signs for whoever asks. There is no authorize page: that needs a user with a browser.
"""
