"""What inventory's services need from outside, split by who needs it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol, TypeVar

from functions.inventory.import_model import (
    ImportOptions,
    ImportState,
    Lease,
    Progress,
    RefusedRecord,
    StoredImport,
)
from functions.inventory.media_model import StoredBlob
from functions.inventory.model import (
    BookDetails,
    Cover,
    LedgerKind,
    Line,
    NewBook,
    NewCategory,
    Reservation,
    Shortage,
    StockLevel,
    StoredEdition,
)
from functions.inventory.read_model import (
    Author,
    AuthorPlace,
    Category,
    Counts,
    Detail,
    Filters,
    Hits,
    Listed,
    PagePlace,
    Sort,
)
from functions.inventory.stock_model import LedgerEntry, LowStock
from functions.inventory.words import BookWords
from shared.contracts.envelope import Payload
from shared.kit.idempotency import Deliveries
from shared.kit.isbn import Isbn

T = TypeVar("T")


class EditionRows(Protocol):
    """Editions as they are written; a batch is at most a thousand.

    Works, the other editions of a work and what readers see are kept in line with every change.
    """

    def foretell(self, words: Mapping[Isbn, BookWords]) -> None:
        """Words of editions that may be written: worked out elsewhere, they need not be here."""
        ...

    def stored(self, isbns: Collection[Isbn]) -> Mapping[Isbn, StoredEdition]:
        """What was last said of each edition that is known."""
        ...

    def count(self) -> int:
        """All editions, withdrawn ones too."""
        ...

    def detail(self, isbn: Isbn) -> Detail:
        """A known edition as its readers see it."""
        ...

    def category_slugs(self, names: Iterable[str]) -> Mapping[str, str]:
        """The slug for each slug, Thema or BISAC code that is known."""
        ...

    def put_categories(self, tree: Sequence[NewCategory]) -> None:
        """Adds the categories whose slugs are new."""
        ...

    def add(self, books: Sequence[NewBook], reason: str, actor: str | None) -> bool:
        """Adds editions with their first stock. False where one of the ISBNs is there already.

        After False the transaction must be given up.
        """
        ...

    def claim(self, isbn: Isbn, version: int, *, withdrawn: bool) -> bool:
        """Moves an edition to its next version; False where the version is not `version`."""
        ...

    def claim_all(self, isbns: Collection[Isbn]) -> None:
        """Moves editions to their next versions, whatever they are."""
        ...

    def replace(self, said: Mapping[Isbn, BookDetails], *, only_fill: bool = False) -> None:
        """Replaces what is said of editions that were claimed.

        With `only_fill`, what their works know already stays.
        """
        ...

    def put_covers(self, covers: Mapping[Isbn, Cover]) -> None:
        """Gives covers to known editions."""
        ...

    def without_cover(self, after: Isbn, limit: int) -> Sequence[Isbn]:
        """Editions that are offered and have no cover, by ISBN."""
        ...

    def show(self, isbns: Iterable[Isbn]) -> None:
        """Tells readers of editions that were claimed."""
        ...

    def withdrawn(self, isbn: Isbn) -> None:
        """Takes an edition that was claimed as withdrawn out of readers' sight."""
        ...


class StockRows(Protocol):
    """Copies of each edition. A refused change leaves everything as it was."""

    def level(self, isbn: Isbn) -> StockLevel | None: ...

    def move(
        self, isbn: Isbn, kind: LedgerKind, delta: int, reason: str, actor: str | None
    ) -> StockLevel | None:
        """Changes what lies on the shelf and writes the ledger.

        None where the edition is unknown, or fewer copies would be left than are reserved.
        """
        ...

    def hold(self, line: Line) -> StockLevel | None:
        """Reserves a line of an edition that is on sale; None where it cannot be had."""
        ...

    def shortage(self, line: Line) -> Shortage:
        """Why `hold` refused the line."""
        ...

    def let_go(self, line: Line) -> StockLevel:
        """Makes held copies available again."""
        ...

    def sell(self, line: Line, reference: str) -> StockLevel:
        """Takes held copies off the shelf for good and writes the ledger."""
        ...

    def take_back(self, line: Line, reference: str) -> StockLevel | None:
        """Puts sold copies of a known edition back on the shelf and writes the ledger.

        None where that was done before under this reference.
        """
        ...


