"""What the shop offers: making, changing and withdrawing editions."""

from collections.abc import Callable, Collection, Mapping, Sequence

from functions.inventory.model import (
    BookDetails,
    BookExists,
    BookPatch,
    Cover,
    NewBook,
    NewCategory,
    Outcome,
    PutReport,
    Refusal,
    ReplacedBook,
    StoredEdition,
    UnknownBook,
    WrittenBook,
)
from functions.inventory.ports import Transaction, Transactions
from functions.inventory.service import announcing
from functions.inventory.service.editing import claim, matched, shown
from functions.inventory.words import name_key
from shared.kit.errors import BadInput, FieldError
from shared.kit.idempotency import Delivery, once
from shared.kit.isbn import Isbn

_LARGEST_CHUNK = 1_000


class Catalogue:
    """Every method is one transaction. `cdn` is the address under which public blobs lie."""

    def __init__(self, transactions: Transactions, currency: str, cdn: str) -> None:
        self._transactions = transactions
        self._currency = currency
        self._cdn = cdn

    def create(self, book: NewBook, actor: str, delivery: Delivery) -> Outcome[WrittenBook]:
        """Puts an edition up for sale, once for each delivery.

        A withdrawn edition comes back as it is said now, `stock` copies more on its shelf. Raises
        BookExists where it is not withdrawn, BadInput for what only the catalogue can know.
        """

        def work(transaction: Transaction) -> Outcome[WrittenBook]:
            def effect() -> WrittenBook:
                self._check(transaction, book)
                if book.work_of and not transaction.editions.stored([book.work_of]):
                    raise BadInput.at("work_of", "is not in the catalogue", "body")
                former = transaction.editions.stored([book.isbn]).get(book.isbn)
                if former is not None:
                    _bring_back(transaction, book, former, actor)
                elif transaction.editions.add([book], "new in the catalogue", actor):
                    announcing.book_updated(transaction, book.isbn, 1, withdrawn=False)
                else:
                    raise _exists(book.isbn)
                if book.stock and (level := transaction.stock.level(book.isbn)):
                    announcing.stock_changed(transaction, book.isbn, [level])
                return shown(transaction, book.isbn, self._cdn)

            made, replayed = once(transaction.deliveries, delivery, WrittenBook, effect)
            return Outcome(made, replayed=replayed)

        return self._transactions.run(work)

    def replace(self, isbn: Isbn, said: ReplacedBook, if_match: Collection[str]) -> WrittenBook:
        """Says everything anew. Raises UnknownBook, PreconditionFailed, BadInput."""
        return self._change(isbn, if_match, lambda _former: said)

    def patch(self, isbn: Isbn, patch: BookPatch, if_match: Collection[str]) -> WrittenBook:
        """Changes what the patch names.

        Raises UnknownBook, PreconditionFailed, BadInput, and pydantic's ValidationError where the
        result is not a book.
        """
        return self._change(isbn, if_match, patch.applied_to)

    def withdraw(self, isbn: Isbn, if_match: Collection[str]) -> None:
        """Takes the edition off sale; its ISBN stays readable, copies held for orders stay held.

        Harmless where it was withdrawn already. Raises UnknownBook, PreconditionFailed.
        """

        def work(transaction: Transaction) -> None:
            former = matched(transaction, isbn, if_match)
            if not former.withdrawn:
                claim(transaction, isbn, former, withdrawn=True)
                transaction.editions.withdrawn(isbn)

        self._transactions.run(work)

    def put_many(self, books: Sequence[NewBook], reason: str, actor: str | None) -> PutReport:
        """Adds or replaces at most a thousand editions; the same chunk again changes nothing.

        Of two books with one ISBN the last counts. Stock is received with new editions only. What
        is known of a work (series, first publication, original language) is filled in, not
        replaced. A book that the catalogue cannot take is refused; the others are put. Others are
        not told: `shared.contracts.inventory` says why.
        """
        if len(books) > _LARGEST_CHUNK:
            raise ValueError(f"a chunk has at most {_LARGEST_CHUNK} books")
        wanted = {book.isbn: book for book in books}
        return self._transactions.run(
            lambda transaction: self.put_within(transaction, wanted, reason, actor)
        )

    def put_covers(self, covers: Mapping[Isbn, Cover]) -> None:
        """Gives at most a thousand editions their pictures; one that has some keeps them.

        Editors are not disturbed: a cover is no part of what they edit. Raises UnknownBook.
        """

        def work(transaction: Transaction) -> None:
            known = transaction.editions.stored(covers)
            for isbn in covers:
                if isbn not in known:
                    raise UnknownBook(isbn)
            wanted = {isbn: covers[isbn] for isbn in covers if known[isbn].cover is None}
            if wanted:
                transaction.editions.put_covers(wanted)

        self._transactions.run(work)

    def stored(self, isbns: Collection[Isbn]) -> Mapping[Isbn, StoredEdition]:
        """What was last said of at most a thousand editions; unknown ones are left out."""
        return self._transactions.run(lambda transaction: transaction.editions.stored(isbns))

    def without_cover(self, after: Isbn, limit: int) -> Mapping[Isbn, StoredEdition]:
        """The next editions, at most a thousand, that are offered and have no picture yet."""

        def work(transaction: Transaction) -> Mapping[Isbn, StoredEdition]:
            editions = transaction.editions
            return editions.stored(editions.without_cover(after, limit))

        return self._transactions.run(work)

    def size(self) -> int:
        """How many editions there are, withdrawn ones too."""
        return self._transactions.run(lambda transaction: transaction.editions.count())

    def put_categories(self, tree: Sequence[NewCategory]) -> None:
        """Adds the categories whose slugs are new; parents come before their children."""
        self._transactions.run(lambda transaction: transaction.editions.put_categories(tree))

    def _change(
        self, isbn: Isbn, if_match: Collection[str], change: Callable[[BookDetails], ReplacedBook]
    ) -> WrittenBook:
        def work(transaction: Transaction) -> WrittenBook:
            former = matched(transaction, isbn, if_match)
            said = change(former.details)
            if said.isbn not in (None, isbn):
                raise BadInput.at("isbn", "is not the one in the address", "body")
            self._check(transaction, said)
            claim(transaction, isbn, former, withdrawn=former.withdrawn)
            transaction.editions.replace({isbn: said})
            return shown(transaction, isbn, self._cdn)

        return self._transactions.run(work)

    def _check(self, transaction: Transaction, said: BookDetails) -> None:
        if said.price.currency != self._currency:
            raise BadInput.at("price/currency", f"must be {self._currency}", "body")
        known = transaction.editions.category_slugs(said.categories)
        if unknown := [
            FieldError(f"#/categories/{place}", "is not a category of this shop")
            for place, name in enumerate(said.categories)
            if name not in known
        ]:
            raise BadInput("A category is not known.", errors=unknown)

    def put_within(
        self,
        transaction: Transaction,
        wanted: Mapping[Isbn, NewBook],
        reason: str,
        actor: str | None,
        stored: Mapping[Isbn, StoredEdition] | None = None,
    ) -> PutReport:
        """`put_many` as a part of the caller's transaction, which may have read what is `stored`.

        Raises BookExists where another writer added one of the books meanwhile; the transaction
        must be given up then.
        """
        editions = transaction.editions
        named = {book.work_of for book in wanted.values() if book.work_of}
        stored = editions.stored(wanted) if stored is None else stored
        works = set(editions.stored(named)) if named else set()
        slugs = editions.category_slugs(
            {name for book in wanted.values() for name in book.categories}
        )
        new: list[NewBook] = []
        replaced: dict[Isbn, BookDetails] = {}
        unchanged: list[Isbn] = []
        refused: list[Refusal] = []
        for isbn, book in wanted.items():
            former = stored.get(isbn)
            if problem := self._problem(book, slugs, works):
                refused.append(Refusal(isbn, problem))
            elif former is None:
                new.append(book)
                works.add(isbn)
            elif _same(book, former.details, slugs):
                unchanged.append(isbn)
            else:
                replaced[isbn] = book
        if new and not editions.add(new, reason, actor):
            raise _exists(new[0].isbn)
        if replaced:
            editions.claim_all(replaced)
            editions.replace(replaced, only_fill=True)
        return PutReport(
            tuple(book.isbn for book in new), tuple(replaced), tuple(unchanged), tuple(refused)
        )

    def _problem(self, book: NewBook, slugs: Mapping[str, str], works: set[Isbn]) -> str | None:
        if book.price.currency != self._currency:
            return f"the price is not in {self._currency}"
        if unknown := [name for name in book.categories if name not in slugs]:
            return f"the category {unknown[0]} is not known"
        if book.work_of and book.work_of not in works:
            return f"the edition {book.work_of} that it names as work_of is not known"
        return None


