"""Taking a delivery in, chunk by chunk.

A chunk is one transaction: its books, its refusals and how far the import is. It is committed only
under the lease it was worked out for, so two processes never take in one file together, and one
that was killed is gone on with where its last chunk ended. Taking the same file in again changes
nothing.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import BinaryIO

from functions.inventory.import_model import (
    CHUNK,
    MOST_NOTES,
    Counts,
    FeedRecord,
    ImportOptions,
    ImportState,
    Lease,
    LeaseLost,
    Note,
    Position,
    Progress,
    StoredImport,
    UnknownImport,
    UnreadableFile,
)
from functions.inventory.imports.columns import FIELDS
from functions.inventory.imports.csv_fields import settings_in
from functions.inventory.imports.feeds import OpenFeed, open_feed
from functions.inventory.imports.inspection import inspect
from functions.inventory.model import BookExists
from functions.inventory.ports import Transaction, Transactions
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.service.chunks import ChunkResult, Chunks
from functions.inventory.service.merging import advice
from shared.kit.clock import Clock
from shared.kit.errors import BadInput, Place

LEASE = timedelta(seconds=60)
_RACES = 3

Watch = Callable[[Progress], None]


class Importer:
    """`feeds` opens a file as `open_feed` does, in whatever process."""

    def __init__(
        self,
        transactions: Transactions,
        catalogue: Catalogue,
        clock: Clock,
        currency: str,
        feeds: OpenFeed = open_feed,
    ) -> None:
        self._transactions = transactions
        self._catalogue = catalogue
        self._clock = clock
        self._currency = currency
        self._feeds = feeds

    def check(self, options: ImportOptions, place: Place) -> None:
        """Raises BadInput, for this `place` of the request, where a field is not known or a value
        cannot be read.
        """
        for field in options.map:
            if field not in FIELDS:
                raise BadInput.at("map", f"knows no {field}; it knows {', '.join(FIELDS)}", place)
        try:
            settings_in(options.set, self._currency)
        except ValueError as error:
            raise BadInput.at("set", str(error), place) from None

    def run(
        self,
        lease: Lease,
        file: BinaryIO,
        enough: Callable[[], bool] = lambda: False,
        watch: Watch = lambda _progress: None,
    ) -> StoredImport:
        """Works until the file ends or, asked after each chunk, it is `enough` for now.

        Raises LeaseLost where another process took over.
        """
        stored = self._find(lease)
        progress = stored.progress
        try:
            if progress.shape is None:
                progress = progress.model_copy(update={"shape": inspect(file)})
            state, progress = self._read(lease, file, stored, progress, enough, watch)
        except UnreadableFile as error:
            latest = self._find(lease).progress
            shape = latest.shape or progress.shape
            failed = latest.model_copy(update={"failure": str(error), "shape": shape})
            state, progress = "failed", failed
        self._transactions.run(
            lambda transaction: self._commit(transaction, lease, state, progress)
        )
        if state != "waiting":
            while not self._transactions.run(
                lambda transaction: transaction.imports.forget_met(lease.import_id)
            ):
                pass
        return self._find(lease)

    def fail(self, lease: Lease, reason: str) -> None:
        """Ends an import that cannot go on."""
        failed = self._find(lease).progress.model_copy(update={"failure": reason})
        self._transactions.run(
            lambda transaction: self._commit(transaction, lease, "failed", failed)
        )

    def _read(
        self,
        lease: Lease,
        file: BinaryIO,
        stored: StoredImport,
        progress: Progress,
        enough: Callable[[], bool],
        watch: Watch,
    ) -> tuple[ImportState, Progress]:
        shape = progress.shape
        assert shape is not None
        today = self._clock.business_now().date()
        feed = self._feeds(file, shape, stored.options, self._currency, today)
        if progress.position is None:
            remarks = tuple(dict.fromkeys((*shape.remarks, *feed.remarks)))
            described = shape.model_copy(update={"remarks": remarks})
            progress = progress.model_copy(update={"shape": described})
        filling = settings_in(stored.options.set, self._currency)
        chunks = Chunks(self._catalogue, stored, shape.format, filling)
        for records in _chunks(feed.records(progress.position)):
            progress = self._take_in(lease, chunks, records, progress)
            watch(progress)
            if enough():
                return "waiting", progress
        if (size := file.seek(0, os.SEEK_END)) != shape.size:
            raise UnreadableFile(
                f"The file changed while it was read, from {shape.size:,} bytes to {size:,}: what "
                "stood at its end may be half a record. Take it in again."
            )
        return "finished", progress

    def _take_in(
        self, lease: Lease, chunks: Chunks, records: Sequence[FeedRecord], before: Progress
    ) -> Progress:
        def work(transaction: Transaction) -> Progress:
            result = chunks.put(transaction, records)
            after = _advanced(before, result, records[-1].after)
            transaction.imports.refuse(lease.import_id, before.counts.refused, result.refused)
            self._commit(transaction, lease, "running", after)
            return after

        for _ in range(_RACES):
            try:
                return self._transactions.run(work)
            except BookExists:  # another writer added one of the books; now it is a known one
                continue
        return self._transactions.run(work)

    def _commit(
        self, transaction: Transaction, lease: Lease, state: ImportState, progress: Progress
    ) -> None:
        until = self._clock.machine_now() + LEASE
        if not transaction.imports.advance(lease, state, progress, until):
            raise LeaseLost(f"Another process went on with the import {lease.import_id}.")

    def _find(self, lease: Lease) -> StoredImport:
        stored = self._transactions.run(
            lambda transaction: transaction.imports.find(lease.import_id)
        )
        if stored is None:
            raise UnknownImport(lease.import_id)
        return stored


def _chunks(records: Iterator[FeedRecord]) -> Iterator[list[FeedRecord]]:
    """Where a file breaks off, what came before that is still a chunk."""
    broken: list[UnreadableFile] = []

    def sound() -> Iterator[FeedRecord]:
        try:
            yield from records
        except UnreadableFile as error:
            broken.append(error)

    remaining = sound()
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk
    if broken:
        raise broken[0]


def _advanced(before: Progress, result: ChunkResult, position: Position) -> Progress:
    counts = Counts(
        **{name: getattr(before.counts, name) + result.counts[name] for name in Counts.model_fields}
    )
    shape = before.shape
    if shape is not None and result.missing:
        remarks = dict.fromkeys((*shape.remarks, *advice(result.missing, shape.format)))
        shape = shape.model_copy(update={"remarks": tuple(remarks)})
    return before.model_copy(
        update={
            "shape": shape,
            "position": position,
            "counts": counts,
            "notes": _noted(before.notes, result.notes),
        }
    )


def _noted(before: Sequence[Note], more: Sequence[tuple[str, str, int]]) -> tuple[Note, ...]:
    counted = Counter((where, what) for where, what, _ in more)
    lines = {(where, what): line for where, what, line in reversed(more)}
    notes = {(note.where, note.what): note for note in before}
    for key, count in counted.items():
        if key in notes:
            notes[key] = notes[key].model_copy(update={"count": notes[key].count + count})
            continue
        where, what = key if len(notes) < MOST_NOTES else ("other", "more kinds than are kept")
        known = notes.get((where, what))
        notes[where, what] = Note(
            where=where,
            what=what,
            count=count + (known.count if known else 0),
            first_line=known.first_line if known else lines[key],
        )
    return tuple(notes.values())
