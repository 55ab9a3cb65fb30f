"""What each row of a CSV file says of an edition.

An empty cell says nothing: what the catalogue knows stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

from functions.inventory.import_model import (
    FeedRecord,
    FileShape,
    ImportOptions,
    Position,
    Said,
    UnreadableFile,
)
from functions.inventory.imports.columns import DATES, columns_of
from functions.inventory.imports.csv_fields import row_isbn, say
from functions.inventory.imports.csv_rows import CsvRows, Row
from functions.inventory.imports.first_rows import look_at


class CsvFeed:
    def __init__(
        self, file: BinaryIO, shape: FileShape, options: ImportOptions, currency: str
    ) -> None:
        """Raises UnreadableFile where the first row does not say which column holds the ISBN."""
        self._rows = CsvRows(file, shape.encoding, shape.delimiter, only_cr=shape.only_cr)
        self._currency = currency
        rows = self._rows.read()
        first = next(rows, None)
        if first is not None and first.cells and first.cells[0].lower().startswith("sep="):
            first = next(rows, None)
        if first is None or first.fault:
            raise UnreadableFile(f"The first row {first.fault if first else 'is missing'}.")
        self._width = len(first.cells)
        self._begin = Position(offset=first.end, line=first.last_line)
        seen = look_at(rows)
        self._columns = columns_of(first.cells, options.map, seen.switches)
        dated = {place for place, field in self._columns.items() if field in DATES}
        self._month_first = bool(dated & seen.month_first) and not dated & seen.day_first
        self.remarks = _unused(first.cells, self._columns)
        if self._month_first:
            self.remarks += ("Dates with slashes were read month first, as some of them must be.",)

    def records(self, after: Position | None = None) -> Iterator[FeedRecord]:
        start = after or self._begin
        count = start.records
        for row in self._whole(self._rows.read(start.offset, start.line)):
            if not any(row.cells) and not row.fault:
                continue
            count += 1
            yield self._record(row, Position(offset=row.end, line=row.last_line, records=count))

    def _whole(self, rows: Iterator[Row]) -> Iterator[Row]:
        """What follows an open quote belongs to that row, up to the next that looks like one."""
        open_row: Row | None = None
        for row in rows:
            if open_row is not None and not row.fault and self._misfit(row.cells):
                open_row = replace(open_row, end=row.end, last_line=row.last_line)
                continue
            if open_row is not None:
                yield _closed(open_row)
            open_row = row if row.given_up else None
            if open_row is None:
                yield row
        if open_row is not None:
            yield _closed(open_row)

    def _record(self, row: Row, after: Position) -> FeedRecord:
        record = FeedRecord(row.line, after, fault=row.fault)
        if row.fault is None:
            fault = self._misfit(row.cells)
            if fault is not None:
                record.fault = fault
            else:
                self._read(row.cells, record)
        return record.bounded()

    def _misfit(self, cells: Sequence[str]) -> str | None:
        """A row that was cut off must not be taken for a book with less to say."""
        if len(cells) < self._width or any(cells[self._width :]):
            return f"has {len(cells)} cells, and the first row has {self._width}"
        return None

    def _read(self, row: Sequence[str], record: FeedRecord) -> None:
        cells: dict[str, str] = {}
        for place, field in self._columns.items():
            text = row[place].strip()
            if text:
                cells[field] = f"{cells[field]};{text}" if field in cells else text
        try:
            isbn = row_isbn(cells, record)
            said = Said(isbn)
            record.reference = isbn
            say(cells, said, record, self._currency, month_first=self._month_first)
            record.said = said
            price = said.fields.get("price")
            if price is not None and price.amount == 0:
                record.notes.append(("price", "is 0: the book is sold for nothing"))
        except ValueError as error:
            record.fault = str(error)


def _closed(row: Row) -> Row:
    if row.last_line == row.line:
        return row
    return replace(row, fault=f"{row.fault}; it was left out up to line {row.last_line}")


def _unused(header: Sequence[str], columns: Mapping[int, str]) -> tuple[str, ...]:
    used = {place for place, field in columns.items() if field != "ignored"}
    names = [name.strip()[:60] for place, name in enumerate(header) if place not in used]
    if not names:
        return ()
    shown = ", ".join(names[:50]) + (" and more" if len(names) > 50 else "")
    return (f"Columns that were not used: {shown}.",)
