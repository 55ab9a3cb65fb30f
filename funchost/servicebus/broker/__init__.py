"""The broker itself: entities, durable messages, locks, sessions, rules. It knows no AMQP."""
