"""Deliveries of a bookseller's data: what is asked of one, how far it is, what became of it.

AppError
├── UnknownImport      404  no import has this id
├── ImportNotStartable 409  it runs or has ended already, or its file has not arrived
└── UnknownUpload      404  an upload's address is not one of ours, or is too old
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field

from functions.inventory.model import Command, NewBook, OneLine, Record
from functions.inventory.words import BookWords
from shared.kit.errors import Conflict, NotFound
from shared.kit.isbn import Isbn

_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f]")
_MOST_NOTES_OF_RECORD = 200
CHUNK = 1_000
"""Records that are taken in by one transaction."""
LONGEST_REASON = 500
MOST_NOTES = 500
MOST_REFUSALS_SHOWN = 1_000

ImportState = Literal["awaiting", "waiting", "running", "finished", "failed"]
FileFormat = Literal["csv", "onix"]
StockRule = Literal["new", "level", "ignore"]

SETTABLE = (
    "title",
    "subtitle",
    "authors",
    "publisher",
    "imprint",
    "price",
    "stock",
    "format",
    "language",
    "published_on",
    "on_sale_on",
    "series",
    "categories",
    "original_language",
    "first_published",
)
"""What `set` may say of books that do not say it themselves."""


class UnknownImport(NotFound):
    kind = "unknown-import"
    title = "There is no such import"

    def __init__(self, import_id: str) -> None:
        super().__init__(f"No import has the id {import_id[:100]}.")


class ImportNotStartable(Conflict):
    kind = "import-not-startable"
    title = "The import cannot be started"


class UnknownUpload(NotFound):
    kind = "unknown-upload"
    title = "Nothing can be uploaded here"

    def __init__(self) -> None:
        super().__init__("The address is not that of an upload, or its time is over.")


class UnreadableFile(Exception):
    """A file that cannot be taken in at all, or not beyond some place; the message says why."""


class LeaseLost(Exception):
    """Another process took the import over; what this one worked out was not committed."""


def _settable(given: dict[str, str]) -> dict[str, str]:
    for name in given:
        if name not in SETTABLE:
            raise ValueError(f"{name} cannot be set; these can: {', '.join(SETTABLE)}")
    return given


Pairs = Annotated[
    dict[Annotated[str, Field(max_length=40)], Annotated[str, Field(max_length=500)]],
    Field(max_length=50),
]


class ImportOptions(Command):
    """`map` names the column for a field, `set` what is said of books that do not say it.

    `stock`: `new` receives a delivery's stock with books that are new; `level` also moves the
    shelves of known books to it; `ignore` leaves it out.
    """

    map: Pairs = Field(default_factory=dict)
    set: Annotated[Pairs, AfterValidator(_settable)] = Field(default_factory=dict)
    stock: StockRule = "new"


def _bare_name(name: str) -> str:
    """What is left when folders are taken away; it is shown, and never opened."""
    bare = PurePath(name.replace("\\", "/")).name
    return bare if bare.strip(".") else "unnamed"


FileName = Annotated[OneLine, Field(max_length=255), AfterValidator(_bare_name)]


class AnnouncedImport(ImportOptions):
    """A file that will be uploaded. `size` counts bytes."""

    file_name: FileName
    size: Annotated[int, Field(ge=1, le=100 * 1024 * 1024)]
    content_type: Annotated[OneLine | None, Field(max_length=100)] = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next record begins: its byte, its line, and how many came before it."""

    offset: int = 0
    line: int = 0
    records: int = 0


class FileShape(Record):
    """What one reading of the whole file found, so that no later one need look again.

    `encoding`, `delimiter` and `only_cr` (lines end in CR alone) are of a CSV file. `remarks` are
    sentences for the report.
    """

    format: FileFormat
    size: int
    digest: str
    encoding: str = "utf-8"
    delimiter: str = ","
    only_cr: bool = False
    remarks: tuple[str, ...] = ()


