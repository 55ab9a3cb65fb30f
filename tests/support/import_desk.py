"""Taking CSV and ONIX texts in, without a command or a host around it."""

import io
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from functions.inventory.import_model import (
    ImportOptions,
    Progress,
    RefusedRecord,
    StoredImport,
)
from functions.inventory.imports.inspection import inspect
from functions.inventory.service.importing import Importer
from functions.inventory.service.imports import begin_file
from functions.inventory.store.tables import editions
from functions.inventory.store.transactions import SqlTransactions
from shared.kit.isbn import Isbn
from tests.support.inventory import Shelves, isbn

HEADER = "isbn,title,authors,price,stock\n"


class Desk:
    """Imports into shelves as the command does."""

    def __init__(self, shelves: Shelves) -> None:
        self.shelves = shelves
        self.transactions = SqlTransactions(shelves.database, shelves.clock)
        self.importer = Importer(self.transactions, shelves.catalogue, shelves.clock, "GBP")

    def take_in(self, text: str, stop_after: int = 10**9, **options: Any) -> StoredImport:
        """`stop_after` chunks it is broken off, as if the process had died then."""
        file = io.BytesIO(text.encode())
        asked = ImportOptions.model_validate(options)
        lease, _ = begin_file(self.transactions, self.shelves.clock, inspect(file), "feed", asked)
        chunks = 0

        def watch(_progress: Progress) -> None:
            nonlocal chunks
            chunks += 1
            if chunks == stop_after:
                raise InterruptedError

        return self.importer.run(lease, file, watch=watch)

    def refusals(self, ended: StoredImport) -> list[RefusedRecord]:
        return list(
            self.transactions.run(
                lambda transaction: transaction.imports.refusals(ended.id, 0, 1000)
            )
        )

    def said(self, number: Isbn) -> Any:
        return self.shelves.catalogue.stored([number])[number].details

    def versions(self) -> list[Any]:
        with self.shelves.database.primary() as connection:
            return [
                tuple(row)
                for row in connection.execute(
                    select(editions.c.isbn, editions.c.version).order_by(editions.c.isbn)
                )
            ]


def counts(ended: StoredImport) -> Mapping[str, int]:
    return {name: count for name, count in ended.progress.counts if count}


def rows(first: int, last: int) -> str:
    return "".join(
        f"{isbn(number)},Book {number},Ada Bergström,8.99,3\n" for number in range(first, last)
    )
