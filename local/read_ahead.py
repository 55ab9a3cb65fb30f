"""Reads a feed in a process of its own, one chunk ahead of the writing, so that two cores work.

The reader ends with its parent: nobody is there then to take its next chunk.
"""

import gc
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

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
from functions.inventory.service.merging import book_if_new
from functions.inventory.store.search_words import book_words
from local.feed_pickle import pickled

_WORTHWHILE = 0.1
"""Waiting for a tenth of the time that a chunk takes."""
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
    feed = open_feed(file, shape, options, currency, today)
    return _FeedAhead(
        reader, feed, (Path(file.name).resolve(), _which(file), shape, options, currency, today)
    )


def _which(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino


class _FeedAhead:
    def __init__(
        self,
        reader: "subprocess.Popen[bytes]",
        feed: Feed,
        how: tuple[Path, tuple[int, int], FileShape, ImportOptions, str, date],
    ) -> None:
        self.remarks = feed.remarks
        self._reader = reader
        self._feed = feed
        self._how = how

    def records(self, after: Position | None = None) -> Iterator[FeedRecord]:
        """Once only. The first chunk is read here, while the other process starts."""
        source = _chunks(self._feed.records(after))
        chunk = _sound(next(source))
        if len(chunk) == CHUNK:
            source = self._read_on(chunk[-1].after)
        while chunk:
            yield from chunk
            chunk = _sound(next(source))

    def _read_on(self, after: Position) -> Iterator[list[FeedRecord] | UnreadableFile]:
        assert self._reader.stdin is not None
        assert self._reader.stdout is not None
        with suppress(BrokenPipeError):  # then there is nothing to receive either
            pickle.dump((self._how, after), self._reader.stdin)
            self._reader.stdin.close()
        return _received(self._reader.stdout)


def _received(stream: IO[bytes]) -> Iterator[list[FeedRecord] | UnreadableFile]:
    while True:
        try:
            yield pickle.load(stream)  # noqa: S301 - from our own
        except (EOFError, pickle.UnpicklingError):  # also in the middle of a chunk
            yield UnreadableFile("The process that reads the file has ended too early.")


def _sound(chunk: list[FeedRecord] | UnreadableFile) -> list[FeedRecord]:
    if isinstance(chunk, UnreadableFile):
        raise chunk
    return chunk


def main() -> None:
    try:
        (path, which, *how), after = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our parent
    except EOFError:  # the parent has ended, or found nothing to read
        return
    _, options, currency, _ = how
    filling = settings_in(options.set, currency)
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
    try:
        with path.open("rb") as file:
            if _which(file) != which:
                raise FileNotFoundError
            _send(open_feed(file, *how).records(after), filling, sys.stdout.buffer)
    except FileNotFoundError:
        gone = UnreadableFile(f"{path.name} is no longer the file that was looked at before.")
        sys.stdout.buffer.write(pickled(gone))
    except BrokenPipeError:  # the parent needs no more
        os._exit(0)


def _send(records: Iterator[FeedRecord], filling: Said, stream: IO[bytes]) -> None:
    """Where the parent is waited for it has more to do than this process, which then takes some of
    that over.
    """
    has_time = True
    began = time.monotonic()
    for chunk in _chunks(records):
        if has_time and not isinstance(chunk, UnreadableFile):
            prepare(chunk, filling)
        content = pickled(chunk)
        made = time.monotonic()
        stream.write(content)
        stream.flush()
        sent = time.monotonic()
        has_time = sent - made > _WORTHWHILE * (made - began)
        began = sent


def _chunks(records: Iterator[FeedRecord]) -> Iterator[list[FeedRecord] | UnreadableFile]:
    """An empty one, or why there are no more, comes last."""
    chunk: list[FeedRecord] = []
    try:
        for record in records:
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


def prepare(records: Iterable[FeedRecord], filling: Said) -> None:
    """`filling` is what the import says of books that do not say it."""
    for record in records:
        record.prepared = _prepared(record.said, filling)


def _prepared(said: Said | None, filling: Said) -> Prepared | None:
    made = None if said is None else book_if_new(said, filling)
    if made is None:
        return None
    book, notes = made
    series = book.series
    texts = (
        book.title,
        book.subtitle,
        book.description,
        series.title if series else None,
        series.volume if series else None,
        tuple([one.name for one in book.contributors]),
    )
    return Prepared(book, tuple(notes), book_words(int(book.isbn), texts))
