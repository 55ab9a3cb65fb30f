"""Pictures that people and attackers send in as covers."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw
from PIL.ExifTags import GPS, IFD, Base

from functions.inventory.covers.draw import SIZES
from functions.inventory.covers.uploaded import check, sized
from functions.inventory.media_model import (
    ANY_TYPE,
    PICTURE_TYPES,
    MediaMismatch,
    MediaRefused,
    PictureTooLarge,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
"""Pillow complains of broken metadata, which nobody keeps."""

FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/avif": "AVIF"}
RED, BLUE = (200, 30, 30), (30, 30, 200)


def a_picture(width: int = 400, height: int = 600, mode: str = "RGB") -> Image.Image:
    """Red, with a blue top left quarter that shows which way up it is."""
    picture = Image.new("RGB", (width, height), RED)
    ImageDraw.Draw(picture).rectangle((0, 0, width / 2 - 0.5, height / 2 - 0.5), BLUE)
    return picture.convert(mode)


def encoded(picture: Image.Image, media_type: str = "image/jpeg", **options: Any) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, FORMATS[media_type], **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"".join((b"\x89PNG\r\n\x1a\n", header, *chunks, chunk(b"IEND", b"")))


def large(content: bytes, media_type: str) -> Image.Image:
    check(content, media_type)
    return Image.open(BytesIO(sized(content, media_type).pictures["large"]))


def is_near(pixel: Any, colour: tuple[int, int, int], by: int = 30) -> bool:
    return all(abs(one - other) <= by for one, other in zip(pixel, colour, strict=True))


def pixel_at(picture: Image.Image, x: float, y: float) -> Any:
    return picture.getpixel((int(picture.width * x), int(picture.height * y)))


@pytest.mark.parametrize("media_type", PICTURE_TYPES)
def test_every_kind_of_picture_comes_out_in_every_size(media_type: str) -> None:
    content = encoded(a_picture(1000, 1400), media_type)
    check(content, media_type)
    made = sized(content, media_type)
    assert made.pictures.keys() == SIZES.keys()
    for name, data in made.pictures.items():
        picture = Image.open(BytesIO(data))
        assert picture.format == "WEBP"
        assert picture.height <= SIZES[name][1]
        assert picture.width == SIZES[name][0]
        assert picture.width / picture.height == pytest.approx(1000 / 1400, abs=0.01)
        assert is_near(pixel_at(picture, 0.25, 0.25), BLUE)
        assert is_near(pixel_at(picture, 0.75, 0.75), RED)
    assert is_near(bytes.fromhex(made.colour[1:]), RED)


def test_a_small_picture_is_not_enlarged() -> None:
    content = encoded(a_picture(220, 300))
    pictures = sized(content, "image/jpeg").pictures
    sizes = {name: Image.open(BytesIO(data)).size for name, data in pictures.items()}
    assert sizes["large"] == sizes["small"] == (220, 300)
    assert sizes["thumbnail"] == (160, 218)


def test_a_wide_picture_keeps_its_proportions() -> None:
    assert large(encoded(a_picture(2000, 500)), "image/jpeg").size == (640, 160)


@pytest.mark.parametrize("media_type", PICTURE_TYPES)
def test_metadata_is_stripped_and_a_turned_picture_stands_upright(media_type: str) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif[Base.Artist] = "Someone Private"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = "N"
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitude] = (51.0, 30.0, 26.0)
    content = encoded(
        a_picture(600, 400), media_type, exif=exif.tobytes(), xmp=b"<x:xmpmeta>Private</x:xmpmeta>"
    )
    assert b"Someone Private" in content
    check(content, media_type)
    for data in sized(content, media_type).pictures.values():
        picture = Image.open(BytesIO(data))
        assert not picture.getexif()
        assert not {"exif", "xmp", "icc_profile"} & picture.info.keys()
        assert b"Private" not in data
        assert picture.height > picture.width
        # Turned clockwise by a quarter, the top left corner is at the top right.
        assert is_near(pixel_at(picture, 0.75, 0.25), BLUE)
        assert is_near(pixel_at(picture, 0.25, 0.25), RED)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_orientation_is_shown_as_a_viewer_would(orientation: int) -> None:
    from PIL.ImageOps import exif_transpose

    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    content = encoded(a_picture(300, 450), "image/png", exif=exif.tobytes())
    wanted = exif_transpose(Image.open(BytesIO(content)))
    made = large(content, "image/png")
    assert made.size == wanted.size
    for x in (0.25, 0.75):
        for y in (0.25, 0.75):
            assert is_near(pixel_at(made, x, y), pixel_at(wanted, x, y))


def test_a_picture_whose_metadata_is_broken_is_taken_without_it() -> None:
    content = encoded(a_picture(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 40)
    assert large(content, "image/jpeg").size == (400, 600)


def test_a_picture_in_print_colours_is_turned_into_screen_colours() -> None:
    content = encoded(a_picture().convert("CMYK"))
    made = large(content, "image/jpeg")
    assert made.mode == "RGB"
    assert is_near(pixel_at(made, 0.75, 0.75), RED, by=60)


def test_a_colour_profile_is_applied() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # In a profile, exchanging the tags of the red and the blue primary exchanges the colours.
    swapped = swapped.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    content = encoded(a_picture(), "image/png", icc_profile=swapped)
    assert is_near(pixel_at(large(content, "image/png"), 0.75, 0.75), BLUE)
    for useless in (lab, b"no profile at all"):
        content = encoded(a_picture(), "image/png", icc_profile=useless)
        assert is_near(pixel_at(large(content, "image/png"), 0.75, 0.75), RED)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_depth_of_colour_is_understood(mode: str) -> None:
    if mode == "I;16":
        picture = Image.new("I;16", (400, 600), 200 * 257)
    elif mode == "1":
        picture = Image.new("1", (400, 600), 1)
    else:
        picture = Image.new("L", (400, 600), 200).convert(mode)
    grey = 255 if mode == "1" else 200
    made = large(encoded(picture, "image/png"), "image/png")
    assert is_near(pixel_at(made, 0.5, 0.5), (grey, grey, grey), by=4)


def test_what_is_transparent_becomes_white() -> None:
    picture = Image.new("RGBA", (400, 600), (0, 0, 0, 0))
    for media_type in ("image/png", "image/webp", "image/avif"):
        made = large(encoded(picture, media_type), media_type)
        assert is_near(pixel_at(made, 0.5, 0.5), (255, 255, 255), by=4)
    palette = picture.convert("RGB").quantize(4)
    content = encoded(palette, "image/png", transparency=palette.getpixel((0, 0)))
    assert is_near(pixel_at(large(content, "image/png"), 0.5, 0.5), (255, 255, 255))


@pytest.mark.parametrize("said", PICTURE_TYPES)
@pytest.mark.parametrize("true", PICTURE_TYPES)
def test_the_content_type_must_be_true(said: str, true: str) -> None:
    content = encoded(a_picture(), true)
    if said == true:
        check(content, said)
    else:
        with pytest.raises(MediaMismatch, match=true):
            check(content, said)


@pytest.mark.parametrize("true", PICTURE_TYPES)
def test_the_type_is_told_where_the_content_type_says_none(true: str) -> None:
    assert check(encoded(a_picture(), true), ANY_TYPE) == true
    with pytest.raises(MediaMismatch, match="is no JPEG"):
        check(b"<svg/>", ANY_TYPE)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"<!doctype html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='400' height='600'/>",
        b"%PDF-1.7\n",
        b"PK\x03\x04",
        b"GIF89a\x90\x01\x58\x02\x80\x00\x00",
        b"\x00\x00\x00\x20ftypheic" + b"\0" * 40,
    ],
)
@pytest.mark.parametrize("media_type", PICTURE_TYPES)
def test_what_is_no_picture_is_refused(content: bytes, media_type: str) -> None:
    with pytest.raises(MediaMismatch):
        check(content, media_type)


@pytest.mark.parametrize("media_type", PICTURE_TYPES)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_a_picture_that_was_cut_short_is_refused(media_type: str, share: float) -> None:
    noise = Image.effect_noise((400, 600), 80).convert("RGB")
    content = encoded(noise, media_type)
    with pytest.raises((MediaRefused, MediaMismatch)):
        check(content[: max(20, int(len(content) * share))], media_type)


@pytest.mark.parametrize("size", [(199, 600), (600, 199), (1, 1)])
@pytest.mark.parametrize("media_type", PICTURE_TYPES)
def test_a_picture_too_small_to_be_read_is_refused(media_type: str, size: tuple[int, int]) -> None:
    with pytest.raises(MediaRefused, match="at least 200"):
        check(encoded(a_picture(*size), media_type), media_type)


def with_size(media_type: str, width: int, height: int) -> bytes:
    """A picture of 400 by 600 that claims another size."""
    content = encoded(
        a_picture(), media_type, **({"lossless": True} if "webp" in media_type else {})
    )
    if media_type == "image/png":
        ending = content[content.index(b"IDAT") - 4 :]
        return png(width, height)[:33] + ending
    if media_type == "image/jpeg":
        at = content.index(b"\xff\xc0") + 5
        return content[:at] + struct.pack(">HH", height, width) + content[at + 4 :]
    if media_type == "image/webp":
        bits = struct.unpack("<I", content[21:25])[0] & ~0xFFFFFFF | width - 1 | height - 1 << 14
        return content[:21] + struct.pack("<I", bits) + content[25:]
    at = content.index(b"ispe") + 8
    return content[:at] + struct.pack(">II", width, height) + content[at + 8 :]


@pytest.mark.parametrize("media_type", PICTURE_TYPES)
def test_a_picture_that_claims_to_be_huge_is_refused(media_type: str) -> None:
    with pytest.raises(PictureTooLarge, match="16000 by 16000"):
        check(with_size(media_type, 16_000, 16_000), media_type)


LYING_STREAMS = {
    "7000 by 7000": f"00011{0:05b}{15:04b}{15:04b}{6999:016b}{6999:016b}",
    # Without the short form of the header, every frame may say a size of its own.
    "4294 megapixels": f"00000{0:02b}{0:05b}{0:017b}{15:04b}{15:04b}{399:016b}{599:016b}",
}


@pytest.mark.parametrize("told", LYING_STREAMS)
def test_an_avif_whose_boxes_tell_less_than_its_stream_is_refused(told: str) -> None:
    content = encoded(a_picture(), "image/avif")
    at = content.index(b"mdat") + 4
    stream = bytearray(content[at:])
    assert stream[:3] == b"\x12\0\x0a", "a temporal delimiter, then the sequence header"
    header = int(LYING_STREAMS[told].ljust(96, "0"), 2).to_bytes(12, "big")
    stream[3 : 4 + len(header)] = bytes([len(header)]) + header
    with pytest.raises(PictureTooLarge, match=told):
        check(content[:at] + bytes(stream), "image/avif")


def test_a_webp_whose_canvas_is_smaller_than_its_picture_is_refused() -> None:
    inner = with_size("image/webp", 16_000, 16_000)[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (b"\x8f\x01\0" + b"\x57\x02\0")
    content = b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(inner)) + b"WEBP" + canvas + inner
    with pytest.raises(PictureTooLarge, match="16000 by 16000"):
        check(content, "image/webp")


def test_a_png_with_a_second_header_is_measured_by_the_larger_one() -> None:
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 301 * 300))
    second = chunk(b"IHDR", struct.pack(">IIBBBBB", 16_000, 16_000, 8, 0, 0, 0, 0))
    with pytest.raises((PictureTooLarge, MediaRefused)):
        check(png(300, 300, second, pixels), "image/png")


@pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "image/webp"])
def test_a_picture_that_has_less_than_it_claims_is_refused(media_type: str) -> None:
    with pytest.raises(MediaRefused, match="broken or cut short"):
        check(with_size(media_type, 3_000, 3_000), media_type)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("claimed", [(400, 640), (400, 1200), (480, 600)])
@pytest.mark.parametrize("noise", [False, True])
def test_a_jpeg_that_lacks_lines_is_refused(
    noise: bool, claimed: tuple[int, int], progressive: bool
) -> None:
    picture = Image.effect_noise((400, 600), 80).convert("RGB") if noise else a_picture()
    preview = b"\xff\xda \xff\xd9"
    content = encoded(picture, progressive=progressive, comment=preview)
    check(content + content, "image/jpeg")
    at = content.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    size = struct.pack(">HH", claimed[1], claimed[0])
    with pytest.raises(MediaRefused, match="broken or cut short"):
        check(content[:at] + size + content[at + 4 :] + content, "image/jpeg")


def test_sixty_four_bits_of_size_are_read_without_overflow() -> None:
    with pytest.raises(PictureTooLarge):
        check(png(2**32 - 1, 2**32 - 1, chunk(b"IDAT", b"")), "image/png")


@pytest.mark.parametrize("media_type", ["image/png", "image/webp", "image/avif"])
def test_a_picture_that_moves_is_refused(media_type: str) -> None:
    frames = [a_picture(), Image.new("RGB", (400, 600))]
    content = encoded(frames[0], media_type, save_all=True, append_images=frames[1:])
    with pytest.raises(MediaRefused, match="animated"):
        check(content, media_type)


def test_of_a_cameras_several_pictures_the_first_is_taken() -> None:
    buffer = BytesIO()
    a_picture().save(buffer, "MPO", save_all=True, append_images=[a_picture(40, 60)])
    assert large(buffer.getvalue(), "image/jpeg").size == (400, 600)


def test_a_script_hidden_behind_a_picture_does_not_come_out() -> None:
    content = encoded(a_picture(), comment=b"<script>alert(1)</script>") + b"<script>alert(2)"
    check(content, "image/jpeg")
    for data in sized(content, "image/jpeg").pictures.values():
        assert b"script" not in data


def test_a_text_that_unpacks_to_gigabytes_is_refused() -> None:
    bomb = zlib.compress(b"\0" * 100_000_000, 9)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 301 * 300))
    for hostile in (
        chunk(b"zTXt", b"Comment\0\0" + bomb),
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + bomb),
        chunk(b"iCCP", b"profile\0\0" + bomb),
    ):
        with pytest.raises(MediaRefused):
            check(png(300, 300, hostile, pixels), "image/png")


@pytest.mark.parametrize(
    "content",
    [
        png(300, 300, *[chunk(b"teXt", b"")] * 100_000),
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 1_000_000,
        encoded(a_picture()) + b"\xff\xda" * 1_000,
    ],
    ids=["a hundred thousand chunks", "a million comments", "a thousand scans"],
)
def test_what_would_keep_a_decoder_busy_is_refused(content: bytes) -> None:
    media_type = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    with pytest.raises(MediaRefused, match="header"):
        check(content, media_type)


@given(st.data())
@settings(max_examples=150)
def test_a_damaged_picture_is_taken_or_refused_and_never_an_accident(data: st.DataObject) -> None:
    media_type = data.draw(st.sampled_from(sorted(PICTURE_TYPES)))
    content = bytearray(SAMPLES[media_type])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        check(bytes(content), media_type)
    except (MediaMismatch, MediaRefused, PictureTooLarge):
        return
    assert sized(bytes(content), media_type).pictures.keys() == SIZES.keys()


SAMPLES = {media_type: encoded(a_picture(200, 200), media_type) for media_type in PICTURE_TYPES}

MEASURED = """
import resource, sys
from functions.inventory.covers.uploaded import check, sized
from functions.inventory.media_model import MediaRefused, PictureTooLarge
resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000,) * 2)
content = open(sys.argv[1], "rb").read()
try:
    check(content, sys.argv[2])
    sized(content, sys.argv[2])
    print("taken")
