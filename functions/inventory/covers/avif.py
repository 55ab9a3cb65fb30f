"""How large the pictures in an AVIF file are, read without a decoder.

The file says it twice: its boxes (`ispe`) tell what is shown, the AV1 stream of each item tells
what a decoder will make room for before anything is scaled or cropped. They need not agree.

https://aomediacodec.github.io/av1-avif/ and https://aomediacodec.github.io/av1-spec/ (5.3, 5.5)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MOST_BOXES: Final = 10_000
_MOST_EXTENTS: Final = 4_096
_SEQUENCE_HEADER: Final = 1
_IN_FILE: Final = 0
_IN_META: Final = 1


@dataclass(frozen=True, slots=True)
class CodedSize:
    """Of one AV1 item. A frame may be as large as `room` says, whatever the stream announces."""

    width: int
    height: int
    room: int


def coded_sizes(content: bytes) -> list[CodedSize]:
    """One for each AV1 item, be it shown, a tile, or transparency.

    Raises ValueError where the boxes or streams cannot be followed.
    """
    try:
        for kind, begin, end in _boxes(content, 0, len(content)):
            if kind == b"meta":
                return [_coded_size(data) for data in _av1_items(content, begin + 4, end)]
    except IndexError:
        raise ValueError("a box or a stream is cut short") from None
    raise ValueError("there is no meta box")


def _boxes(content: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The name of each box, and where its body begins and ends."""
    for _ in range(_MOST_BOXES):
        if at + 8 > end:
            return
        size, kind, body = _number(content, at, 4), content[at + 4 : at + 8], at + 8
        if size == 1:
            size, body = _number(content, at + 8, 8), at + 16
        after = end if size == 0 else at + size
        if not body <= after <= end:
            raise ValueError("a box is larger than what it lies in")
        yield kind, body, after
        at = after
    raise ValueError("there are too many boxes")


def _av1_items(content: bytes, begin: int, end: int) -> list[bytes]:
    inside = {kind: (body, after) for kind, body, after in _boxes(content, begin, end)}
    if b"iinf" not in inside or b"iloc" not in inside:
        raise ValueError("the meta box does not say where its items lie")
    body, after = inside[b"iinf"]
    wide = content[body] != 0
    names: dict[int, bytes] = {}
    for kind, entry, entry_end in _boxes(content, body + (8 if wide else 6), after):
        if kind == b"infe" and entry + 12 <= entry_end:
            size = 2 if content[entry] < 3 else 4
            at = entry + 4 + size + 2
            names[_number(content, entry + 4, size)] = content[at : at + 4]
    data = inside.get(b"idat", (0, 0))
    places = _places(content, *inside[b"iloc"], data)
    return [
        b"".join(content[first:last] for first, last in places[item])
        for item, name in names.items()
        if name == b"av01" and item in places
    ]


def _places(
    content: bytes, at: int, end: int, data: tuple[int, int]
) -> dict[int, list[tuple[int, int]]]:
    """Where the parts of each item lie."""
    version = content[at]
    sizes = [half for byte in content[at + 4 : at + 6] for half in (byte >> 4, byte & 15)]
    offset_size, length_size, base_size, index_size = sizes
    reader = _Fields(content, at + 6, end)
    found: dict[int, list[tuple[int, int]]] = {}
    wide = 4 if version == 2 else 2
    for _ in range(reader.take(wide)):
        item = reader.take(wide)
        method = reader.take(2) & 15 if version else _IN_FILE
        reader.take(2)
        base = reader.take(base_size)
        if method not in (_IN_FILE, _IN_META):
            raise ValueError("an item is made of other items' bytes")
        start, stop = data if method == _IN_META else (0, len(content))
        parts = []
        for _ in range(reader.take(2)):
            if version and index_size:
                reader.take(index_size)
            first = start + base + reader.take(offset_size)
            length = reader.take(length_size)
            last = first + length if length else stop
            if not start <= first <= last <= stop:
                raise ValueError("an item lies outside of the file")
            parts.append((first, last))
            if len(parts) > _MOST_EXTENTS:
                raise ValueError("an item is in too many parts")
        found[item] = parts
    return found


def _coded_size(stream: bytes) -> CodedSize:
    """The largest that any sequence header of the stream announces."""
    found = [_sequence_size(_Bits(body)) for kind, body in _units(stream)
             if kind == _SEQUENCE_HEADER]  # fmt: skip
    if not found:
        raise ValueError("a stream has no sequence header")
    return max(found, key=lambda size: size.room)


def _units(stream: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(stream):
        head = stream[at]
        at += 2 if head & 4 else 1
        size = len(stream) - at
        if head & 2:
            size = shift = 0
            while True:
                byte = stream[at]
                at += 1
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
                if shift > 56:
                    raise ValueError("a unit of the stream has no end")
        yield head >> 3 & 15, stream[at : at + size]
        at += size


def _sequence_size(bits: "_Bits") -> CodedSize:
    bits.take(4)  # seq_profile, still_picture
    reduced = bits.take(1)
    if reduced:
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(width_bits) + 1, bits.take(height_bits) + 1
    # Without the reduced header each frame may say a size of its own, with as many bits.
    room = width * height if reduced else 1 << width_bits + height_bits
    return CodedSize(width, height, room)


def _skip_operating_points(bits: "_Bits") -> None:
    delay_bits = 0
    if bits.take(1):  # timing_info_present_flag
        bits.take(64)
        if bits.take(1):  # equal_picture_interval
            zeros = 0
            while not bits.take(1):
                zeros += 1
            bits.take(zeros)
        if bits.take(1):  # decoder_model_info_present_flag
            delay_bits = bits.take(5) + 1
            bits.take(42)
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if display_delay and bits.take(1):
            bits.take(4)


class _Fields:
    """Numbers of whole bytes, one behind the other."""

    def __init__(self, content: bytes, at: int, end: int) -> None:
        self._content = content
        self._at = at
        self._end = end

    def take(self, size: int) -> int:
        if self._at + size > self._end:
            raise IndexError
        self._at += size
        return _number(self._content, self._at - size, size)


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data[:512], "big")
        self._left = len(data[:512]) * 8

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError
        return self._value >> self._left & (1 << count) - 1


def _number(content: bytes, at: int, size: int) -> int:
    if at + size > len(content):
        raise IndexError
    return int.from_bytes(content[at : at + size], "big")