def _exists(isbn: Isbn) -> BookExists:
    return BookExists(f"An edition with the ISBN {isbn} is already there.")


def _bring_back(transaction: Transaction, book: NewBook, former: StoredEdition, actor: str) -> None:
    if not former.withdrawn:
        raise _exists(book.isbn)
    claim(transaction, book.isbn, former, withdrawn=False)
    if book.stock:
        transaction.stock.move(book.isbn, "received", book.stock, "back in the catalogue", actor)
    transaction.editions.replace({book.isbn: book})


def _same(book: BookDetails, former: BookDetails, slugs: Mapping[str, str]) -> bool:
    """True where putting the book would change nothing that is kept."""
    return _kept(book, former, [slugs[name] for name in book.categories]) == _kept(
        former, former, former.categories
    )


def _kept(said: BookDetails, former: BookDetails, categories: Sequence[str]) -> object:
    """Names count however they are spelt; of the work only what was not known before."""
    of_work = [
        getattr(former, name) or getattr(said, name)
        for name in ("series", "original_language", "first_published")
    ]
    return (
        [getattr(said, name) for name in _COMPARED],
        [(name_key(person.name), person.role) for person in said.contributors],
        sorted(set(categories)),
        of_work,
    )


_COMPARED = sorted(
    set(BookDetails.model_fields)
    - {"contributors", "categories", "series", "original_language", "first_published"}
)
