"""What a bookseller means by a book: editions, contributors, availability, stock and holds.

AppError
├── UnknownBook            404  no edition has this ISBN
├── UnknownReservation     404  no reservation has this id
├── BookExists             409  an edition with this ISBN is already there
├── StockHeld              409  a change would leave fewer copies than are reserved
├── NotEnoughStock         409  a hold asks for more than is available; names each line
├── ReservationClosed      409  the hold was already confirmed, released or expired
└── ReservationMismatch    422  the reservation's id was used for other lines
"""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, ClassVar, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    RootModel,
    StringConstraints,
    field_validator,
)

from shared.kit.errors import Conflict, IdempotencyMismatch, NotFound
from shared.kit.isbn import Isbn, parse_isbn
from shared.kit.money import Money

T = TypeVar("T")

Format = Literal["hardcover", "paperback", "ebook", "audiobook"]
Role = Literal["author", "editor", "translator", "illustrator", "introduction", "narrator", "other"]
Availability = Literal["in_stock", "out_of_stock", "not_yet_on_sale", "withdrawn"]
LedgerKind = Literal["received", "sold", "returned", "adjusted"]
ReservationState = Literal["held", "confirmed", "released", "expired"]

AnyIsbn = Annotated[
    Isbn,
    AfterValidator(parse_isbn),
    Field(json_schema_extra={"example": "9780141439518"}),
]
"""An ISBN-13 or ISBN-10, hyphens or not, read as its thirteen digits."""


def availability(
    *, withdrawn: bool, on_sale_on: date | None, on_hand: int, reserved: int, today: date
) -> tuple[Availability, int]:
    """The status of an edition on a business day, and how many copies can be sold."""
    if withdrawn:
        return "withdrawn", 0
    if on_sale_on is not None and on_sale_on > today:
        return "not_yet_on_sale", 0
    available = on_hand - reserved
    return ("in_stock", available) if available > 0 else ("out_of_stock", 0)


def etag(version: int, stock_version: int | str) -> str:
    """Of a book: the versions of its metadata and of its stock."""
    return f'"m{version}-s{stock_version}"'


class UnknownBook(NotFound):
    kind: ClassVar[str] = "unknown-book"
    title: ClassVar[str] = "There is no such book"

    def __init__(self, isbn: str) -> None:
        super().__init__(f"No edition has the ISBN {isbn}.", extensions={"isbn": isbn})


class BookExists(Conflict):
    kind = "book-exists"
    title = "The book is already in the catalogue"


class StockHeld(Conflict):
    kind = "stock-held"
    title = "Copies are reserved for orders"


class NotEnoughStock(Conflict):
    """`shortages` names every line that cannot be had; `lines` shows them to the caller."""

    kind = "not-enough-stock"
    title = "Not enough copies are available"

    def __init__(self, shortages: "Sequence[Shortage]") -> None:
        lines = [shortage.model_dump() for shortage in shortages]
        isbns = ", ".join(shortage.isbn for shortage in shortages)
        super().__init__(
            f"Not enough copies are available of {isbns}.", extensions={"lines": lines}
        )
        self.shortages = tuple(shortages)


class UnknownReservation(NotFound):
    kind = "unknown-reservation"
    title = "There is no such reservation"

    def __init__(self, reservation_id: str) -> None:
        super().__init__(f"No reservation has the id {reservation_id}.")


class ReservationClosed(Conflict):
    kind = "reservation-closed"
    title = "The reservation is no longer open"

    def __init__(self, reservation_id: str, state: "ReservationState") -> None:
        super().__init__(f"The reservation {reservation_id} is {state}.")
        self.state = state


class ReservationMismatch(IdempotencyMismatch):
    kind = "reservation-mismatch"
    title = "The reservation's id was used for other lines"

    def __init__(self, reservation_id: str) -> None:
        super().__init__(f"The reservation {reservation_id} holds other lines.")


class Record(BaseModel):
    """A value: frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Command(Record):
    """What an admin sends: JSON's own types only, so that `"5"` is no number."""

    model_config = ConfigDict(strict=True)


_ONE_LINE = StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")
_TEXT = StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")

OneLine = Annotated[str, _ONE_LINE]
"""Not blank, and without control characters; white space around it is dropped."""
Text = Annotated[str, _TEXT]
"""May have several lines."""


def _visible(text: str) -> str:
    # Spaces, combining marks, and controls such as U+200B show nothing by themselves.
    if not text[0].isalnum() and all(unicodedata.category(sign)[0] in "ZMC" for sign in text):
        raise ValueError("has no sign that can be seen")
    return text


Name = Annotated[OneLine, AfterValidator(_visible)]
"""By which a person knows the thing again."""

EARLIEST = date(1000, 1, 1)
CalendarDate = Annotated[date, Field(ge=EARLIEST)]
"""Dates long before printing are slips; 0001-01-01 stands for no date where books are sorted."""


class Contributor(Command):
    name: Annotated[Name, Field(max_length=300)]
    role: Role = "author"


class SeriesPlace(Command):
    title: Annotated[Name, Field(max_length=300)]
    volume: Annotated[OneLine | None, Field(max_length=30)] = None


