"""What crosses a service's border: events, requests, and the ports by which services call others.

Everything here is frozen once released: a field may be added with a default, none may change its
meaning or go.
"""
