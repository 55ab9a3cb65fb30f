"""Faults of the client, by what they end.

AmqpError                amqp:internal-error, unless told otherwise
├── ConnectionFault      the connection
├── SessionFault         one session
└── LinkFault            one link, or the attempt to attach one
"""

__all__ = ["AmqpError", "ConnectionFault", "LinkFault", "SessionFault"]


class AmqpError(Exception):
    """`condition` is the symbol that clients go by, the text is for people."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(description)
        self.condition = condition


class ConnectionFault(AmqpError):
    pass


class SessionFault(AmqpError):
    pass


class LinkFault(AmqpError):
    pass