class Dimensions(Command):
    height_mm: Annotated[int | None, Field(ge=1, le=5000)] = None
    width_mm: Annotated[int | None, Field(ge=1, le=5000)] = None
    thickness_mm: Annotated[int | None, Field(ge=1, le=5000)] = None
    weight_g: Annotated[int | None, Field(ge=1, le=100_000)] = None


class BookDetails(Command):
    """What an admin says of an edition, in full; `PUT` replaces with it.

    A category is named by its slug, or by its Thema or BISAC code.
    """

    title: Annotated[Name, Field(max_length=500)]
    subtitle: Annotated[OneLine | None, Field(max_length=500)] = None
    contributors: Annotated[tuple[Contributor, ...], Field(min_length=1, max_length=100)]
    format: Format
    language: Annotated[str, Field(pattern="^[a-z]{2,3}$")]
    price: Money
    description: Annotated[Text | None, Field(max_length=20_000)] = None
    series: SeriesPlace | None = None
    categories: Annotated[
        tuple[Annotated[OneLine, Field(max_length=80)], ...], Field(max_length=20)
    ] = ()
    publisher: Annotated[OneLine | None, Field(max_length=200)] = None
    imprint: Annotated[OneLine | None, Field(max_length=200)] = None
    published_on: CalendarDate | None = None
    on_sale_on: CalendarDate | None = None
    pages: Annotated[int | None, Field(ge=1, le=100_000)] = None
    dimensions: Dimensions = Dimensions()
    original_language: Annotated[str | None, Field(pattern="^[a-z]{2,3}$")] = None
    first_published: Annotated[int | None, Field(ge=-3000, le=2200)] = None


class NewBook(BookDetails):
    """`stock` copies are received with the book; editions of one `work` share its other formats.

    Without `work_of`, an edition joins the work with the same first contributor and title, if any.
    """

    isbn: AnyIsbn
    stock: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    work_of: AnyIsbn | None = None


class ReplacedBook(BookDetails):
    """`isbn` may be repeated from the address."""

    isbn: AnyIsbn | None = None


class BookPatch(RootModel[dict[str, JsonValue]]):
    """A JSON merge patch (RFC 7396) of a book's details: `null` takes a value away."""

    def applied_to(self, details: BookDetails) -> ReplacedBook:
        """Raises pydantic's ValidationError where the result is not a book."""
        merged = _merged(details.model_dump(mode="json"), self.root)
        return ReplacedBook.model_validate_json(json.dumps(merged))


class NewCategory(Record):
    """`parent` is a slug, of a category that is known or comes before."""

    slug: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]
    name: Annotated[OneLine, Field(max_length=200)]
    parent: str | None = None
    thema: Annotated[str | None, Field(max_length=12)] = None
    bisac: Annotated[str | None, Field(max_length=12)] = None


class StockChange(Command):
    """`delta` copies come in, or go out when it is negative; `reason` stays in the ledger."""

    delta: Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
    reason: Annotated[OneLine, Field(max_length=200)]

    @field_validator("delta")
    @classmethod
    def _counts(cls, delta: int) -> int:
        if delta == 0:
            raise ValueError("must not be 0")
        return delta


class StockLevel(Record):
    """`available = on_hand - reserved`."""

    isbn: Isbn
    on_hand: int
    reserved: int
    available: int
    version: int


class Line(Record):
    isbn: Isbn
    quantity: Annotated[int, Field(ge=1, le=99)]


class Shortage(Record):
    """A line that cannot be reserved; `available` is what can be had of it now.

    `reason` is `unknown` where no edition has the ISBN.
    """

    isbn: Isbn
    requested: int
    available: int
    reason: Literal["not_enough", "not_yet_on_sale", "withdrawn", "unknown"]


class Reservation(Record):
    """Copies held for one order: all lines or none, until `expires_at` in business time."""

    id: str
    state: ReservationState
    lines: tuple[Line, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a command gave, and the stock that it changed: none where it was a repetition."""

    value: T
    levels: tuple[StockLevel, ...] = ()
    replayed: bool = False


class WrittenBook(Record):
    """A book right after it was written; `body` is the JSON that its readers get."""

    isbn: Isbn
    etag: str
    body: str


@dataclass(frozen=True, slots=True)
class Cover:
    """`name` begins the pictures' addresses; `colour` (#rrggbb) shows until they are there."""

    name: str
    colour: str


@dataclass(frozen=True, slots=True)
class StoredEdition:
    """What was last said of an edition, and at which versions of its metadata and stock."""

    details: BookDetails
    version: int
    stock_version: int
    withdrawn: bool
    work_id: int
    cover: str | None


@dataclass(frozen=True, slots=True)
class Refusal:
    isbn: Isbn
    reason: str


@dataclass(frozen=True, slots=True)
class PutReport:
    """What became of each book of a chunk; a withdrawn edition stays withdrawn."""

    created: tuple[Isbn, ...]
    replaced: tuple[Isbn, ...]
    unchanged: tuple[Isbn, ...]
    refused: tuple[Refusal, ...]


def _merged(target: JsonValue, patch: JsonValue) -> JsonValue:
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged
