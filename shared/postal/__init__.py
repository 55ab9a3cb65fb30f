"""Postal addresses: countries, and how each writes its postcodes and regions."""
