"""Service Bus triggers: what they take, run and settle."""
