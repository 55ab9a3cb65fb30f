"""An AMQP 1.0 listener that speaks to Service Bus clients, and the codec that it is made of.

Rules come from the OASIS AMQP 1.0 standard (2012), and from what `azure-servicebus` 7.15 was seen
to need of a server; where a client is stricter or laxer than the standard, a comment says so.
"""
