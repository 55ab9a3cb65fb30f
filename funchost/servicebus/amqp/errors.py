"""Faults of the client, by what they end.

AmqpError                amqp:internal-error, unless told otherwise
├── ConnectionFault      the connection
├── SessionFault         one session
└── LinkFault            one link, or the attempt to attach one
"""

__all__ = ["AmqpError", "ConnectionFault", "LinkFault", "SessionFault"]


class AmqpError(Exception):
    """`condition` is the symbol that clients go by, `description` is for people."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description


class ConnectionFault(AmqpError):
    pass


class SessionFault(AmqpError):
    pass


class LinkFault(AmqpError):
    pass
