"""What a message of ONIX says, on a certain day."""

import io
from datetime import date
from typing import Any

from functions.inventory.import_model import FeedRecord, ImportOptions, Said
from functions.inventory.imports.feeds import open_feed
from functions.inventory.imports.inspection import inspect
from tests.support import onix

TODAY = date(2026, 3, 1)
ISBN = "9780140328721"


def read(text: str | bytes, today: date = TODAY, currency: str = "GBP") -> list[FeedRecord]:
    """The records of a message, read once through and again from behind each: the same."""
    file = io.BytesIO(text.encode() if isinstance(text, str) else text)
    feed = open_feed(file, inspect(file), ImportOptions(), currency, today)
    records = list(feed.records())
    for place, record in enumerate(records[:20]):
        assert list(feed.records(record.after)) == records[place + 1 :]
    return records


def said_by(*blocks: str, **options: Any) -> Said:
    (record,) = read(onix.message(onix.product(ISBN, *blocks)), **options)
    assert record.said is not None, record.fault
    return record.said
