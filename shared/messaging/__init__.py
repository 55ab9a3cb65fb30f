"""Events and requests between services: an outbox beside what changed, an inbox beside its effect.

What a commit announces is a row of the outbox, written in that transaction; a relay sends each row
at least once and an aggregate's rows in order. A consumer records the event's id in the transaction
of its effect, so that twice is once.
"""
