"""What inventory announces, on the topic `inventory`. The session is what the event is about: a
hold, an order, an ISBN.

Bulk imports announce nothing: a delivery of data changes a million books at once, and who keeps a
copy of the catalogue reads it anew then.
"""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.catalogue import HoldLine
from shared.contracts.envelope import Payload
from shared.kit.isbn import Isbn

TOPIC = "inventory"


class BookReserved(Payload):
    """Copies are held, until `expires_at` in business time unless that is put off. About the hold;
    for an order its id is the order's."""

    kind: ClassVar[str] = "book.reserved"
    told = ("hold_id", "lines")

    hold_id: str
    lines: tuple[HoldLine, ...]
    expires_at: datetime


class BookReleased(Payload):
    """Held copies are available again. About the hold."""

    kind: ClassVar[str] = "book.released"
    told = ("hold_id", "lines", "reason")

    hold_id: str
    lines: tuple[HoldLine, ...]
    reason: Literal["released", "expired"]


class StockCount(BaseModel):
    """`available = on_hand - reserved`. Of two counts of one edition the higher `version` is the
    later one, in whatever order they come."""

    model_config = ConfigDict(frozen=True)

    isbn: Isbn
    on_hand: int
    reserved: int
    available: int
    version: int


class StockChanged(Payload):
    """Copies came in or went out: by an admin (about the ISBN), by a sale (about the hold), by an
    order that was cancelled (about the order). One event for all that changed together."""

    kind: ClassVar[str] = "stock.changed"

    counts: tuple[StockCount, ...]


class StockLow(Payload):
    """`available` has just fallen from above `threshold` to it or below; told again only after it
    had risen above. What an import takes away is not told, nor what falls further from there. About
    the ISBN."""

    kind: ClassVar[str] = "stock.low"
    told = ("isbn", "available", "threshold")

    isbn: Isbn
    available: int
    threshold: int


class BookUpdated(Payload):
    """An admin added, changed, withdrew or brought back an edition, or sent in its cover or sample;
    `version` is that of its metadata. About the ISBN."""

    kind: ClassVar[str] = "book.updated"
    told = ("isbn", "version", "withdrawn")

    isbn: Isbn
    version: int
    withdrawn: bool
