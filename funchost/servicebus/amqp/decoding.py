"""Reads AMQP values. Bounded in depth, counts and sizes, for input may be anybody's."""

import struct
from collections.abc import Callable
from decimal import Decimal
from struct import Struct
from typing import Any
from uuid import UUID

from funchost.servicebus.amqp.values import Char, DecodeError, Described, Symbol, Timestamp

__all__ = ["MAXIMUM_COUNT", "MAXIMUM_DEPTH", "decode", "decode_at", "skip"]

MAXIMUM_DEPTH = 64
MAXIMUM_COUNT = 65536
"""Of elements in a list, map or array: what the vendor's own SDKs take."""

_NULL = 0x40
_U2 = Struct(">H")
_U4 = Struct(">I")
_U8 = Struct(">Q")
_I2 = Struct(">h")
_I4 = Struct(">i")
_I8 = Struct(">q")
_F4 = Struct(">f")
_F8 = Struct(">d")
_SIZE_COUNT_8 = Struct(">BB")
_SIZE_COUNT_32 = Struct(">II")

_Read = Callable[[bytes, int, int], tuple[Any, int]]
_MALFORMED = (IndexError, struct.error, UnicodeDecodeError, TypeError)
"""What reading past the end, bad text and an unhashable map key end in."""


def decode(data: bytes) -> Any:
    """The one value that `data` is."""
    value, end = decode_at(data, 0)
    if end != len(data):
        raise DecodeError(f"{len(data) - end} bytes follow the value")
    return value


def decode_at(data: bytes, offset: int) -> tuple[Any, int]:
    """The value that starts at `offset`, and where it ends."""
    try:
        return _READERS[data[offset]](data, offset + 1, 0)
    except _MALFORMED as error:
        raise DecodeError(f"malformed value: {error}") from error


def skip(data: bytes, offset: int) -> int:
    """Where the value that starts at `offset` ends; what is inside is not looked at."""
    try:
        pending = 1
        while pending:
            constructor = data[offset]
            offset += 1
            kind = constructor >> 4
            if constructor == 0:
                pending += 2
            elif kind in _FIXED_WIDTHS:
                offset += _FIXED_WIDTHS[kind]
            elif kind in _SHORT_SIZES:
                offset += 1 + data[offset]
            elif kind in _LONG_SIZES:
                offset += 4 + int(_U4.unpack_from(data, offset)[0])
            else:
                raise DecodeError(f"no type has the constructor 0x{constructor:02x}")
            pending -= 1
    except (IndexError, struct.error) as error:
        raise DecodeError(f"malformed value: {error}") from error
    if offset > len(data):
        raise DecodeError("a value reaches past the end")
    return offset


_FIXED_WIDTHS = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_SHORT_SIZES = frozenset({0xA, 0xC, 0xE})
_LONG_SIZES = frozenset({0xB, 0xD, 0xF})


def _unknown(data: bytes, offset: int, depth: int) -> tuple[Any, int]:
    raise DecodeError(f"no type has the constructor 0x{data[offset - 1]:02x}")


def _constant(value: Any) -> _Read:
    return lambda data, offset, depth: (value, offset)


def _fixed(layout: Struct, of: Callable[[Any], Any] | None = None) -> _Read:
    unpack, width = layout.unpack_from, layout.size
    if of is None:
        return lambda data, offset, depth: (unpack(data, offset)[0], offset + width)
    return lambda data, offset, depth: (of(unpack(data, offset)[0]), offset + width)


def _unsigned_byte(data: bytes, offset: int, depth: int) -> tuple[int, int]:
    return data[offset], offset + 1


def _signed_byte(data: bytes, offset: int, depth: int) -> tuple[int, int]:
    value = data[offset]
    return (value - 256 if value > 127 else value), offset + 1


def _boolean(data: bytes, offset: int, depth: int) -> tuple[bool, int]:
    value = data[offset]
    if value > 1:
        raise DecodeError(f"a boolean may not be {value}")
    return value == 1, offset + 1


def _uuid(data: bytes, offset: int, depth: int) -> tuple[UUID, int]:
    return UUID(bytes=_take(data, offset, 16)), offset + 16


def _take(data: bytes, start: int, size: int) -> bytes:
    end = start + size
    if end > len(data):
        raise DecodeError("a value reaches past the end")
    return data[start:end]