class StocktakingRows(Protocol):
    """What the staff asks of the stock."""

    def ledger(self, isbn: Isbn, before: int | None, limit: int) -> Sequence[LedgerEntry]:
        """The newest first; `before` is the id of the last one seen."""
        ...

    def low(self, most: int, limit: int) -> Sequence[LowStock]:
        """What has sold and has at most so many copies left, the best-selling first."""
        ...


class ReservationRows(Protocol):
    def open(self, reservation_id: str, expires_at: datetime) -> Reservation | None:
        """The reservation that had the id already; None where this one was opened."""
        ...

    def add_lines(self, reservation_id: str, lines: Sequence[Line]) -> None: ...

    def refuse(self, reservation_id: str) -> None:
        """Records an unknown reservation as released, so that it can no longer be opened."""
        ...

    def find(self, reservation_id: str) -> Reservation | None: ...

    def confirm(self, reservation_id: str) -> bool:
        """False where it is not held; of all ways to close a reservation only one succeeds."""
        ...

    def release(self, reservation_id: str) -> bool: ...

    def expire(self, reservation_id: str) -> bool:
        """False also where it is not due."""
        ...

    def extend(self, reservation_id: str, expires_at: datetime) -> bool:
        """Never makes the time shorter. False where the reservation is not held."""
        ...

    def due(self, limit: int) -> Sequence[str]:
        """Held reservations past their time, the oldest first."""
        ...


class MediaRows(Protocol):
    """Blobs that were sent in for editions; only an edition that was claimed gets one."""

    def expect_cover(self, isbn: Isbn, upload: str) -> None:
        """Names the upload that is to become the cover, in place of any other."""
        ...

    def expected_cover(self, isbn: Isbn) -> str | None:
        """None where every upload was dealt with."""
        ...

    def cover_made(self, isbn: Isbn, upload: str) -> bool:
        """Ends the waiting for the upload; False where it is not, or no longer, expected."""
        ...

    def put_sample(self, isbn: Isbn, name: str) -> None: ...

    def retire(self, blob: StoredBlob) -> None:
        """It was replaced now; harmless where something else shows it still."""
        ...

    def keep(self, blob: StoredBlob) -> bool:
        """It is wanted after all; False where it is being deleted."""
        ...

    def leaving(self, container: str, before: datetime, limit: int) -> Sequence[StoredBlob]:
        """Marks blobs that were retired before then and are shown nowhere, to be deleted next.

        Those whose deletion was broken off come again. What is shown is retired no longer.
        """
        ...

    def gone(self, blobs: Collection[StoredBlob]) -> None:
        """They were deleted."""
        ...


class ImportRows(Protocol):
    """Deliveries and how far each is."""

    def add(
        self,
        import_id: str,
        file_name: str,
        options: ImportOptions,
        state: ImportState,
        actor: str | None,
        progress: Progress,
    ) -> None: ...

    def find(self, import_id: str) -> StoredImport | None: ...

    def newest(self, limit: int) -> Sequence[StoredImport]: ...

    def start(self, import_id: str) -> bool:
        """Has it wait for its turn; False where it does not await that."""
        ...

    def start_over(self, import_id: str, file_name: str, progress: Progress) -> None:
        """Has it wait again, under the name that its file has now, and forgets what it refused."""
        ...

    def due(self, machine_now: datetime) -> Sequence[str]:
        """Those that an actor handed in and nobody works at, the oldest first.

        What a command imports has no actor: its file is only where the command runs.
        """
        ...

    def claim(
        self,
        import_id: str,
        owner: str,
        leased_until: datetime,
        machine_now: datetime | None,
    ) -> Lease | None:
        """None where it has ended, or, unless `machine_now` is None, another's lease lasts."""
        ...

    def advance(
        self, lease: Lease, state: ImportState, progress: Progress, leased_until: datetime
    ) -> bool:
        """False where the lease was lost; the transaction must be given up then."""
        ...

    def refuse(self, import_id: str, first: int, refused: Sequence[RefusedRecord]) -> None:
        """`first` numbers them."""
        ...

    def refusals(self, import_id: str, after: int, limit: int) -> Sequence[RefusedRecord]:
        """From number `after` on, in order."""
        ...

    def met_before(self, import_id: str, isbns: Collection[Isbn]) -> Mapping[Isbn, int]:
        """The lines where the import met them first."""
        ...

    def met(self, import_id: str, lines: Mapping[Isbn, int]) -> None: ...

    def forget_met(self, import_id: str) -> bool:
        """Some of them at a time; True when none is left."""
        ...

    def old(self, states: Collection[ImportState], before: datetime, limit: int) -> Sequence[str]:
        """Those in one of the states that last changed before then."""
        ...

    def forget(self, import_id: str, states: Collection[ImportState]) -> bool:
        """With all that it refused; False where it is in another state by now."""
        ...


