"""Reads a feed in a process of its own, one chunk ahead of the writing, so that two cores work.

The reader ends with its parent: nobody is there then to take its next chunk.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import date
from functools import lru_cache, partial
from operator import attrgetter
from pathlib import Path
from typing import IO, Any, BinaryIO

from pydantic import BaseModel

from functions.inventory.import_model import (
    CHUNK,
    FeedRecord,
    FileShape,
    ImportOptions,
    Position,
    Prepared,
    Said,
    UnreadableFile,
)
from functions.inventory.imports.csv_fields import settings_in
from functions.inventory.imports.feeds import Feed, OpenFeed, open_feed
from functions.inventory.model import Contributor, Dimensions, NewBook, SeriesPlace
from functions.inventory.service.merging import book_if_new
from functions.inventory.store.search_words import book_words
from functions.inventory.words import BookTexts
from shared.kit.money import Money

_REMEMBERED = 4_096
_WORTH_A_PROCESS = 512 * 1024
"""A smaller file is read before another interpreter has started."""
_READER = (
    # A terminal's Ctrl-C is for the parent.
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN);"
    " from local.read_ahead import main; main()"
)


@contextmanager
def reading_ahead(file: BinaryIO) -> Iterator[OpenFeed]:
    """`open_feed` for one reading of this file, which lies on disk.

    The other process starts at once, so that it is there when the file has been inspected.
    """
    if os.fstat(file.fileno()).st_size < _WORTH_A_PROCESS:
        yield open_feed
        return
    with subprocess.Popen(
        [sys.executable, "-c", _READER],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as reader:
        try:
            yield partial(_open, reader)
        finally:
            reader.kill()


def _open(
    reader: "subprocess.Popen[bytes]",
    file: BinaryIO,
    shape: FileShape,
    options: ImportOptions,
    currency: str,
    today: date,
) -> Feed:
    remarks = open_feed(file, shape, options, currency, today).remarks
    return _FeedAhead(reader, remarks, (Path(file.name).resolve(), shape, options, currency, today))


class _FeedAhead:
    def __init__(
        self,
        reader: "subprocess.Popen[bytes]",
        remarks: tuple[str, ...],
        how: tuple[Path, FileShape, ImportOptions, str, date],
    ) -> None:
        self.remarks = remarks
        self._reader = reader
        self._how = how

    def records(self, after: Position | None = None) -> Iterator[FeedRecord]:
        """Once only."""
        assert self._reader.stdin is not None
        assert self._reader.stdout is not None
        with suppress(BrokenPipeError):  # then there is nothing to receive either
            pickle.dump((self._how, after), self._reader.stdin)
            self._reader.stdin.close()
        while chunk := _received(self._reader.stdout):
            yield from chunk


def _received(stream: IO[bytes]) -> list[FeedRecord]:
    """Empty at the end of the file."""
    try:
        chunk: list[FeedRecord] | UnreadableFile = pickle.load(stream)  # noqa: S301 - from our own
    except EOFError:
        raise UnreadableFile("The process that reads the file has ended too early.") from None
    if isinstance(chunk, UnreadableFile):
        raise chunk
    return chunk


_NAMES: dict[type[BaseModel], tuple[str, ...]] = {
    kind: tuple(kind.model_fields)
    for kind in (NewBook, Contributor, Dimensions, SeriesPlace, Money)
}


def _checked(kind: type[BaseModel], *values: Any) -> BaseModel:
    """A value that the reader has checked; `model_construct` takes six times as long."""
    names = _NAMES[kind]
    made = kind.__new__(kind)
    made.__setstate__(
        {
            "__dict__": dict(zip(names, values, strict=True)),
            "__pydantic_fields_set__": set(names),
            "__pydantic_extra__": None,
            "__pydantic_private__": None,
        }
    )
    return made


@lru_cache(maxsize=_REMEMBERED)
def _shared(kind: type[BaseModel], *values: Any) -> BaseModel:
    """One that many books have."""
    return _checked(kind, *values)


_Sent = Callable[[Any], tuple[Any, tuple[Any, ...]]]


def _as_record(kind: type[Any]) -> _Sent:
    values = attrgetter(*(field.name for field in fields(kind)))
    return lambda record: (kind, values(record))


def _as_value(kind: type[BaseModel]) -> _Sent:
    values = attrgetter(*_NAMES[kind])
    make = _checked if kind is NewBook else _shared
    return lambda value: (make, (kind, *values(value)))


_SENT_AS: dict[type, _Sent] = {
    **{kind: _as_record(kind) for kind in (FeedRecord, Said, Position)},
    **{kind: _as_value(kind) for kind in _NAMES},
}
"""What makes each anew takes less time, on both sides, than to fill in an empty one."""


def _send(chunk: list[FeedRecord] | UnreadableFile, stream: IO[bytes]) -> None:
    pickler = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _SENT_AS
    pickler.dump(chunk)
    stream.flush()


def main() -> None:
    try:
        (path, *how), after = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    except EOFError:  # the parent has ended, or found nothing to read
        return
    _, options, currency, _ = how
    filling = settings_in(options.set, currency)
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
    with path.open("rb") as file:
        try:
            for chunk in _chunks(open_feed(file, *how).records(after), filling):
                _send(chunk, sys.stdout.buffer)
        except BrokenPipeError:  # the parent needs no more
            os._exit(0)


def _chunks(
    records: Iterator[FeedRecord], filling: Said
) -> Iterator[list[FeedRecord] | UnreadableFile]:
    """An empty one, or why there are no more, comes last."""
    chunk: list[FeedRecord] = []
    try:
        for record in records:
            record.prepared = _prepared(record.said, filling)
            chunk.append(record)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    except UnreadableFile as error:
        if chunk:
            yield chunk
        yield error
    else:
        if chunk:
            yield chunk
        yield []


def _prepared(said: Said | None, filling: Said) -> Prepared | None:
    made = None if said is None else book_if_new(said, filling)
    if made is None:
        return None
    book, notes = made
    series = book.series
    texts = BookTexts(
        book.title,
        book.subtitle,
        book.description,
        series.title if series else None,
        series.volume if series else None,
        tuple([one.name for one in book.contributors]),
    )
    return Prepared(book, tuple(notes), book_words(int(book.isbn), texts))