class Note(Record):
    """Something that was not understood or not taken over, and how often."""

    where: str
    what: str
    count: int
    first_line: int


class Counts(Record):
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    refused: int = 0

    @property
    def records(self) -> int:
        return self.added + self.changed + self.unchanged + self.withdrawn + self.refused


class Progress(Record):
    """What commits with every chunk; `failure` says why the file could not be read further.

    `announced` is the size of a file that is still to be uploaded.
    """

    announced: int | None = None
    shape: FileShape | None = None
    position: Position | None = None
    counts: Counts = Counts()
    notes: tuple[Note, ...] = ()
    failure: str | None = None


class RefusedRecord(Record):
    """`reference` is the ISBN or the record's own name, as the file gives it."""

    line: int
    reference: str | None
    reason: str


class UploadAddress(Record):
    """Send the file there as the body of one PUT with these headers, before `expires_at`."""

    method: Literal["PUT"] = "PUT"
    url: str
    headers: Mapping[str, str] = Field(default_factory=dict)
    expires_at: datetime


class ImportStatus(Record):
    """How an import stands. `notes` count what was not understood or not taken over."""

    id: str
    state: ImportState
    file_name: str
    format: FileFormat | None = None
    size: int | None = None
    bytes_read: int = 0
    records: int = 0
    counts: Counts = Counts()
    remarks: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    refusals: tuple[RefusedRecord, ...] = ()
    refusals_left_out: int = 0
    failure: str | None = None
    upload: UploadAddress | None = None
    created_at: datetime
    updated_at: datetime


class ImportList(Record):
    """The newest first, each without the records that it refused."""

    items: tuple[ImportStatus, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to go on with an import, until another process takes a later epoch."""

    import_id: str
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class StoredImport:
    id: str
    state: ImportState
    file_name: str
    options: ImportOptions
    progress: Progress
    actor: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(slots=True)
class Said:
    """What a record says of an edition.

    `fields` are those of BookDetails. What is named in `cleared` and not said is taken away; the
    rest stays as it was. `categories` and `work_of` hold alternatives, the best first. An
    `only_known` record is of no use for an edition that the catalogue does not have.
    """

    isbn: Isbn
    fields: dict[str, Any] = field(default_factory=dict)
    cleared: frozenset[str] = frozenset()
    categories: list[tuple[str, ...]] | None = None
    work_of: tuple[Isbn, ...] = ()
    stock: int | None = None
    withdraw: bool = False
    only_known: bool = False


class Prepared(NamedTuple):
    """What a record comes to if the catalogue does not have its book: the book, but for its
    categories and what other records say of it, and what is to be noted then.
    """

    book: NewBook
    notes: tuple[tuple[str, str], ...]
    words: BookWords


@dataclass(slots=True)
class FeedRecord:
    """One record of a file: what it says, or why it cannot be used.

    `notes` are pairs of a place (a column, an element) and what was found there. What is `prepared`
    saves time where it is of use, and changes nothing.
    """

    line: int
    after: Position
    reference: str | None = None
    said: Said | None = None
    fault: str | None = None
    notes: list[tuple[str, str]] = field(default_factory=list)
    prepared: Prepared | None = field(default=None, compare=False)

    def bounded(self) -> "FeedRecord":
        """Itself, with what goes into reports cut to a length, and safe to show on a terminal."""
        self.reference = self.reference and _shown(self.reference, 100)
        self.fault = self.fault and _shown(self.fault, LONGEST_REASON)
        if len(self.notes) > _MOST_NOTES_OF_RECORD:
            del self.notes[_MOST_NOTES_OF_RECORD:]
            self.notes.append(("record", "has more to note than is kept"))
        self.notes[:] = [(_shown(where, 200), _shown(what, 200)) for where, what in self.notes]
        return self


def _shown(text: str, longest: int) -> str:
    return _UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text[:longest])
