"""What the broker refuses, with the AMQP condition by which the SDKs recognise it.

    BrokerError                     amqp:internal-error
    ├── EntityNotFound              amqp:not-found
    │   └── RuleNotFound
    ├── RuleExists                  com.microsoft:entity-already-exists
    ├── NotAllowed                  amqp:not-allowed
    ├── ArgumentOutOfRange          com.microsoft:argument-out-of-range
    ├── ArgumentWrong               com.microsoft:argument-error
    ├── MessageSizeExceeded         amqp:link:message-size-exceeded
    ├── MessageNotFound             com.microsoft:message-not-found
    ├── MessageLockLost             com.microsoft:message-lock-lost
    ├── SessionLockLost             com.microsoft:session-lock-lost
    ├── SessionCannotBeLocked       com.microsoft:session-cannot-be-locked
    ├── OperationTimedOut           com.microsoft:timeout
    └── BrokerUnavailable           com.microsoft:server-busy
        └── BrokerSuperseded

The texts are for people; clients go by the condition.
"""

__all__ = [
    "ArgumentOutOfRange",
    "ArgumentWrong",
    "BrokerError",
    "BrokerSuperseded",
    "BrokerUnavailable",
    "EntityNotFound",
    "MessageLockLost",
    "MessageNotFound",
    "MessageSizeExceeded",
    "NotAllowed",
    "OperationTimedOut",
    "RuleExists",
    "RuleNotFound",
    "SessionCannotBeLocked",
    "SessionLockLost",
]


class BrokerError(Exception):
    """`condition` is the symbol of an AMQP error, `status` the number that a reply of
    `$management` carries for it."""

    condition = "amqp:internal-error"
    status = 500


class EntityNotFound(BrokerError):
    condition = "amqp:not-found"
    status = 404


class RuleNotFound(EntityNotFound):
    """The subscription has no rule of this name."""


class RuleExists(BrokerError):
    """The subscription has a rule of this name."""

    condition = "com.microsoft:entity-already-exists"
    status = 409


class NotAllowed(BrokerError):
    """The entity is of another kind than the call needs: a session receiver on an entity without
    sessions or the reverse, a receiver on a topic, a sender on a subscription, a message without
    session id for an entity that requires one."""

    condition = "amqp:not-allowed"
    status = 400


class ArgumentOutOfRange(BrokerError):
    condition = "com.microsoft:argument-out-of-range"
    status = 400


class ArgumentWrong(BrokerError):
    """Such as a filter that cannot be read."""

    condition = "com.microsoft:argument-error"
    status = 400


class MessageSizeExceeded(BrokerError):
    condition = "amqp:link:message-size-exceeded"
    status = 413


class MessageNotFound(BrokerError):
    """A sequence number names no deferred (or, for a cancel, no scheduled) message."""

    condition = "com.microsoft:message-not-found"
    status = 404


class MessageLockLost(BrokerError):
    """The lock token is unknown, its lock has expired, or the message was settled already."""

    condition = "com.microsoft:message-lock-lost"
    status = 410


class SessionLockLost(BrokerError):
    condition = "com.microsoft:session-lock-lost"
    status = 410


class SessionCannotBeLocked(BrokerError):
    """Another receiver holds the session."""

    condition = "com.microsoft:session-cannot-be-locked"
    status = 409


class OperationTimedOut(BrokerError):
    """No session became available in the given time."""

    condition = "com.microsoft:timeout"
    status = 408


class BrokerUnavailable(BrokerError):
    """The broker is stopped, or its disk refused the commit: nothing of the operation was applied,
    and it may be tried again."""

    condition = "com.microsoft:server-busy"
    status = 503


class BrokerSuperseded(BrokerUnavailable):
    """Another process has taken over; this one must not serve any more."""
