"""Durable Functions from outside: the client binding, the HTTP management API, the command line and
the page for developers. All of them see the engine through `funchost.durable.interface`."""
