"""Finds the sections of an encoded message and reads its envelope; the body stays bytes (3.2)."""

import struct
from collections.abc import Mapping
from struct import Struct
from typing import Any, Final
from uuid import UUID

from funchost.servicebus.amqp.decoding import MAXIMUM_COUNT, decode_at, skip
from funchost.servicebus.amqp.values import DecodeError, Described, Timestamp

__all__ = [
    "APPLICATION_PROPERTIES",
    "BATCH_FORMAT",
    "DATA",
    "HEADER",
    "MESSAGE_ANNOTATIONS",
    "PROPERTIES",
    "EncodedMessage",
    "raw_elements",
    "split_batch",
]

HEADER: Final = 0x70
DELIVERY_ANNOTATIONS: Final = 0x71
MESSAGE_ANNOTATIONS: Final = 0x72
PROPERTIES: Final = 0x73
APPLICATION_PROPERTIES: Final = 0x74
DATA: Final = 0x75
SEQUENCE: Final = 0x76
VALUE: Final = 0x77
FOOTER: Final = 0x78
BATCH_FORMAT: Final = 0x80013700
"""The message format of several messages in one transfer, a data section each."""

_ONCE = (HEADER, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES)
_MAXIMUM_SECTIONS = 65_536
_MAXIMUM_BATCH = 10_000
"""More than fit with an id each; without, a transfer of a few bytes a message would cost a lot."""
_SYMBOLIC = {
    b"amqp:header:list": HEADER,
    b"amqp:delivery-annotations:map": DELIVERY_ANNOTATIONS,
    b"amqp:message-annotations:map": MESSAGE_ANNOTATIONS,
    b"amqp:properties:list": PROPERTIES,
    b"amqp:application-properties:map": APPLICATION_PROPERTIES,
    b"amqp:data:binary": DATA,
    b"amqp:amqp-sequence:list": SEQUENCE,
    b"amqp:amqp-value:*": VALUE,
    b"amqp:footer:map": FOOTER,
}
_U4 = Struct(">I")


