"""The codec against the vendor's own encoder and decoder, value by value."""

import math
import struct
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from azure.servicebus._pyamqp import _decode as theirs
from azure.servicebus._pyamqp._encode import encode_value
from azure.servicebus._pyamqp.types import TYPE, VALUE, AMQPTypes
from hypothesis import given
from hypothesis import strategies as st

from funchost.servicebus.amqp.decoding import MAXIMUM_DEPTH, decode, decode_at, skip
from funchost.servicebus.amqp.encoding import encode
from funchost.servicebus.amqp.values import (
    Array,
    Byte,
    Char,
    DecodeError,
    Described,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

TEXT = st.text(max_size=12) | st.sampled_from(["é" * 127, "é" * 128])
_INTEGERS: dict[str, tuple[type[int], int, int]] = {
    AMQPTypes.ubyte: (UByte, 0, 2**8 - 1),
    AMQPTypes.ushort: (UShort, 0, 2**16 - 1),
    AMQPTypes.uint: (UInt, 0, 2**32 - 1),
    AMQPTypes.ulong: (ULong, 0, 2**64 - 1),
    AMQPTypes.byte: (Byte, -(2**7), 2**7 - 1),
    AMQPTypes.short: (Short, -(2**15), 2**15 - 1),
    AMQPTypes.int: (Int, -(2**31), 2**31 - 1),
    AMQPTypes.long: (int, -(2**63), 2**63 - 1),
    AMQPTypes.timestamp: (Timestamp, -(2**63), 2**63 - 1),
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False),
    TEXT,
    st.binary(max_size=12) | st.integers(254, 257).map(bytes),
    st.uuids(),
    *(st.integers(low, high).map(kind) for kind, low, high in _INTEGERS.values()),
    st.text(st.characters(max_codepoint=127), max_size=20).map(Symbol),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TEXT, inner, max_size=6),
    max_leaves=15,
)


def their_value(data: bytes) -> Any:
    rest, value = theirs._DECODE_BY_CONSTRUCTOR[data[0]](memoryview(data)[1:])
    assert not rest
    return value


def their_bytes(value: Any) -> bytes:
    output = bytearray()
    encode_value(output, value)
    return bytes(output)


