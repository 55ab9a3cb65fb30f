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

from functions.inventory.import_model import (
    CHUNK,
    FeedRecord,
    FileShape,
    ImportOptions,
    Position,
    Said,
    UnreadableFile,
)
from functions.inventory.imports.feeds import Feed, OpenFeed, open_feed
from functions.inventory.model import Contributor, Role
from functions.inventory.words import searchable
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


def _by_its_fields(kind: type[Any]) -> Callable[[Any], tuple[Any, tuple[Any, ...]]]:
    values = attrgetter(*(field.name for field in fields(kind)))
    return lambda record: (kind, values(record))


@lru_cache(maxsize=_REMEMBERED)
def _contributor(name: str, role: Role) -> Contributor:
    """Checked by the reader."""
    return Contributor.model_construct(name=name, role=role)


@lru_cache(maxsize=_REMEMBERED)
def _money(amount: int, currency: str) -> Money:
    return Money.model_construct(amount=amount, currency=currency)


_SENT_AS: dict[type, Callable[[Any], tuple[Any, tuple[Any, ...]]]] = {
    **{kind: _by_its_fields(kind) for kind in (FeedRecord, Said, Position)},
    Contributor: lambda one: (_contributor, (one.name, one.role)),
    Money: lambda one: (_money, (one.amount, one.currency)),
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
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
    with path.open("rb") as file:
        try:
            for chunk in _chunks(open_feed(file, *how).records(after)):
                _send(chunk, sys.stdout.buffer)
        except BrokenPipeError:  # the parent needs no more
            os._exit(0)


def _chunks(records: Iterator[FeedRecord]) -> Iterator[list[FeedRecord] | UnreadableFile]:
    """An empty one, or why there are no more, comes last."""
    chunk: list[FeedRecord] = []
    try:
        for record in records:
            if record.said is not None and (text := record.said.fields.get("description")):
                record.folded = " ".join(searchable(text))
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