class EncodedMessage:
    """One message as it came. Its sections are found at once, each is decoded when first asked for.

    Raises DecodeError from the constructor where a section is missing its end, and from a property
    where the section is not what the standard says.
    """

    __slots__ = (
        "_annotations",
        "_application_properties",
        "_header",
        "_properties",
        "body",
        "data",
        "has_delivery_annotations",
        "spans",
    )

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.spans: dict[int, tuple[int, int]] = {}
        """Where the value of a section starts and ends, for those that occur once."""
        self.body: list[tuple[int, int, int]] = []
        """Sections that are copied and not looked at: code, start and end of the value."""
        self.has_delivery_annotations = False
        self._header: list[Any] | None = None
        self._annotations: dict[Any, Any] | None = None
        self._properties: list[Any] | None = None
        self._application_properties: dict[str, Any] | None = None
        offset, size = 0, len(data)
        while offset < size:
            code, start = _descriptor(data, offset)
            offset = skip(data, start)
            if code in _ONCE:
                if code in self.spans:
                    raise DecodeError(f"a message has two sections 0x{code:02x}")
                self.spans[code] = (start, offset)
            elif code == DELIVERY_ANNOTATIONS:
                self.has_delivery_annotations = True
            else:
                self.body.append((code, start, offset))
                if len(self.body) > _MAXIMUM_SECTIONS:
                    raise DecodeError(f"a message has more than {_MAXIMUM_SECTIONS} sections")

    def encode(self, replaced: Mapping[int, bytes] | None = None) -> bytes:
        """The message anew, without delivery annotations, which are meant for one hop. Values in
        `replaced` stand for those of their sections; all others are copied as they are."""
        parts: list[bytes] = []
        for code in _ONCE:
            value = replaced.get(code) if replaced else None
            if value is not None:
                parts += (b"\x00\x53", bytes((code,)), value)
            elif code in self.spans:
                start, end = self.spans[code]
                parts += (b"\x00\x53", bytes((code,)), self.data[start:end])
        for code, start, end in self.body:
            parts += (b"\x00\x53", bytes((code,)), self.data[start:end])
        return b"".join(parts)

    def elements(self, code: int) -> list[bytes]:
        """What the list or the map of a section holds, encoded; empty without that section."""
        span = self.spans.get(code)
        return raw_elements(self.data, span[0]) if span else []

    def check(self) -> None:
        """Decodes everything, so that nobody is ever sent what cannot be read.

        Raises DecodeError.
        """
        _ = self.header, self.annotations, self.application_properties
        properties = self.properties
        for index, kinds in _PROPERTY_TYPES.items():
            value = properties[index]
            if value is not None and type(value) not in kinds:
                raise DecodeError(f"{_PROPERTY_NAMES[index]} may not be a {type(value).__name__}")
        kinds_of_body = {code for code, _, _ in self.body if code != FOOTER}
        if len(kinds_of_body) > 1:
            raise DecodeError("a message has bodies of two kinds")
        values = 0
        for code, start, _ in self.body:
            if code == DATA:
                if self.data[start] not in (0xA0, 0xB0):
                    raise DecodeError("a data section is not binary")
                continue
            value, _ = decode_at(self.data, start)
            if (code == SEQUENCE and type(value) is not list) or (
                code == FOOTER and type(value) is not dict
            ):
                raise DecodeError(f"a section 0x{code:02x} is a {type(value).__name__}")
            values += code == VALUE
        if values > 1:
            raise DecodeError("a message has two values as its body")

    @property
    def header(self) -> list[Any]:
        """durable, priority, ttl in milliseconds, first-acquirer, delivery-count."""
        if self._header is None:
            header = self._list(HEADER, 5)
            for name, kind, value in zip(_HEADER_NAMES, _HEADER_TYPES, header, strict=True):
                if value is not None and type(value) is not kind:
                    raise DecodeError(f"{name} may not be a {type(value).__name__}")
            self._header = header
        return self._header

    @property
    def annotations(self) -> dict[Any, Any]:
        if self._annotations is None:
            self._annotations = self._map(MESSAGE_ANNOTATIONS)
        return self._annotations

    @property
    def properties(self) -> list[Any]:
        """The thirteen fields of 3.2.4, None where absent."""
        if self._properties is None:
            self._properties = self._list(PROPERTIES, 13)
        return self._properties

    @property
    def application_properties(self) -> dict[str, Any]:
        if self._application_properties is None:
            found = self._map(APPLICATION_PROPERTIES)
            for key, value in found.items():
                if not isinstance(key, str):
                    raise DecodeError("the name of an application property is not a string")
                if isinstance(value, list | dict | Described):
                    raise DecodeError(f"the application property {key!r} is not a simple value")
            self._application_properties = found
        return self._application_properties

    @property
    def message_id(self) -> str | None:
        """As text, whichever of its four types it is."""
        return _text(self.properties[0])

    @property
    def to(self) -> str | None:
        return _text(self.properties[2])

    @property
    def subject(self) -> str | None:
        return _text(self.properties[3])

    @property
    def reply_to(self) -> str | None:
        return _text(self.properties[4])

    @property
    def correlation_id(self) -> str | None:
        return _text(self.properties[5])

    @property
    def content_type(self) -> str | None:
        return _text(self.properties[6])

    @property
    def session_id(self) -> str | None:
        return _text(self.properties[10])

    @property
    def reply_to_session_id(self) -> str | None:
        return _text(self.properties[12])

    @property
    def time_to_live_ms(self) -> int | None:
        ttl: int | None = self.header[2]
        return ttl

    @property
    def partition_key(self) -> str | None:
        return _text(self.annotations.get("x-opt-partition-key"))

    @property
    def scheduled_enqueue_time_ms(self) -> int | None:
        time = self.annotations.get("x-opt-scheduled-enqueue-time")
        if time is None:
            return None
        if type(time) is not Timestamp:
            raise DecodeError("x-opt-scheduled-enqueue-time is not a timestamp")
        return int(time)

    @property
    def body_value(self) -> Any:
        """Data sections joined as bytes, sequences joined as a list, a value, or None."""
        parts = [decode_at(self.data, start)[0] for code, start, _ in self.body if code != FOOTER]
        if not parts or self.body[0][0] == VALUE:
            return parts[0] if parts else None
        if self.body[0][0] == DATA:
            return b"".join(parts)
        return [item for part in parts for item in part]

    def _list(self, code: int, width: int) -> list[Any]:
        span = self.spans.get(code)
        if span is None:
            return [None] * width
        value, _ = decode_at(self.data, span[0])
        if type(value) is not list or len(value) > width:
            raise DecodeError(f"a section 0x{code:02x} is not a list of at most {width} fields")
        return value + [None] * (width - len(value))

    def _map(self, code: int) -> dict[Any, Any]:
        span = self.spans.get(code)
        if span is None:
            return {}
        value, _ = decode_at(self.data, span[0])
        if type(value) is not dict:
            raise DecodeError(f"a section 0x{code:02x} is not a map")
        return value