def as_theirs(value: Any) -> Any:
    """Text is bytes to the vendor's decoder."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [as_theirs(item) for item in value]
    if isinstance(value, dict):
        return {as_theirs(key): as_theirs(item) for key, item in value.items()}
    return value


@given(VALUES)
def test_the_vendors_decoder_reads_what_we_write(value: Any) -> None:
    assert their_value(encode(value)) == as_theirs(value)


@given(VALUES)
def test_what_we_write_we_read_and_skip(value: Any) -> None:
    data = encode(value)
    assert decode(data) == value
    assert skip(b"??" + data + b"??", 2) == 2 + len(data)


@pytest.mark.parametrize("kind", _INTEGERS)
@given(data=st.data())
def test_we_read_the_integers_that_the_vendors_encoder_writes(
    kind: str, data: st.DataObject
) -> None:
    _, low, high = _INTEGERS[kind]
    value = data.draw(st.integers(low, high))
    assert decode(their_bytes({TYPE: kind, VALUE: value})) == value


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**31), 2**31 - 1)
        | st.floats(allow_nan=False)
        | TEXT
        | st.uuids(),
        lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TEXT, inner, max_size=6),
        max_leaves=15,
    )
)
def test_we_read_the_values_that_the_vendors_encoder_writes(value: Any) -> None:
    assert decode(their_bytes(value)) == value


@given(
    st.lists(st.uuids(), min_size=1, max_size=30),
    st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=300),
)
def test_arrays_pass_both_ways(uuids: list[UUID], numbers: list[int]) -> None:
    for kind, constructor, items in (
        (AMQPTypes.uuid, 0x98, uuids),
        (AMQPTypes.long, 0x81, numbers),
        (AMQPTypes.timestamp, 0x83, numbers),
    ):
        theirs_written = their_bytes(
            {TYPE: AMQPTypes.array, VALUE: [{TYPE: kind, VALUE: item} for item in items]}
        )
        assert decode(theirs_written) == items
        assert their_value(encode(Array(constructor, items))) == items


@given(st.lists(TEXT, min_size=1))
def test_arrays_of_text_are_read_by_the_vendors_decoder(items: list[str]) -> None:
    written = encode(Array(0xB1, items))
    assert their_value(written) == [item.encode() for item in items]
    assert decode(written) == items


@given(
    st.decimals(allow_nan=False, allow_infinity=False).filter(
        lambda value: (
            len(value.as_tuple().digits) <= 33 and -6000 < int(value.as_tuple().exponent) < 6000
        )
    )
)
def test_decimals_of_the_vendors_encoder_are_read(value: Decimal) -> None:
    read = decode(their_bytes(value))
    assert read.as_tuple() == value.as_tuple()
    assert encode(value) == their_bytes(value)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("94 3040000000000000000000000000 007b", "123"),
        ("94 b040000000000000000000000000 007b", "-123"),
        ("94 303e000000000000000000000000 007b", "12.3"),
        ("94 7800000000000000000000000000 0000", "Infinity"),
        ("94 f800000000000000000000000000 0000", "-Infinity"),
        ("84 31c000000000007b", "123"),
        ("74 3280007b", "123"),
        ("74 6cb89680", "10000000"),
    ],
)
def test_decimals_of_every_width_are_read(data: str, text: str) -> None:
    read = decode(bytes.fromhex(data))
    # Ten million has one digit more than a decimal32 may hold, which makes it zero.
    assert read == (Decimal(text) if text != "10000000" else 0)


def test_numbers_that_are_not_numbers_are_read_as_such() -> None:
    assert math.isnan(decode(b"\x82" + struct.pack(">d", math.nan)))
    assert decode(bytes.fromhex("94 7c000000000000000000000000000000")).is_nan()
    assert encode(Decimal("NaN")) == bytes.fromhex("94 7c000000000000000000000000000000")


@given(st.floats(width=32, allow_nan=False))
def test_small_floats_pass(value: float) -> None:
    assert decode(encode(Float(value))) == value


@given(st.characters(exclude_categories=["Cs"]))
def test_characters_pass(value: str) -> None:
    assert decode(encode(Char(value))) == value
    assert type(decode(encode(Char(value)))) is Char


def test_types_that_differ_from_pythons_keep_theirs() -> None:
    assert type(decode(encode(Symbol("a")))) is Symbol
    assert type(decode(encode(Timestamp(1)))) is Timestamp
    assert decode(encode(Described(ULong(9), ["x"]))) == Described(9, ["x"])
    described_array = bytes.fromhex("e0 07 02 00 53 09 52 01 02")
    assert decode(described_array) == [Described(9, 1), Described(9, 2)]


@pytest.mark.parametrize(
    "value", [UByte(256), UShort(-1), UInt(2**32), ULong(-1), Byte(128), Int(2**31), 2**63]
)
def test_a_number_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        encode(value)


def test_empty_arrays_are_read_in_both_forms_and_never_written() -> None:
    without_constructor = their_bytes({TYPE: AMQPTypes.array, VALUE: []})
    assert decode(without_constructor) == decode(bytes.fromhex("e0 02 00 98")) == []
    with pytest.raises(ValueError, match="empty arrays"):
        encode(Array(0x98, []))


def test_a_type_that_amqp_lacks_is_refused() -> None:
    with pytest.raises(TypeError, match="AMQP has no type for set"):
        encode({"key": set()})


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "malformed"),
        ("40 40", "1 bytes follow"),
        ("a1 05 61", "past the end"),
        ("b1 7fffffff 61", "past the end"),
        ("98 00", "past the end"),
        ("83 00", "malformed"),
        ("a1 01 ff", "malformed"),
        ("56 02", "boolean"),
        ("73 0000d800", "character"),
        ("c0 01 01", "more elements than it has bytes"),
        ("c0 03 01 43 43", "not as long as it says"),
        ("c1 02 01 43", "without a value"),
        ("c1 03 02 45 43", "malformed"),
        ("d0 ffffffff 00000001", "past the end"),
        ("d0 00000004 00010001", "more than 65536"),
        ("e0 02 ff 43", "more elements than it has bytes"),
        ("f0 00000005 0000ffff 40", "more elements than it has bytes"),
        ("00 45 43", "neither a number nor a symbol"),
        ("01", "no type has the constructor 0x01"),
    ],
)
def test_malformed_bytes_are_refused(data: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        decode(bytes.fromhex(data))


def nested(depth: int) -> bytes:
    data = b"\x45"
    for _ in range(depth - 1):
        data = b"\xd0" + struct.pack(">II", len(data) + 4, 1) + data
    return data


def test_values_may_be_nested_so_deep_and_no_deeper() -> None:
    assert decode(nested(MAXIMUM_DEPTH))
    with pytest.raises(DecodeError, match="nested"):
        decode(nested(MAXIMUM_DEPTH + 1))
    assert skip(nested(5000), 0) == len(nested(5000))


@given(st.binary(max_size=200), st.integers(0, 255))
def test_garbage_raises_nothing_but_a_decode_error(data: bytes, first: int) -> None:
    for read in (lambda each: decode_at(each, 0), lambda each: skip(each, 0)):
        try:
            read(bytes((first,)) + data)
        except DecodeError:
            continue


@given(VALUES, st.data())
def test_damaged_values_raise_nothing_but_a_decode_error(value: Any, data: st.DataObject) -> None:
    damaged = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for each in (bytes(damaged), cut):
        try:
            decode(each)
        except DecodeError:
            continue