except (MediaRefused, PictureTooLarge) as error:
    print(error.kind)
"""


def measured(tmp_path: Any, content: bytes, media_type: str) -> str:
    file = tmp_path / "picture"
    file.write_bytes(content)
    command = [sys.executable, "-c", MEASURED, str(file), media_type]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def largest(media_type: str) -> bytes:
    return encoded(Image.new("RGB", (6320, 6320), RED), media_type, method=0)


def progressive(_: str) -> bytes:
    return encoded(Image.new("RGB", (6320, 6320), RED), progressive=True, subsampling=0)


def see_through(media_type: str) -> bytes:
    return encoded(Image.new("RGBA", (6320, 6320), (*RED, 128)), media_type, compress_level=1)


def too_large(media_type: str) -> bytes:
    return encoded(Image.new("1", (16_000, 16_000)), media_type, compress_level=1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's memory")
@pytest.mark.parametrize(
    ("make", "media_type", "outcome"),
    [
        (largest, "image/jpeg", "taken"),
        (progressive, "image/jpeg", "taken"),
        (see_through, "image/png", "taken"),
        (largest, "image/webp", "taken"),
        (too_large, "image/png", "picture-too-large"),
    ],
)
def test_no_picture_takes_more_than_a_gigabyte(
    tmp_path: Any, make: Callable[[str], bytes], media_type: str, outcome: str
) -> None:
    assert measured(tmp_path, make(media_type), media_type) == outcome