_HEADER_NAMES = ("durable", "priority", "ttl", "first-acquirer", "delivery-count")
_HEADER_TYPES = (bool, int, int, bool, int)
_PROPERTY_NAMES = {
    0: "message-id",
    2: "to",
    3: "subject",
    4: "reply-to",
    5: "correlation-id",
    10: "group-id",
    12: "reply-to-group-id",
}
_ID_TYPES = (str, UUID, int, bytes)
_PROPERTY_TYPES: dict[int, tuple[type, ...]] = {
    index: _ID_TYPES if name.endswith("-id") and index < 10 else (str,)
    for index, name in _PROPERTY_NAMES.items()
}


def _text(value: Any) -> str | None:
    if value is None or type(value) is str:
        return value
    return value.hex() if isinstance(value, bytes) else str(value)


def _descriptor(data: bytes, offset: int) -> tuple[int, int]:
    """The code of the section that starts here, and where its value starts."""
    kind = data[offset + 1 : offset + 2]
    if data[offset] or not kind:
        raise DecodeError("a section does not start with a descriptor")
    if kind == b"\x53" and offset + 2 < len(data):
        code, start = data[offset + 2], offset + 3
    else:
        descriptor, start = decode_at(data, offset + 1)
        if isinstance(descriptor, str):
            descriptor = _SYMBOLIC.get(descriptor.encode())
        code = descriptor if isinstance(descriptor, int) else -1
    if not HEADER <= code <= FOOTER:
        raise DecodeError("a message has a section that the standard does not know")
    return code, start


def raw_elements(data: bytes, offset: int) -> list[bytes]:
    """The elements of the list or map at `offset`, encoded as they are; of a map, in turns."""
    try:
        constructor = data[offset]
        if constructor == 0x45:
            return []
        if constructor in (0xC0, 0xC1):
            count, offset = data[offset + 2], offset + 3
        elif constructor in (0xD0, 0xD1):
            count, offset = _U4.unpack_from(data, offset + 5)[0], offset + 9
        else:
            raise DecodeError("a list or a map is expected")
    except (IndexError, struct.error) as error:
        raise DecodeError(f"malformed value: {error}") from error
    if count > MAXIMUM_COUNT:
        raise DecodeError(f"a list or map holds more than {MAXIMUM_COUNT} elements")
    elements = []
    for _ in range(count):
        end = skip(data, offset)
        elements.append(data[offset:end])
        offset = end
    return elements


def split_batch(data: bytes) -> list[bytes]:
    """The messages of a transfer in BATCH_FORMAT. Its own envelope says nothing that they lack."""
    envelope = EncodedMessage(data)
    if len(envelope.body) > _MAXIMUM_BATCH:
        raise DecodeError(f"a batch holds more than {_MAXIMUM_BATCH} messages")
    messages = []
    for code, start, _ in envelope.body:
        message, _ = decode_at(data, start)
        if code != DATA or not isinstance(message, bytes):
            raise DecodeError("a batch holds a section that is not data")
        messages.append(message)
    if not messages:
        raise DecodeError("a batch holds no message")
    return messages
