"""Writes a message as a receiver gets it: what the broker owns anew, all else as it came."""

from struct import pack

from funchost.servicebus.amqp.encoding import encode, encode_map
from funchost.servicebus.amqp.sections import HEADER, MESSAGE_ANNOTATIONS, EncodedMessage
from funchost.servicebus.amqp.values import Symbol
from funchost.servicebus.broker.interface import StoredMessage

__all__ = ["as_received"]

_OWNED = frozenset(
    encode(Symbol(f"x-opt-{name}"))
    for name in (
        "enqueued-time",
        "sequence-number",
        "enqueue-sequence-number",
        "locked-until",
        "message-state",
        "deadletter-source",
        "lock-token",
    )
)
"""Annotations that the broker writes and a sender may not."""

_ENQUEUED = encode(Symbol("x-opt-enqueued-time")) + b"\x83"
_SEQUENCE = encode(Symbol("x-opt-sequence-number")) + b"\x81"
_ENQUEUED_SEQUENCE = encode(Symbol("x-opt-enqueue-sequence-number")) + b"\x81"
_LOCKED = encode(Symbol("x-opt-locked-until")) + b"\x83"
_STATE = encode(Symbol("x-opt-message-state")) + b"\x54"
_DEAD_LETTER_SOURCE = encode(Symbol("x-opt-deadletter-source"))
_LONGEST_UINT = 0xFFFF_FFFF


def as_received(stored: StoredMessage) -> bytes:
    message = EncodedMessage(stored.encoded)
    pairs = [
        _ENQUEUED + pack(">q", stored.enqueued_at),
        _SEQUENCE + pack(">q", stored.sequence_number),
        _ENQUEUED_SEQUENCE + pack(">q", stored.enqueued_sequence_number),
    ]
    if stored.locked_until is not None:
        pairs.append(_LOCKED + pack(">q", stored.locked_until))
    if stored.state:
        pairs.append(_STATE + bytes((stored.state,)))
    if stored.dead_letter_source is not None:
        pairs.append(_DEAD_LETTER_SOURCE + encode(stored.dead_letter_source))
    own = iter(message.elements(MESSAGE_ANNOTATIONS))
    pairs += [key + value for key, value in zip(own, own, strict=True) if key not in _OWNED]
    return message.encode(
        {HEADER: _header(message, stored), MESSAGE_ANNOTATIONS: encode_map(pairs)}
    )


def _header(message: EncodedMessage, stored: StoredMessage) -> bytes:
    """The client's own durable and priority stay."""
    fields = message.elements(HEADER)[:3]
    fields += [b"\x40"] * (3 - len(fields))
    if stored.time_to_live is not None:
        # A longer limit than the field can say is as good as none.
        fields[2] = b"\x70" + pack(">I", min(stored.time_to_live, _LONGEST_UINT))
    fields.append(b"\x42" if stored.delivery_count else b"\x41")
    fields.append(b"\x70" + pack(">I", stored.delivery_count) if stored.delivery_count else b"\x43")
    body = b"".join(fields)
    # Its fields are of fixed width: a short list has room for them.
    return b"\xc0" + bytes((len(body) + 1, 5)) + body
