"""What others ask inventory, decided on its primary."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.kit.isbn import Isbn
from shared.kit.money import Money

Sellable = Literal["in_stock", "out_of_stock", "not_yet_on_sale", "withdrawn"]

DIGITAL = frozenset({"ebook", "audiobook"})
USUAL_GRAMS = {"paperback": 300, "hardcover": 600}
"""A novel of some 300 pages in either format."""
_HEAVIEST_USUAL = max(USUAL_GRAMS.values())


class BookQuote(BaseModel):
    """An edition as it can be bought now. `weight_grams` is None where nobody said it."""

    model_config = ConfigDict(frozen=True)

    isbn: Isbn
    title: str
    format: str
    price: Money
    status: Sellable
    available: int
    weight_grams: int | None
    thumbnail: str | None

    @property
    def is_digital(self) -> bool:
        """Downloaded, so that nothing is sent."""
        return self.format in DIGITAL

    @property
    def shipping_grams(self) -> int:
        """Of one copy: what its format usually weighs, where nobody said it."""
        if self.is_digital:
            return 0
        return self.weight_grams or USUAL_GRAMS.get(self.format, _HEAVIEST_USUAL)


class HoldLine(BaseModel):
    model_config = ConfigDict(frozen=True)

    isbn: Isbn
    quantity: Annotated[int, Field(ge=1, le=99)]


class MissingLine(BaseModel):
    """A line that cannot be held; `available` is what can be had of it now."""

    model_config = ConfigDict(frozen=True)

    isbn: Isbn
    requested: int
    available: int
    reason: Literal["not_enough", "not_yet_on_sale", "withdrawn", "unknown"]


class Quotes(Protocol):
    def quotes(self, isbns: Collection[Isbn]) -> Mapping[Isbn, BookQuote]:
        """At most 100; unknown ISBNs are left out, withdrawn editions are not."""
        ...


class Holds(Protocol):
    """Copies held for one order under an id of the caller's; times are business time.

    Each call may be repeated. A hold that is past its time and was not renewed goes by itself.
    """

    def hold(
        self, hold_id: str, lines: Sequence[HoldLine], expires_at: datetime
    ) -> Sequence[MissingLine]:
        """All lines or none: empty when the copies are held. Raises HoldClosed."""
        ...

    def renew(self, hold_id: str, expires_at: datetime) -> None:
        """Raises HoldClosed."""
        ...

    def confirm(self, hold_id: str) -> None:
        """The copies are sold. Raises HoldClosed where they were given back."""
        ...

    def release(self, hold_id: str) -> None:
        """The copies are on sale again; a hold that comes later under this id holds nothing.
        Raises HoldClosed where they were sold."""
        ...


class HoldClosed(Exception):
    """The hold is not open: `state` is `released`, `expired`, `confirmed`, or `unknown` where no
    copies were ever held under the id."""

    def __init__(self, hold_id: str, state: str) -> None:
        super().__init__(f"The hold {hold_id} is {state}.")
        self.state = state
