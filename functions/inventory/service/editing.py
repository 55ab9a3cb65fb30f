"""What every change of an edition begins and ends with.

`if_match` holds entity tags, or `*`. Only their metadata part is compared, so that sales do not
block editing.
"""

import re
from collections.abc import Collection

from functions.inventory.model import StoredEdition, UnknownBook, WrittenBook, etag
from functions.inventory.ports import Transaction
from functions.inventory.service import announcing
from functions.inventory.service.rendering import Renderer
from shared.kit.errors import PreconditionFailed
from shared.kit.isbn import Isbn

_TAG = re.compile(r'"m([0-9]{1,9})-s[0-9]+"')


def matched(transaction: Transaction, isbn: Isbn, if_match: Collection[str]) -> StoredEdition:
    """Raises UnknownBook, PreconditionFailed."""
    former = transaction.editions.stored([isbn]).get(isbn)
    if former is None:
        raise UnknownBook(isbn)
    tags = [_TAG.fullmatch(tag) for tag in if_match]
    versions = {int(tag[1]) for tag in tags if tag is not None}
    if "*" not in if_match and former.version not in versions:
        raise _stale(former)
    return former


def claim(transaction: Transaction, isbn: Isbn, former: StoredEdition, *, withdrawn: bool) -> None:
    """Moves the edition on and tells others. Raises PreconditionFailed where somebody else was
    faster."""
    if not transaction.editions.claim(isbn, former.version, withdrawn=withdrawn):
        raise _stale(former)
    announcing.book_updated(transaction, isbn, former.version + 1, withdrawn=withdrawn)


def shown(transaction: Transaction, isbn: Isbn, cdn: str) -> WrittenBook:
    """A known edition as its readers get it."""
    found = transaction.editions.detail(isbn)
    renderer = Renderer(cdn, transaction.now.date())
    return WrittenBook(isbn=isbn, etag=renderer.etag(found), body=renderer.detail(found))


def _stale(former: StoredEdition) -> PreconditionFailed:
    return PreconditionFailed(
        "If-Match is not the ETag that the book has now; read it again and send that.",
        headers={"ETag": etag(former.version, former.stock_version)},
    )