class Announcements(Protocol):
    def add(
        self,
        destination: str,
        subject: str,
        payload: Payload,
        *,
        in_session: bool = True,
        aggregate: str | None = None,
    ) -> str: ...


class Received(Protocol):
    def is_new(self, event_id: str) -> bool:
        """Records the event; False where an earlier transaction did."""
        ...

    def forget(self, before: datetime) -> int: ...


class Transaction(Protocol):
    """One transaction on the primary; all of it happens or none."""

    @property
    def editions(self) -> EditionRows: ...
    @property
    def stock(self) -> StockRows: ...
    @property
    def stocktaking(self) -> StocktakingRows: ...
    @property
    def reservations(self) -> ReservationRows: ...
    @property
    def media(self) -> MediaRows: ...
    @property
    def imports(self) -> ImportRows: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def outbox(self) -> Announcements: ...
    @property
    def inbox(self) -> Received: ...
    @property
    def now(self) -> datetime:
        """Business time, the same throughout."""
        ...


class Transactions(Protocol):
    def run(self, work: Callable[[Transaction], T]) -> T:
        """Commits when `work` returns, rolls back when it raises; then what it announced is sent.

        `work` may be run again after a deadlock or a lost connection.
        """
        ...


class ShelfView(Protocol):
    """The catalogue as readers see it, at one moment."""

    def version(self) -> int:
        """The number of the last change that the view knows of."""
        ...

    def category_id(self, slug: str) -> int | None: ...

    def contributor_id(self, author: str) -> int | None:
        """By number, or by the name in full, however it is spelt."""
        ...

    def page(
        self, filters: Filters, sort: Sort, after: PagePlace | None, limit: int
    ) -> Sequence[Listed]: ...

    def found_page(
        self, text: str, filters: Filters, sort: Sort, after: PagePlace | None, limit: int
    ) -> tuple[Sequence[Listed], bool]:
        """`page` of what a search finds; True where only the best-selling were looked at."""
        ...

    def ranked(self, text: str, filters: Filters) -> Hits:
        """The most relevant, best first."""
        ...

    def suggestion(self, text: str) -> str | None:
        """The words of a search put right; None where nothing better is known."""
        ...

    def counts(self, text: str | None, filters: Filters) -> Counts: ...

    def cards(self, isbns: Sequence[int]) -> Sequence[Listed]:
        """Those of them that are listed, in the order given."""
        ...

    def details(self, isbns: Sequence[int]) -> Mapping[int, Detail]:
        """Withdrawn editions too; an ISBN that no edition has is left out."""
        ...

    def author(self, number: int) -> Author | None: ...

    def authors(
        self, beginning: str, after: AuthorPlace | None, limit: int
    ) -> Sequence[tuple[Author, AuthorPlace]]: ...

    def category_tree(self) -> tuple[list[Category], Mapping[int, Category]]:
        """The roots, and every category by its number."""
        ...


class Shelves(Protocol):
    def view(self, *, primary: bool) -> AbstractContextManager[ShelfView]: ...

    def end_embargoes(self, today: date) -> None:
        """Puts on sale what may be sold from `today` on."""
        ...
