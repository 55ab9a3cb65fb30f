"""The first reading of a file: what it is, whether it can be read to its end, and its digest."""

import codecs
import csv
import hashlib
import io
from collections.abc import Callable
from typing import BinaryIO

from functions.inventory.import_model import FileShape, UnreadableFile
from functions.inventory.imports.columns import known_columns
from functions.inventory.imports.csv_rows import LONGEST_LINE, without_mark
from functions.inventory.imports.onix_reader import check_onix

_PIECE = 1024 * 1024
_SAMPLE = 64 * 1024
_NOT_TEXT = {
    b"PK\x03\x04": "is an Excel workbook (.xlsx) or another zip archive: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook (.xls): save the sheet as CSV",
    b"\x1f\x8b": "is compressed with gzip: unpack it first",
    b"BZh": "is compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "is compressed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd: unpack it first",
    b"%PDF": "is a PDF",
    b"\x89PNG": "is a picture",
    b"\xff\xd8\xff": "is a picture",
    b"\x00\x00\xfe\xff": "is in UTF-32: save it as UTF-8",
    b"\xff\xfe\x00\x00": "is in UTF-32: save it as UTF-8",
}
_WEB_PAGE = (b"<!doctype html", b"<html")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_DELIMITERS = (",", ";", "\t", "|")
_OTHER_ENCODING = "windows-1252"
_NO_END = "The last line has no end: should the file have been cut off, its last cell is so too."

Seen = Callable[[int], None]


def inspect(file: BinaryIO, seen: Seen = lambda _bytes: None) -> FileShape:
    """Reads all of it once. `seen` is told how many bytes were read so far.

    Raises UnreadableFile for what is neither CSV nor ONIX 3, and for XML that is not whole: nothing
    of it is taken in then.
    """
    file.seek(0)
    start = file.read(_SAMPLE)
    if not start:
        raise UnreadableFile("The file is empty.")
    for magic, what in _NOT_TEXT.items():
        if start.startswith(magic):
            raise UnreadableFile(f"The file {what}.")
    if start[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB_PAGE):
        raise UnreadableFile("The file is a web page (HTML), whatever its name says.")
    encoding = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    if _is_markup(start, encoding):
        file.seek(0)
        return check_onix(file, seen)
    if start.count(0) * 20 > len(start) and encoding not in ("utf-16-le", "utf-16-be"):
        raise UnreadableFile(
            "The file is not text, or UTF-16 without its byte order mark: save it as UTF-8."
        )
    return _csv_shape(file, start, encoding, seen)


def _is_markup(start: bytes, encoding: str | None) -> bool:
    text = start[:2000].decode(encoding or "latin-1", "replace").lstrip("\ufeff \t\r\n")
    return text.startswith("<") or start[:200].replace(b"\x00", b"").lstrip().startswith(b"<?xml")


def _csv_shape(file: BinaryIO, start: bytes, encoding: str | None, seen: Seen) -> FileShape:
    texts = _Texts(encoding is None)
    digest = hashlib.sha256()
    size = 0
    tail = b""
    file.seek(0)
    while piece := file.read(_PIECE):
        digest.update(piece)
        tail = (tail + piece[-2:])[-2:]
        size += len(piece)
        texts.look_at(piece)
        seen(size)
    remarks = []
    if encoding is None:
        encoding, remark = texts.verdict()
        remarks += [remark] if remark else []
    if not tail.replace(b"\x00", b"").endswith((b"\n", b"\r")):
        remarks.append(_NO_END)
    head = without_mark(start, encoding).decode(encoding, "replace")
    only_cr = "\r" in head and "\n" not in head
    return FileShape(
        format="csv",
        size=size,
        digest=digest.hexdigest(),
        encoding=encoding,
        delimiter=_delimiter(head),
        only_cr=only_cr,
        remarks=tuple(remarks),
    )


class _Texts:
    """Tells UTF-8, perhaps with a few spoilt lines, from a text in another encoding."""

    def __init__(self, in_doubt: bool) -> None:
        self._in_doubt = in_doubt
        self._rest = b""
        self._sound = 0
        self._spoilt = 0

    def look_at(self, piece: bytes) -> None:
        if not self._in_doubt or (piece.isascii() and not self._rest):
            return
        text = self._rest + piece
        cut = text.rfind(b"\n") + 1
        if not cut:
            cut = len(text) if len(text) > LONGEST_LINE else 0
        text, self._rest = text[:cut], text[cut:]
        self._judge(text)

    def verdict(self) -> tuple[str, str | None]:
        self._judge(self._rest)
        if self._spoilt == 0:
            return "utf-8", None
        if self._sound >= self._spoilt:
            return "utf-8", f"Lines with bytes that are not UTF-8: {self._spoilt}."
        return _OTHER_ENCODING, "The file is not UTF-8; it was read as Windows-1252."

    def _judge(self, text: bytes) -> None:
        if text.isascii():
            return
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            for line in text.splitlines():
                self._judge_line(line)
        else:
            self._sound += 1

    def _judge_line(self, line: bytes) -> None:
        if line.isascii():
            return
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            self._spoilt += 1
        else:
            self._sound += 1


def _delimiter(head: str) -> str:
    """The one by which the first row names the most columns that are known, then the most."""
    first = head.splitlines()[0] if head.splitlines() else ""
    if first.lower().startswith("sep=") and len(first) == len("sep=") + 1:
        return first[-1] if first[-1] in _DELIMITERS else ","

    def worth(delimiter: str) -> tuple[int, int]:
        try:
            names = next(
                csv.reader(
                    io.StringIO(head, newline=""), delimiter=delimiter, skipinitialspace=True
                ),
                [],
            )
        except csv.Error:
            return (0, 0)
        return (len(known_columns(names)), len(names))

    return max(_DELIMITERS, key=worth)
