"""What a picture says of itself, read without a decoder.

A few bytes can announce more pixels than fit into memory, and a decoder may take that memory as
soon as it is opened. So what is announced is read here first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from functions.inventory.covers.avif import coded_sizes

_MOST_PARTS: Final = 1_000
"""Of a file before its picture begins; more is there to keep a reader busy."""
_MOST_SCANS: Final = 100
"""Each scan of a progressive JPEG goes over the whole picture; real ones have about ten."""
_MOST_PIXELS_A_BYTE: Final = 512
"""A JPEG spends at least one bit on each block of 8 by 8; one with less claims what it has not."""
_START_OF_SCAN: Final = b"\xff\xda"
_END_OF_JPEG: Final = b"\xff\xd9"
_AVIF_SIZE: Final = re.compile(rb"ispe\0{4}(.{4})(.{4})", re.DOTALL)
_AVIF_BRANDS: Final = {b"avif": False, b"avis": True}
_VP8X_ANIMATED: Final = 0x02


@dataclass(frozen=True, slots=True)
class Header:
    """`size` is width and height as stored, before any turn; None where the file is broken.

    `room` counts the pixels that a decoder may make room for, where that can be more than `size`.
    """

    media_type: str
    size: tuple[int, int] | None
    animated: bool = False
    room: int = 0

    def promises_more_than(self, length: int) -> bool:
        """True where so few bytes cannot hold a picture of that size; told of JPEG alone, since
        its decoder fills up with grey what is missing."""
        if self.media_type != "image/jpeg" or self.size is None:
            return False
        return self.size[0] * self.size[1] > length * _MOST_PIXELS_A_BYTE


def read_header(content: bytes) -> Header | None:
    """None for what is none of the four kinds of picture."""
    if content.startswith(b"\xff\xd8\xff"):
        return Header("image/jpeg", _jpeg_size(content))
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _webp(content)
    if content[4:8] == b"ftyp":
        return _avif(content)
    return None


def end_of_jpeg(content: bytes) -> int:
    """Where its picture ends: a preview may lie before it, and other pictures behind."""
    frame = _jpeg_frame(content) or 0
    return content.find(_END_OF_JPEG, content.find(_START_OF_SCAN, frame))


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    at = _jpeg_frame(content)
    if at is None:
        return None
    return _big(content[at + 7 : at + 9]), _big(content[at + 5 : at + 7])


def _jpeg_frame(content: bytes) -> int | None:
    """Where the part begins that tells the size."""
    if content.count(_START_OF_SCAN) > _MOST_SCANS:
        return None
    at = 2
    for _ in range(_MOST_PARTS):
        while content[at : at + 2] == b"\xff\xff":
            at += 1
        if content[at : at + 1] != b"\xff" or len(content) < at + 9:
            return None
        marker = content[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return at
        length = _big(content[at + 2 : at + 4])
        if marker == _START_OF_SCAN[1] or length < 2:
            return None
        at += 2 + length
    return None


def _png(content: bytes) -> Header:
    names = []
    for name in _png_chunks(content):
        names.append(name)
        if name == b"IDAT":
            size = _big(content[16:20]), _big(content[20:24])
            return Header("image/png", size if names[0] == b"IHDR" else None, b"acTL" in names)
    return Header("image/png", None)


def _png_chunks(content: bytes) -> Iterator[bytes]:
    at = 8
    for _ in range(_MOST_PARTS):
        yield content[at + 4 : at + 8]
        at += 12 + _big(content[at : at + 4])
        if at >= len(content):
            return


def _webp(content: bytes) -> Header:
    """The size is the largest of the canvas and of what lies on it."""
    sizes: list[tuple[int, int]] = []
    animated = False
    at = 12
    for _ in range(_MOST_PARTS):
        kind, data = content[at : at + 4], content[at + 8 : at + 18]
        if len(data) < 10:
            break
        if kind == b"VP8X":
            sizes.append((_little(data[4:7]) + 1, _little(data[7:10]) + 1))
            animated = bool(data[0] & _VP8X_ANIMATED)
        elif kind == b"VP8 ":
            sizes.append((_little(data[6:8]) & 0x3FFF, _little(data[8:10]) & 0x3FFF))
        elif kind == b"VP8L":
            bits = _little(data[1:5])
            sizes.append(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
        length = _little(content[at + 4 : at + 8])
        at += 8 + length + length % 2
    return Header("image/webp", _largest(sizes), animated)


def _avif(content: bytes) -> Header | None:
    """The size is the largest of all that the file speaks of, in its boxes or its streams."""
    end = min(_big(content[:4]), 256)
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, end, 4))]
    if not any(brand in _AVIF_BRANDS for brand in brands):
        return None
    if _AVIF_BRANDS.get(brands[0], False):
        return Header("image/avif", (0, 0), animated=True)
    try:
        coded = coded_sizes(content)
    except ValueError:
        return Header("image/avif", None)
    shown = [(_big(width), _big(height)) for width, height in _AVIF_SIZE.findall(content)]
    if not shown or not coded:
        return Header("image/avif", None)
    sizes = [*shown, *((one.width, one.height) for one in coded)]
    return Header("image/avif", _largest(sizes), room=sum(one.room for one in coded))


def _largest(sizes: list[tuple[int, int]]) -> tuple[int, int] | None:
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