def _decimal(width: int, exponent_bits: int, bias: int) -> _Read:
    """IEEE 754-2008 decimals in binary integer encoding."""
    bits = width * 8
    fraction_bits = bits - 1 - exponent_bits
    digits = {4: 7, 8: 16, 16: 34}[width]

    def read(data: bytes, offset: int, depth: int) -> tuple[Decimal, int]:
        number = int.from_bytes(_take(data, offset, width), "big")
        sign = number >> (bits - 1)
        top = number >> (bits - 6) & 0x1F
        if top == 0x1F:
            return Decimal("-NaN" if sign else "NaN"), offset + width
        if top == 0x1E:
            return Decimal("-Infinity" if sign else "Infinity"), offset + width
        if top >> 3 == 3:
            exponent = number >> (fraction_bits - 2) & ((1 << exponent_bits) - 1)
            coefficient = number & ((1 << (fraction_bits - 2)) - 1) | 4 << (fraction_bits - 2)
        else:
            exponent = number >> fraction_bits & ((1 << exponent_bits) - 1)
            coefficient = number & ((1 << fraction_bits) - 1)
        if coefficient >= 10**digits:
            coefficient = 0  # Not canonical, which the standard reads as zero.
        parts = tuple(map(int, str(coefficient)))
        return Decimal((sign, parts, exponent - bias)), offset + width

    return read


def _binary_8(data: bytes, offset: int, depth: int) -> tuple[bytes, int]:
    start = offset + 1
    end = start + data[offset]
    if end > len(data):
        raise DecodeError("a value reaches past the end")
    return data[start:end], end


def _binary_32(data: bytes, offset: int, depth: int) -> tuple[bytes, int]:
    start = offset + 4
    end = start + _U4.unpack_from(data, offset)[0]
    if end > len(data):
        raise DecodeError("a value reaches past the end")
    return data[start:end], end


def _string_8(data: bytes, offset: int, depth: int) -> tuple[str, int]:
    start = offset + 1
    end = start + data[offset]
    if end > len(data):
        raise DecodeError("a value reaches past the end")
    return data[start:end].decode(), end


def _string_32(data: bytes, offset: int, depth: int) -> tuple[str, int]:
    value, end = _binary_32(data, offset, depth)
    return value.decode(), end


def _symbol_8(data: bytes, offset: int, depth: int) -> tuple[Symbol, int]:
    value, end = _binary_8(data, offset, depth)
    return Symbol(value.decode()), end


def _symbol_32(data: bytes, offset: int, depth: int) -> tuple[Symbol, int]:
    value, end = _binary_32(data, offset, depth)
    return Symbol(value.decode()), end


def _opening(data: bytes, offset: int, depth: int, layout: Struct) -> tuple[int, int, int]:
    """How many elements follow, where they start, and where they must end."""
    if depth >= MAXIMUM_DEPTH:
        raise DecodeError(f"values are nested more than {MAXIMUM_DEPTH} deep")
    size, count = layout.unpack_from(data, offset)
    start = offset + layout.size
    end = start - layout.size // 2 + size
    if end > len(data) or end < start:
        raise DecodeError("a list, map or array reaches past the end")
    if count > MAXIMUM_COUNT:
        raise DecodeError(f"a list, map or array holds more than {MAXIMUM_COUNT} elements")
    return count, start, end


def _elements(data: bytes, offset: int, depth: int, layout: Struct) -> tuple[list[Any], int]:
    count, offset, end = _opening(data, offset, depth, layout)
    if count > end - offset:
        raise DecodeError("a list or map counts more elements than it has bytes")
    values: list[Any] = []
    append = values.append
    depth += 1
    for _ in range(count):
        constructor = data[offset]
        if constructor == _NULL:  # Most fields of most performatives and properties are.
            append(None)
            offset += 1
            continue
        value, offset = _READERS[constructor](data, offset + 1, depth)
        append(value)
    if offset != end:
        raise DecodeError("a list or map is not as long as it says")
    return values, end


def _list_8(data: bytes, offset: int, depth: int) -> tuple[list[Any], int]:
    return _elements(data, offset, depth, _SIZE_COUNT_8)


def _list_32(data: bytes, offset: int, depth: int) -> tuple[list[Any], int]:
    return _elements(data, offset, depth, _SIZE_COUNT_32)


