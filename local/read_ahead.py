"""Reads a feed in a process of its own, one chunk ahead of the writing, so that two cores work.

`open_ahead` stands in for `open_feed` where the file lies on disk. The reader ends with its parent:
nobody is there then to take its next chunk.
"""

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import IO, BinaryIO

from functions.inventory.import_model import (
    CHUNK,
    FeedRecord,
    FileShape,
    ImportOptions,
    Position,
    UnreadableFile,
)
from functions.inventory.imports.feeds import Feed, open_feed

_WORTH_A_PROCESS = 512 * 1024
"""A smaller file is read before another interpreter has started."""


def open_ahead(
    file: BinaryIO, shape: FileShape, options: ImportOptions, currency: str, today: date
) -> Feed:
    """Raises UnreadableFile, as `open_feed` does."""
    feed = open_feed(file, shape, options, currency, today)
    if shape.size < _WORTH_A_PROCESS:
        return feed
    return _FeedAhead(feed.remarks, (Path(file.name).resolve(), shape, options, currency, today))


class _FeedAhead:
    def __init__(
        self, remarks: tuple[str, ...], how: tuple[Path, FileShape, ImportOptions, str, date]
    ) -> None:
        self.remarks = remarks
        self._how = how

    def records(self, after: Position | None = None) -> Iterator[FeedRecord]:
        with subprocess.Popen(
            [sys.executable, "-m", "local.read_ahead"],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as reader:
            assert reader.stdin is not None
            assert reader.stdout is not None
            try:
                pickle.dump((self._how, after), reader.stdin)
                reader.stdin.close()
                while chunk := _received(reader.stdout):
                    yield from chunk
            finally:
                reader.kill()


def _received(stream: IO[bytes]) -> list[FeedRecord]:
    """Empty at the end of the file."""
    try:
        chunk: list[FeedRecord] | UnreadableFile = pickle.load(stream)  # noqa: S301 - from our own
    except EOFError:
        raise UnreadableFile("The process that reads the file has ended too early.") from None
    if isinstance(chunk, UnreadableFile):
        raise chunk
    return chunk


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for our parent
    (path, *how), after = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
    with path.open("rb") as file:
        try:
            for chunk in _chunks(open_feed(file, *how).records(after)):
                pickle.dump(chunk, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
                sys.stdout.buffer.flush()
        except BrokenPipeError:  # the parent needs no more
            os._exit(0)


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


if __name__ == "__main__":
    main()
