"""How copies came and went, for the shop's staff."""

from datetime import datetime

from functions.inventory.model import LedgerKind, Record, StockLevel
from shared.kit.isbn import Isbn


class LedgerEntry(Record):
    """One change of what lies on the shelf. `actor` is who made it, null where an order did;
    `reference` then names what of the order."""

    id: int
    at: datetime
    kind: LedgerKind
    delta: int
    reason: str
    reference: str | None
    actor: str | None


class StockHistory(Record):
    """`entries`: the newest first. The deltas of all of them add up to `on_hand`."""

    level: StockLevel
    entries: tuple[LedgerEntry, ...]
    next_cursor: str | None


class LowStock(Record):
    isbn: Isbn
    title: str
    available: int
    reserved: int
    sold: int


class LowStocks(Record):
    items: tuple[LowStock, ...]
