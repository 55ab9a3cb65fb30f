"""Writes AMQP values, each in its shortest form."""

import struct
from collections.abc import Callable, Iterable
from decimal import Decimal
from struct import Struct, pack
from typing import Any
from uuid import UUID

from funchost.servicebus.amqp.values import (
    Array,
    Byte,
    Char,
    Described,
    Float,
    Int,
    Raw,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

__all__ = ["encode", "encode_described_list", "encode_list", "encode_map", "encode_pairs"]

_SIZED_32 = Struct(">BII")
_DECIMAL128_BIAS = 6176
_DECIMAL128_DIGITS = 34


def encode(value: Any) -> bytes:
    """Raises TypeError for what AMQP has no type for, ValueError for a number out of range."""
    try:
        return _WRITERS[type(value)](value)
    except KeyError:
        raise TypeError(f"AMQP has no type for {type(value).__name__}") from None
    except struct.error as error:
        raise ValueError(f"{value!r} is out of range: {error}") from error


def encode_described_list(code: int, fields: Iterable[Any]) -> bytes:
    """The descriptor is always a smallulong: the vendor's decoder looks at its third byte alone."""
    return b"\x00\x53" + bytes((code,)) + encode_list([encode(field) for field in fields])


def encode_list(elements: list[bytes]) -> bytes:
    """Of elements that are encoded already. Nulls at the end are left out."""
    count = len(elements)
    while count and elements[count - 1] == b"\x40":
        count -= 1
    return _compound(0xC0, elements[:count], count) if count else b"\x45"


def encode_map(pairs: list[bytes]) -> bytes:
    """Of entries that are encoded already, each key with its value."""
    return _compound(0xC1, pairs, 2 * len(pairs))


def encode_pairs(entries: dict[Any, Any]) -> list[bytes]:
    return [encode(key) + encode(value) for key, value in entries.items()]


def _compound(constructor: int, parts: list[bytes], count: int) -> bytes:
    body = b"".join(parts)
    if count < 256 and len(body) < 255:
        return bytes((constructor, len(body) + 1, count)) + body
    return _SIZED_32.pack(constructor + 0x10, len(body) + 4, count) + body


def _variable(constructor: int) -> Callable[[bytes], bytes]:
    def write(value: bytes) -> bytes:
        if len(value) < 256:
            return bytes((constructor, len(value))) + value
        return pack(">BI", constructor + 0x10, len(value)) + value

    return write


_write_binary = _variable(0xA0)
_write_string = _variable(0xA1)
_write_symbol = _variable(0xA3)


def _write_uint(value: int) -> bytes:
    if value == 0:
        return b"\x43"
    return pack(">BB", 0x52, value) if 0 < value < 256 else pack(">BI", 0x70, value)


def _write_ulong(value: int) -> bytes:
    if value == 0:
        return b"\x44"
    return pack(">BB", 0x53, value) if 0 < value < 256 else pack(">BQ", 0x80, value)


def _write_int(value: int) -> bytes:
    return pack(">Bb", 0x54, value) if -128 <= value < 128 else pack(">Bi", 0x71, value)


def _write_long(value: int) -> bytes:
    return pack(">Bb", 0x55, value) if -128 <= value < 128 else pack(">Bq", 0x81, value)


def _write_decimal(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        high = {"F": 0x78, "n": 0x7C, "N": 0x7C}[exponent]
        return bytes((0x94, high | sign << 7)) + bytes(15)
    coefficient = int("".join(map(str, digits)))
    biased = exponent + _DECIMAL128_BIAS
    if len(digits) > _DECIMAL128_DIGITS or not 0 <= biased < 3 << 12:
        raise ValueError(f"{value} does not fit into a decimal128")
    return b"\x94" + (sign << 127 | biased << 113 | coefficient).to_bytes(16, "big")


def _write_list(value: list[Any]) -> bytes:
    return _compound(0xC0, [encode(item) for item in value], len(value)) if value else b"\x45"


def _write_map(value: dict[Any, Any]) -> bytes:
    return _compound(0xC1, encode_pairs(value), 2 * len(value))


def _write_array(value: Array) -> bytes:
    writer = _ARRAY_ELEMENTS.get(value.constructor)
    if writer is None:
        raise TypeError(f"arrays of constructor 0x{value.constructor:02x} are not written")
    if not value:
        # With a constructor the vendor's decoder stumbles over it, without one others do.
        raise ValueError("empty arrays are not written")
    body = bytes((value.constructor,)) + b"".join(map(writer, value))
    # Always the wide form, as Service Bus's own arrays are.
    return _SIZED_32.pack(0xF0, len(body) + 4, len(value)) + body


def _write_described(value: Described) -> bytes:
    return b"\x00" + encode(value.descriptor) + encode(value.value)


_ARRAY_ELEMENTS: dict[int, Callable[[Any], bytes]] = {
    0x70: lambda value: pack(">I", value),
    0x71: lambda value: pack(">i", value),
    0x80: lambda value: pack(">Q", value),
    0x81: lambda value: pack(">q", value),
    0x83: lambda value: pack(">q", value),
    0x98: lambda value: value.bytes,
    0xA3: lambda value: pack(">B", len(value)) + value.encode(),
    0xB0: lambda value: pack(">I", len(value)) + value,
    0xB1: lambda value: pack(">I", len(value.encode())) + value.encode(),
}
_WRITERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    int: _write_long,
    float: lambda value: pack(">Bd", 0x82, value),
    str: lambda value: _write_string(value.encode()),
    bytes: _write_binary,
    Raw: bytes,
    UUID: lambda value: b"\x98" + value.bytes,
    Decimal: _write_decimal,
    list: _write_list,
    dict: _write_map,
    Array: _write_array,
    Described: _write_described,
    Symbol: lambda value: _write_symbol(value.encode()),
    Char: lambda value: pack(">BI", 0x73, ord(value)),
    Timestamp: lambda value: pack(">Bq", 0x83, value),
    UByte: lambda value: pack(">BB", 0x50, value),
    UShort: lambda value: pack(">BH", 0x60, value),
    UInt: _write_uint,
    ULong: _write_ulong,
    Byte: lambda value: pack(">Bb", 0x51, value),
    Short: lambda value: pack(">Bh", 0x61, value),
    Int: _write_int,
    Float: lambda value: pack(">Bf", 0x72, value),
}
