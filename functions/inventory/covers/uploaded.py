"""A cover that somebody sends in: is it a picture, and how does it look in each size?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

from functions.inventory.covers.draw import SIZES
from functions.inventory.covers.headers import end_of_jpeg, read_header
from functions.inventory.media_model import (
    ANY_TYPE,
    MOST_PIXELS,
    PICTURE_TYPES,
    SHORTEST_SIDE,
    MediaMismatch,
    MediaRefused,
    PictureTooLarge,
)

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS: Final = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/avif": "AVIF",
}
_LARGEST: Final = SIZES["large"]
_MOST_ROOM: Final = 2 * MOST_PIXELS
"""A picture with its transparency, or one of tiles, is decoded in several parts."""
_SPARE: Final = 2
"""Pictures are first brought to this many times the largest size, cheaply, then to size, finely."""
_SIDEWAYS: Final = 5
"""From here on, values of EXIF's Orientation swap width and height."""
_PAPER: Final = "white"
_ENCODING: Final = {"quality": 82, "method": 4}
_MORE: Final = bytes(range(1, 255)) * 4
"""Read as a part of a JPEG it would be seen; no marker is in it."""
_BROKEN: Final = "The picture is broken or cut short: it cannot be decoded."
_COLOURS_WEIGHED: Final = 8


@dataclass(frozen=True, slots=True)
class Sized:
    """A WebP picture for each name in `SIZES`, and the commonest colour as #rrggbb."""

    pictures: dict[str, bytes]
    colour: str


def check(content: bytes, media_type: str) -> str:
    """Decodes the whole picture once, so that nothing broken is kept; its type, also where
    `media_type` is any.

    Raises MediaMismatch, PictureTooLarge, MediaRefused. Takes some 16 bytes a pixel at most.
    """
    header = read_header(content)
    if header is None:
        raise MediaMismatch(f"The body is no {_listed(PICTURE_TYPES)} picture.")
    if media_type not in (header.media_type, ANY_TYPE):
        raise MediaMismatch(f"The body is {header.media_type}, not {media_type}.")
    media_type = header.media_type
    if header.size is None:
        raise MediaRefused("The picture is broken: its header does not tell its size.")
    if header.animated:
        raise MediaRefused("The picture is animated; a cover must stand still.")
    _check_size(header.size)
    if header.room > _MOST_ROOM:
        raise PictureTooLarge(
            f"The picture may take {header.room // 1_000_000} megapixels when it is decoded; at"
            f" most {_MOST_ROOM // 1_000_000} are taken."
        )
    if header.promises_more_than(len(content)):
        raise MediaRefused(_BROKEN)
    with _opened(content, media_type) as image:
        _check_size(image.size)
        if getattr(image, "n_frames", 1) > 1 and media_type != "image/jpeg":
            raise MediaRefused("The picture is animated; a cover must stand still.")
        image.load()
        if media_type == "image/jpeg" and _falls_short(image, content):
            raise MediaRefused(_BROKEN)
    return media_type


def sized(content: bytes, media_type: str) -> Sized:
    """What `check` let pass, in every size: upright, in sRGB, on white, without any metadata.

    A picture keeps its proportions and is never enlarged.
    """
    with _opened(content, media_type) as image:
        profile = image.info.get("icc_profile")
        turn = _orientation(image)
        whole = _turned(_reduced(_eight_bits(image), sideways=turn >= _SIDEWAYS), turn)
        upright = _in_srgb(_flat(whole), profile)
    made = {name: _fitted(upright, box) for name, box in SIZES.items()}
    return Sized(
        {name: _encoded(picture) for name, picture in made.items()},
        _commonest_colour(made["thumbnail"]),
    )


@contextmanager
def _opened(content: bytes, media_type: str) -> Iterator[Image]:
    # Importing Pillow costs time and memory that no other request should pay.
    from PIL import AvifImagePlugin, Image

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread of the decoder has buffers of its own
    try:
        with Image.open(BytesIO(content), formats=[_FORMATS[media_type]]) as image:
            # JPEG can be decoded at an eighth of its size, at an eighth of the cost.
            image.draft(image.mode, (_LARGEST[0] * _SPARE, _LARGEST[1] * _SPARE))
            yield image
    except (MediaRefused, PictureTooLarge, MemoryError):
        raise
    except Exception as error:  # whatever a decoder trips over, the picture is at fault
        raise MediaRefused(_BROKEN) from error


def _falls_short(image: Image, content: bytes) -> bool:
    """True where a JPEG lacks lines that its header claims.

    Its decoder makes them grey and says nothing; but what is put before the end it takes for them.
    """
    last_line = image.crop((0, image.height - 1, *image.size))
    if last_line.getcolors(1) is None:
        return False
    end = end_of_jpeg(content)
    with _opened(content[:end] + _MORE + content[end:], "image/jpeg") as longer:
        return longer.tobytes() != image.tobytes()


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise PictureTooLarge(
            f"The picture is {width} by {height} pixels; at most"
            f" {MOST_PIXELS // 1_000_000} megapixels are taken."
        )
    if min(width, height) < SHORTEST_SIDE:
        raise MediaRefused(
            f"The picture is {width} by {height} pixels; each side must have at least"
            f" {SHORTEST_SIDE}."
        )


def _orientation(image: Image) -> int:
    from PIL.ExifTags import Base

    try:
        turn = image.getexif().get(Base.Orientation)
    except Exception:  # broken metadata, which is dropped anyway, does not spoil the picture
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _eight_bits(image: Image) -> Image:
    """As grey, RGB, RGBA or CMYK with a byte for each."""
    if image.mode.startswith(("I", "F")):
        return image.point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK"):
        return image
    return image.convert("RGB")


def _reduced(image: Image, *, sideways: bool) -> Image:
    width, height = reversed(image.size) if sideways else image.size
    factor = int(max(width / _LARGEST[0], height / _LARGEST[1]) / _SPARE)
    return image.reduce(factor) if factor > 1 else image


def _turned(image: Image, orientation: int) -> Image:
    from PIL.Image import Transpose

    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if turn is None else image.transpose(turn)


def _flat(image: Image) -> Image:
    from PIL import Image

    if image.mode != "RGBA":
        return image
    flat = Image.new("RGB", image.size, _PAPER)
    flat.paste(image, mask=image)
    return flat


def _in_srgb(image: Image, profile: bytes | None) -> Image:
    from PIL import ImageCms

    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that does not fit its picture says nothing about it
        else:
            assert converted is not None
            return converted
    return image.convert("RGB")


def _fitted(image: Image, box: tuple[int, int]) -> Image:
    """A picture of nothing but pixels: whatever else came with the old one stays behind."""
    from PIL import Image

    share = min(1.0, box[0] / image.width, box[1] / image.height)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    fitted = Image.new("RGB", size)
    fitted.paste(image.resize(size, Image.Resampling.LANCZOS))
    return fitted


def _commonest_colour(picture: Image) -> str:
    few = picture.quantize(_COLOURS_WEIGHED)
    _, commonest = max(few.getcolors() or [(0, 0)])
    palette = few.getpalette() or [0, 0, 0]
    assert isinstance(commonest, int)
    return "#" + bytes(palette[commonest * 3 : commonest * 3 + 3]).hex()


def _encoded(picture: Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "WEBP", **_ENCODING)
    return buffer.getvalue()


def _listed(types: dict[str, str]) -> str:
    return ", ".join(name.partition("/")[2].upper() for name in types)
