"""A CSV file row by row, each with its line and the byte behind it; memory stays bounded.

Rows are read by the rules of RFC 4180. Where a quote is never closed, only the line on which it was
opened is given up.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from functions.inventory.import_model import UnreadableFile

LONGEST_LINE = 1024 * 1024
_MOST_RECOVERIES = 1_000
"""Each may read up to 128 KiB again, so a file of nothing but open quotes must end somewhere."""
_MOST_LINES_OF_ROW = 2_000
_MOST_EMPTY_LINES = 1_100_000
"""Somewhat more than a spreadsheet has rows. They give an import nothing to commit, and so no
moment to say that it is alive, or to stop."""
_WIDE = frozenset({"utf-16-le", "utf-16-be"})
_MARKS = {"utf-8": 3, "utf-16-le": 2, "utf-16-be": 2}


@dataclass(frozen=True, slots=True)
class Row:
    """`fault` says why there are no cells; `end` is the first byte behind the row.

    `given_up`: it opened a quote that it did not close, so what follows may be part of it.
    """

    line: int
    end: int
    last_line: int
    cells: list[str]
    fault: str | None = None
    given_up: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    end: int
    fault: str | None = None


class _UnusableLine(Exception):
    pass


class CsvRows:
    def __init__(self, file: BinaryIO, encoding: str, delimiter: str, *, only_cr: bool) -> None:
        """`only_cr`: lines end as they did on old Macintoshes."""
        self._file = file
        self._encoding = encoding
        self._delimiter = delimiter
        self._wide = encoding in _WIDE
        self._end_mark = ("\r" if only_cr else "\n").encode(encoding if self._wide else "ascii")
        self._buffer = b""

    def read(self, offset: int = 0, line: int = 0) -> Iterator[Row]:
        """From `offset` on, which is the beginning of a row that follows `line` lines."""
        lines = _Lines(self._lines(offset), offset)
        recoveries = empty = 0
        while True:
            lines.taken.clear()
            first = line + 1
            try:
                cells = next(self._reader(lines), None)
                fault = None
            except _UnusableLine as error:
                cells, fault = [], str(error)
            except csv.Error as error:
                cells, fault = [], _sentence(error, len(lines.taken))
            if cells is None:
                return
            given_up = fault is not None and len(lines.taken) > 1
            if given_up:
                recoveries += 1
                if recoveries > _MOST_RECOVERIES:
                    raise UnreadableFile(
                        f"Up to line {first} over {_MOST_RECOVERIES} rows open a quote that they "
                        "do not close: this is not a CSV file."
                    )
                lines.put_back()
            line += len(lines.taken)
            if cells or fault:
                empty = 0
                yield Row(first, lines.end, line, cells, fault, given_up)
            else:
                empty += 1
                if empty > _MOST_EMPTY_LINES:
                    raise UnreadableFile(
                        f"Up to line {line} over {_MOST_EMPTY_LINES:,} lines are empty: this is"
                        " not a CSV file."
                    )

    def _reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._delimiter, skipinitialspace=True, strict=True)

    def _lines(self, offset: int) -> Iterator[_Line]:
        self._file.seek(offset)
        self._buffer = b""
        end = offset
        while raw := self._raw_line():
            whole = len(raw)
            too_long = whole > LONGEST_LINE and not raw.endswith(self._end_mark)
            if too_long:
                whole += self._skip_line()
            start, end = end, end + whole
            if too_long:
                yield _Line("", end, f"is longer than {LONGEST_LINE:,} bytes")
                continue
            if start == 0:
                raw = without_mark(raw, self._encoding)
            try:
                yield _Line(raw.decode(self._encoding), end)
            except UnicodeDecodeError:
                yield _Line("", end, f"holds bytes that are not {self._encoding}")

    def _raw_line(self) -> bytes:
        """Up to and with the end of a line, or somewhat more than the longest line."""
        if not self._wide and self._end_mark == b"\n":
            return self._file.readline(LONGEST_LINE + 1)
        searched = 0
        while True:
            place = self._find(searched)
            if place >= 0 or len(self._buffer) > LONGEST_LINE:
                break
            searched = max(0, len(self._buffer) - 2)
            more = self._file.read(64 * 1024)
            if not more:
                place = len(self._buffer) - len(self._end_mark)
                break
            self._buffer += more
        cut = LONGEST_LINE + 2 if place < 0 else place + len(self._end_mark)
        line, self._buffer = self._buffer[:cut], self._buffer[cut:]
        return line

    def _find(self, start: int) -> int:
        place = self._buffer.find(self._end_mark, start)
        while self._wide and place > 0 and place % 2:
            place = self._buffer.find(self._end_mark, place + 1)
        return place

    def _skip_line(self) -> int:
        skipped = 0
        while piece := self._raw_line():
            skipped += len(piece)
            if piece.endswith(self._end_mark):
                break
        return skipped


def without_mark(start: bytes, encoding: str) -> bytes:
    """A file's first bytes without the byte order mark."""
    mark = "\ufeff".encode(encoding) if encoding in _MARKS else b""
    return start.removeprefix(mark) if mark else start


class _Lines:
    """What csv.reader takes its lines from; it remembers those of the current row."""

    def __init__(self, lines: Iterator[_Line], offset: int) -> None:
        self._lines = lines
        self._waiting: list[_Line] = []
        self._before = offset
        self.taken: list[_Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.pop() if self._waiting else next(self._lines)
        if len(self.taken) > _MOST_LINES_OF_ROW:
            self._waiting.append(line)
            raise _UnusableLine("opens a quote that is not closed within 2,000 lines")
        self.taken.append(line)
        if line.fault is not None:
            raise _UnusableLine(line.fault)
        return line.text

    @property
    def end(self) -> int:
        return self.taken[-1].end

    def put_back(self) -> None:
        """All but the first line of the row are read again."""
        while len(self.taken) > 1:
            self._waiting.append(self.taken.pop())


def _sentence(error: csv.Error, lines: int) -> str:
    said = str(error)
    if "field larger" in said:
        more = "; a quote may not be closed" if lines > 1 else ""
        return f"has a cell of more than {csv.field_size_limit():,} characters{more}"
    if "unexpected end of data" in said:
        return "opens a quote that is never closed"
    if "expected after" in said:
        return "has a quote in the middle of a quoted cell"
    return f"is not CSV: {said}"