def _empty_list(data: bytes, offset: int, depth: int) -> tuple[list[Any], int]:
    if depth >= MAXIMUM_DEPTH:
        raise DecodeError(f"values are nested more than {MAXIMUM_DEPTH} deep")
    return [], offset


def _map(layout: Struct) -> _Read:
    def read(data: bytes, offset: int, depth: int) -> tuple[dict[Any, Any], int]:
        values, end = _elements(data, offset, depth, layout)
        if len(values) % 2:
            raise DecodeError("a map holds a key without a value")
        pairs = iter(values)
        return dict(zip(pairs, pairs, strict=True)), end

    return read


def _array(layout: Struct) -> _Read:
    def read(data: bytes, offset: int, depth: int) -> tuple[list[Any], int]:
        count, offset, end = _opening(data, offset, depth, layout)
        depth += 1
        descriptors: list[Any] = []
        # An empty array may lack the constructor: the vendor's encoder leaves it out.
        constructor = data[offset] if count or offset < end else _NULL
        offset += 1
        while constructor == 0 and offset < end and len(descriptors) < MAXIMUM_DEPTH:
            descriptor, offset = _descriptor(data, offset, depth)
            descriptors.append(descriptor)
            constructor = data[offset]
            offset += 1
        if not count:
            return [], end
        if constructor >> 4 in (0x0, 0x4) or count > end - offset:
            # Elements of no width would let a few bytes claim any amount of memory.
            raise DecodeError("an array counts more elements than it has bytes")
        reader = _READERS[constructor]
        values: list[Any] = []
        for _ in range(count):
            value, offset = reader(data, offset, depth)
            for descriptor in reversed(descriptors):
                value = Described(descriptor, value)
            values.append(value)
        if offset != end:
            raise DecodeError("an array is not as long as it says")
        return values, end

    return read


def _described(data: bytes, offset: int, depth: int) -> tuple[Described, int]:
    if depth >= MAXIMUM_DEPTH:
        raise DecodeError(f"values are nested more than {MAXIMUM_DEPTH} deep")
    depth += 1
    descriptor, offset = _descriptor(data, offset, depth)
    value, offset = _READERS[data[offset]](data, offset + 1, depth)
    return Described(descriptor, value), offset


def _descriptor(data: bytes, offset: int, depth: int) -> tuple[int | Symbol, int]:
    """The standard allows any value, and uses numbers and symbols."""
    descriptor, offset = _READERS[data[offset]](data, offset + 1, depth)
    if type(descriptor) not in (int, Symbol):
        raise DecodeError("a descriptor is neither a number nor a symbol")
    return descriptor, offset


_KNOWN: dict[int, _Read] = {
    0x00: _described,
    _NULL: _constant(None),
    0x41: _constant(True),
    0x42: _constant(False),
    0x43: _constant(0),
    0x44: _constant(0),
    0x45: _empty_list,
    0x50: _unsigned_byte,
    0x51: _signed_byte,
    0x52: _unsigned_byte,
    0x53: _unsigned_byte,
    0x54: _signed_byte,
    0x55: _signed_byte,
    0x56: _boolean,
    0x60: _fixed(_U2),
    0x61: _fixed(_I2),
    0x70: _fixed(_U4),
    0x71: _fixed(_I4),
    0x72: _fixed(_F4),
    0x73: _fixed(_U4, lambda code: Char(_character(code))),
    0x74: _decimal(4, 8, 101),
    0x80: _fixed(_U8),
    0x81: _fixed(_I8),
    0x82: _fixed(_F8),
    0x83: _fixed(_I8, Timestamp),
    0x84: _decimal(8, 10, 398),
    0x94: _decimal(16, 14, 6176),
    0x98: _uuid,
    0xA0: _binary_8,
    0xA1: _string_8,
    0xA3: _symbol_8,
    0xB0: _binary_32,
    0xB1: _string_32,
    0xB3: _symbol_32,
    0xC0: _list_8,
    0xC1: _map(_SIZE_COUNT_8),
    0xD0: _list_32,
    0xD1: _map(_SIZE_COUNT_32),
    0xE0: _array(_SIZE_COUNT_8),
    0xF0: _array(_SIZE_COUNT_32),
}
_READERS: list[_Read] = [_KNOWN.get(constructor, _unknown) for constructor in range(256)]


def _character(code: int) -> str:
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise DecodeError(f"no character has the code {code}")
    return chr(code)
