"""A thousand records at once: what each makes of its book, and what became of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from functions.inventory.import_model import (
    LONGEST_REASON,
    FeedRecord,
    FileFormat,
    RefusedRecord,
    Said,
    StoredImport,
)
from functions.inventory.model import BookDetails, NewBook, StoredEdition
from functions.inventory.ports import Transaction
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.service.merging import Incomplete, Notes, chosen_categories, merged
from shared.kit.isbn import Isbn

Fate = Literal["added", "changed", "unchanged", "withdrawn", "refused"]

_AT_ONCE = 1_000
_MOST_SLUGS = 20_000


@dataclass(slots=True)
class ChunkResult:
    """`notes` have a place, what was found there, and the line; `missing` are fields for want of
    which records were refused.
    """

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[tuple[str, str, int]] = field(default_factory=list)
    refused: list[RefusedRecord] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Draft:
    """What an edition will be; `book` is None where it is only withdrawn."""

    book: NewBook | None = None
    withdraw: bool = False
    stock: int | None = None


class Chunks:
    """Puts chunks of one import into the catalogue.

    `filling` is what the import says of books that do not say it.
    """

    def __init__(
        self, catalogue: Catalogue, stored: StoredImport, form: FileFormat, filling: Said
    ) -> None:
        self._catalogue = catalogue
        self._import = stored
        self._form = form
        self._filling = filling
        self._slugs: dict[str, str | None] = {}

    def put(self, transaction: Transaction, records: Sequence[FeedRecord]) -> ChunkResult:
        """May be done again with the same records, after the transaction was given up."""
        work = _Work(transaction, records)
        transaction.editions.foretell(
            {
                record.prepared.book.isbn: record.prepared.words
                for record in records
                if record.prepared is not None
            }
        )
        for place, record in enumerate(records):
            if record.fault is not None:
                work.refuse(place, record.fault)
        if self._form == "csv":
            self._refuse_repeated(work)
        self._learn_slugs(transaction, work)
        work.known = transaction.editions.stored({said.isbn for _, said in work.said()})
        self._learn_works(work)
        for place, said in list(work.said()):
            self._draft(work, place, said)
        self._write(work)
        return work.result()

    def _refuse_repeated(self, work: "_Work") -> None:
        """The first row of a book counts, so that the same file again changes nothing."""
        rows = work.transaction.imports
        wanted = {said.isbn for _, said in work.said()}
        met = dict(rows.met_before(self._import.id, wanted))
        new: dict[Isbn, int] = {}
        for place, said in list(work.said()):
            line = met.get(said.isbn)
            if line is None:
                met[said.isbn] = new[said.isbn] = work.records[place].line
            else:
                work.refuse(place, f"is about the same book as line {line}, which counts")
        rows.met(self._import.id, new)

    def _learn_slugs(self, transaction: Transaction, work: "_Work") -> None:
        named = {
            name
            for said in (self._filling, *(said for _, said in work.said()))
            for alternatives in said.categories or ()
            for name in alternatives
        }
        if len(self._slugs) > _MOST_SLUGS:
            self._slugs.clear()
        if new := named - self._slugs.keys():
            known = transaction.editions.category_slugs(new)
            self._slugs.update({name: known.get(name) for name in new})

    def _learn_works(self, work: "_Work") -> None:
        """Which of the other formats that records name are in the catalogue."""
        asked = {isbn for _, said in work.said() for isbn in said.work_of}
        work.listed = set(work.known)
        for some in _batches(sorted(asked - work.listed)):
            work.listed |= work.transaction.editions.stored(some).keys()

    def _draft(self, work: "_Work", place: int, said: Said) -> None:
        stored = work.known.get(said.isbn)
        before = work.drafts.get(said.isbn)
        former: BookDetails | None = stored.details if stored else None
        if before is not None and before.book is not None:
            former = before.book
            work.notes[place].append(("record", "says more of a book that came before it"))
        if former is None and said.only_known:
            gone = "is withdrawn, and not in the catalogue"
            if said.withdraw:
                work.notes[place].append(("record", gone))
                work.fates[place] = "unchanged"
            else:
                work.refuse(place, "is an update of a book that is not in the catalogue")
            return
        draft = before or _Draft()
        try:
            if said.fields or not said.withdraw:
                draft = _Draft(self._book(work, place, said, former, stored), stock=draft.stock)
        except Incomplete as error:
            work.missing |= error.missing
            work.refuse(place, str(error))
            return
        except ValueError as error:
            work.refuse(place, str(error))
            return
        draft.withdraw = said.withdraw
        draft.stock = draft.stock if said.stock is None else said.stock
        work.drafts[said.isbn] = draft
        work.last[said.isbn] = place
        if stored is not None and stored.withdrawn and not said.withdraw:
            work.notes[place].append(("record", "is of a book that is withdrawn, and stays so"))

    def _book(
        self,
        work: "_Work",
        place: int,
        said: Said,
        former: BookDetails | None,
        stored: StoredEdition | None,
    ) -> NewBook:
        notes = work.notes[place]
        prepared = work.records[place].prepared
        if former is None and prepared is not None:
            book = prepared.book
            notes += prepared.notes
        else:
            book = merged(said, _details(former), self._filling, notes)
        changes: dict[str, object] = {}
        categories = chosen_categories(said, self._filling, self._slugs, notes)
        if categories is not None and (said.categories or not book.categories):
            changes["categories"] = categories
        if stored is None:
            stock = said.stock if said.stock is not None else self._filling.stock or 0
            before = work.drafts[said.isbn].book if said.isbn in work.drafts else None
            if before is not None and said.stock is None:
                stock = before.stock
            changes["stock"] = 0 if self._import.options.stock == "ignore" else stock
            changes["work_of"] = before.work_of if before else work.other_format(said)
        return book.model_copy(update=changes)

    def _write(self, work: "_Work") -> None:
        wanted = {isbn: draft.book for isbn, draft in work.drafts.items() if draft.book}
        reason = f"import {self._import.file_name}"[:200]
        report = self._catalogue.put_within(
            work.transaction, wanted, reason, self._import.actor, work.known
        )
        work.settle(report.created, "added")
        work.settle(report.replaced, "changed")
        work.settle(report.unchanged, "unchanged")
        for refused in report.refused:
            work.refuse(work.last[refused.isbn], refused.reason)
            del work.drafts[refused.isbn]
        if self._import.options.stock == "level":
            for isbn in (*report.replaced, *report.unchanged):
                self._move_stock(work, isbn, reason)
        self._withdraw(work)

    def _move_stock(self, work: "_Work", isbn: Isbn, reason: str) -> None:
        wanted = work.drafts[isbn].stock
        level = work.transaction.stock.level(isbn)
        if wanted is None or level is None or level.on_hand == wanted:
            return
        delta = wanted - level.on_hand
        kind: Literal["received", "adjusted"] = "received" if delta > 0 else "adjusted"
        if work.transaction.stock.move(isbn, kind, delta, reason, self._import.actor) is None:
            work.notes[work.last[isbn]].append(("stock", "would be less than is reserved; left"))
        else:
            work.settle([isbn], "changed")

    def _withdraw(self, work: "_Work") -> None:
        leaving = {isbn for isbn, draft in work.drafts.items() if draft.withdraw}
        if not leaving:
            return
        rows = work.transaction.editions
        for isbn, edition in rows.stored(leaving).items():
            if edition.withdrawn:
                work.settle([isbn] if isbn not in work.settled else [], "unchanged")
            elif rows.claim(isbn, edition.version, withdrawn=True):
                rows.withdrawn(isbn)
                work.settle([isbn], "withdrawn")


class _Work:
    """One attempt at one chunk; a record is known by its place in it."""

    def __init__(self, transaction: Transaction, records: Sequence[FeedRecord]) -> None:
        self.transaction = transaction
        self.records = records
        self.notes: list[Notes] = [list(record.notes) for record in records]
        self.fates: dict[int, Fate] = {}
        self.reasons: dict[int, str] = {}
        self.missing: set[str] = set()
        self.known: Mapping[Isbn, StoredEdition] = {}
        self.listed: set[Isbn] = set()
        self._naming: dict[Isbn, Isbn] = {}
        self.drafts: dict[Isbn, _Draft] = {}
        self.last: dict[Isbn, int] = {}
        self.settled: set[Isbn] = set()

    def said(self) -> Iterator[tuple[int, Said]]:
        """Of the records that were not refused."""
        for place, record in enumerate(self.records):
            if record.said is not None and place not in self.reasons:
                yield place, record.said

    def other_format(self, said: Said) -> Isbn | None:
        """One that a new edition names, or that named it, and that comes before it."""
        for isbn in said.work_of:
            if isbn in self.listed or isbn in self.drafts:
                return isbn
            self._naming.setdefault(isbn, said.isbn)
        naming = self._naming.get(said.isbn)
        return naming if naming in self.drafts else None

    def refuse(self, place: int, reason: str) -> None:
        self.reasons[place] = reason
        self.fates[place] = "refused"

    def settle(self, isbns: Iterable[Isbn], fate: Fate) -> None:
        for isbn in isbns:
            self.settled.add(isbn)
            self.fates[self.last[isbn]] = fate

    def result(self) -> ChunkResult:
        result = ChunkResult(missing=self.missing)
        for place, record in enumerate(self.records):
            result.counts[self.fates.get(place, "unchanged")] += 1
            result.notes += [(where, what, record.line) for where, what in self.notes[place]]
            if place in self.reasons:
                result.refused.append(
                    RefusedRecord(
                        line=record.line,
                        reference=record.reference,
                        reason=self.reasons[place][:LONGEST_REASON],
                    )
                )
        return result


def _details(former: BookDetails | None) -> BookDetails | None:
    if not isinstance(former, NewBook):
        return former
    said = {name: value for name, value in former if name in BookDetails.model_fields}
    return BookDetails.model_construct(**said)


def _batches(isbns: Sequence[Isbn]) -> Iterator[Sequence[Isbn]]:
    for start in range(0, len(isbns), _AT_ONCE):
        yield isbns[start : start + _AT_ONCE]
