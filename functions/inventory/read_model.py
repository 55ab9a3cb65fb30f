"""What readers ask for and what they get."""

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from functions.inventory.model import Availability, Dimensions, Format, Role
from shared.http.values import WHOLE_NUMBER, Cursor, PageSize
from shared.kit.errors import NotFound
from shared.kit.money import Money

Sort = Literal["relevance", "title", "-title", "price", "-price", "newest", "bestselling"]
SORTS: tuple[Sort, ...] = (
    "relevance",
    "title",
    "-title",
    "price",
    "-price",
    "newest",
    "bestselling",
)
RELEVANT_HITS = 1_000
"""As far as relevance is paged."""
RANKED_HITS = 10_000
"""Of a broader search only so many are looked at, the best-selling; facets count as far."""


def _day(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        raise PydanticCustomError("day", "must be a date such as 2026-01-31")
    return value


def _truth(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("true", "false"):
            raise PydanticCustomError("truth", "must be true or false")
        return value == "true"
    return value


def _text(value: str) -> str:
    if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise PydanticCustomError("text", "holds a sign that is not text")
    return value.strip()


_IS_TEXT = AfterValidator(_text)
Amount = Annotated[int, WHOLE_NUMBER, Field(ge=0, le=10**12)]
Day = Annotated[date, BeforeValidator(_day)]
Truth = Annotated[bool, BeforeValidator(_truth)]


class Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @cached_property
    def text(self) -> str:
        """The same for queries that ask the same."""
        return self.model_dump_json(exclude_none=True)


class Contribution(BaseModel):
    id: int
    name: str
    role: Role


class SeriesVolume(BaseModel):
    id: int
    title: str
    volume: str | None


class CategoryName(BaseModel):
    """`id` is what the filter `category` takes."""

    id: str
    name: str


class Images(BaseModel):
    """Addresses of the cover in three sizes; none where the book has no cover yet."""

    thumbnail: str | None
    small: str | None
    large: str | None
    placeholder_colour: str | None


class BookAvailability(BaseModel):
    """`available` copies can be sold now; none before the on-sale date."""

    status: Availability
    available: int


class BookSummary(BaseModel):
    """An edition as lists show it."""

    isbn: str
    title: str
    subtitle: str | None
    contributors: list[Contribution]
    series: SeriesVolume | None
    published_on: date | None
    language: str
    format: Format
    price: Money
    categories: list[CategoryName]
    work_id: int
    images: Images
    availability: BookAvailability


class OtherFormat(BaseModel):
    """Another edition of the same work."""

    isbn: str
    format: Format
    price: Money
    availability: BookAvailability


class Book(BookSummary):
    """An edition in full."""

    description: str | None
    publisher: str | None
    imprint: str | None
    on_sale_on: date | None
    pages: int | None
    original_language: str | None
    first_published: int | None
    dimensions: Dimensions
    sample: Annotated[str | None, Field(description="address of pages to read, text or PDF")]
    other_formats: list[OtherFormat]
    version: int


class SelectedBook(BaseModel):
    """A book, or of it the `fields` that were asked for."""

    model_config = ConfigDict(extra="allow")

    isbn: str

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """All that a book has, of which only the ISBN is always there."""
        own = handler.resolve_ref_schema(handler(schema))
        whole = handler.resolve_ref_schema(handler(Book.__pydantic_core_schema__))
        return {**own, "properties": whole["properties"]}


class FacetCount(BaseModel):
    value: str
    name: str
    count: int


class Facets(BaseModel):
    """How many of the books found have each value.

    Up to 10,000 books found, the counts are exact. Of more, the best-selling 10,000 are counted:
    `at_least` says so, and every count can be higher.
    """

    at_least: bool
    total: int
    category: list[FacetCount]
    format: list[FacetCount]
    language: list[FacetCount]
    in_stock: list[FacetCount]


class BookPage(BaseModel):
    """`approximate`: so many books were hit that only the best-selling 10,000 were looked at."""

    items: list[SelectedBook]
    next_cursor: str | None
    approximate: bool | None = None
    did_you_mean: str | None = None
    facets: Facets | None = None


class AvailabilityAnswer(BookAvailability):
    isbn: str


class Author(BaseModel):
    """`books` counts the editions in the catalogue."""

    id: int
    name: str
    books: int


AuthorPlace = tuple[int, str, int]
"""Where an author stands in a list: its part, the name that sorts there, and the id."""


class AuthorPage(BaseModel):
    items: list[Author]
    next_cursor: str | None


class Category(BaseModel):
    """`books` counts the editions in it and below it."""

    id: str
    name: str
    thema: str | None
    bisac: str | None
    books: int
    children: list["Category"]


class CategoryTree(BaseModel):
    items: list[Category]


DETAILS = frozenset(Book.model_fields) - frozenset(BookSummary.model_fields)


def _fields(value: str) -> str:
    chosen = [name.strip() for name in value.split(",")]
    unknown = sorted({name for name in chosen if name not in Book.model_fields})
    if unknown:
        raise PydanticCustomError("fields", "does not know {names}", {"names": ", ".join(unknown)})
    return ",".join(name for name in Book.model_fields if name in chosen)


class BookQuery(Query):
    """Filters narrow together; `category` takes in all categories below it."""

    q: Annotated[str, Field(max_length=200), _IS_TEXT] | None = None
    category: Annotated[str, Field(max_length=80), _IS_TEXT] | None = None
    author: Annotated[
        Annotated[str, Field(max_length=300), _IS_TEXT] | None,
        Field(description="an author's id, or the name in full"),
    ] = None
    language: Annotated[str | None, Field(pattern="^[a-z]{2,3}$")] = None
    format: Format | None = None
    min_price: Amount | None = None
    max_price: Amount | None = None
    in_stock: Truth | None = None
    published_from: Day | None = None
    published_to: Day | None = None
    sort: Sort | None = None
    limit: PageSize = 20
    cursor: Cursor | None = None
    facets: Truth = False
    fields: Annotated[
        Annotated[str, AfterValidator(_fields)] | None,
        Field(max_length=500, description="names of a book's fields, apart by commas"),
    ] = None

    @field_validator("max_price", "published_to")
    @classmethod
    def _not_below(cls, value: Any, info: ValidationInfo) -> Any:
        low = {"max_price": "min_price", "published_to": "published_from"}[str(info.field_name)]
        least = info.data.get(low)
        if value is not None and least is not None and value < least:
            raise PydanticCustomError("range", "is below {low}", {"low": low})
        return value


class AuthorQuery(Query):
    """`q` begins a name or any word of it: `Le Guin`, `Ursula`, `Gui`."""

    q: Annotated[str, Field(max_length=200), _IS_TEXT] | None = None
    limit: PageSize = 20
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """A query's filters, looked up: ids instead of names."""

    category_id: int | None = None
    contributor_id: int | None = None
    language: str | None = None
    format: str | None = None
    min_price: int | None = None
    max_price: int | None = None
    in_stock: bool | None = None
    published_from: date | None = None
    published_to: date | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of a list, sorted by `key`; `card` is JSON without images and availability."""

    isbn: int
    work_id: int
    card: str
    cover: str | None
    cover_colour: str | None
    embargoed_until: date | None
    on_hand: int
    reserved: int
    key: str | int | date


PagePlace = tuple[str | int | date, int]
"""The sort key and the ISBN of the last book shown."""


@dataclass(frozen=True, slots=True)
class Detail:
    """An edition in full; `rest` is what its card leaves out, other formats aside."""

    book: Listed
    rest: dict[str, Any]
    withdrawn: bool
    version: int
    stock_version: int
    others: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Hits:
    """`approximate`: there were more than were looked at."""

    isbns: tuple[int, ...]
    approximate: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """Facet counts by the value itself; categories by their number."""

    total: int
    at_least: bool
    category: dict[int, int]
    format: dict[str, int]
    language: dict[str, int]
    in_stock: dict[bool, int]


NO_COUNTS = Counts(0, False, {}, {}, {}, {})


class UnknownAuthor(NotFound):
    kind = "unknown-author"
    title = "There is no such author"

    def __init__(self, number: int) -> None:
        super().__init__(f"No author has the id {number}.")
