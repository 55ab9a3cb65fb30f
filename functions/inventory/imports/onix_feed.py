"""What each product of an ONIX message says of an edition."""

from collections.abc import Iterator
from datetime import date
from typing import BinaryIO

from functions.inventory.import_model import FeedRecord, Position
from functions.inventory.imports.languages import language_code
from functions.inventory.imports.onix_composite import Composite
from functions.inventory.imports.onix_product import ProductReader
from functions.inventory.imports.onix_reader import (
    LARGEST_PRODUCT,
    Product,
    read_beginning,
    read_products,
)
from functions.inventory.imports.onix_supply import SupplyReader


class OnixFeed:
    remarks: tuple[str, ...] = ()

    def __init__(self, file: BinaryIO, currency: str, today: date) -> None:
        self._file = file
        self._beginning = read_beginning(file)
        said: dict[str, str | None] = {}
        if self._beginning.header is not None:
            header = Composite(self._beginning.header, "Header")
            for name in ("DefaultLanguageOfText", "DefaultPriceType", "DefaultCurrencyCode"):
                said[name] = header.text(name)
        supply = SupplyReader(
            currency, today, said.get("DefaultPriceType"), said.get("DefaultCurrencyCode")
        )
        language = language_code(said.get("DefaultLanguageOfText") or "")
        self._reader = ProductReader(supply, language, today)

    def records(self, after: Position | None = None) -> Iterator[FeedRecord]:
        at = after or self._beginning.first
        if at is not None:
            for product in read_products(self._file, self._beginning, at):
                yield self._record(product)

    def _record(self, product: Product) -> FeedRecord:
        record = FeedRecord(product.line, product.after)
        if product.element is None:
            record.fault = f"is larger than {LARGEST_PRODUCT:,} bytes"
        else:
            self._reader.read(product.element, record)
        return record.bounded()
