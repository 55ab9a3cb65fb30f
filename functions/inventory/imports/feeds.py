"""A file that was inspected, opened by what it is."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import BinaryIO, Protocol

from functions.inventory.import_model import (
    FeedRecord,
    FileShape,
    ImportOptions,
    Position,
)
from functions.inventory.imports.csv_feed import CsvFeed
from functions.inventory.imports.onix_feed import OnixFeed


class Feed(Protocol):
    remarks: tuple[str, ...]

    def records(self, after: Position | None = None) -> Iterator[FeedRecord]:
        """From the first, or from where a record said that the next one begins.

        Raises UnreadableFile where the file cannot be read further.
        """
        ...


OpenFeed = Callable[[BinaryIO, FileShape, ImportOptions, str, date], Feed]


def open_feed(
    file: BinaryIO, shape: FileShape, options: ImportOptions, currency: str, today: date
) -> Feed:
    """Raises UnreadableFile. `today` decides which of a book's dated prices holds."""
    if shape.format == "csv":
        return CsvFeed(file, shape, options, currency)
    return OnixFeed(file, currency, today)
