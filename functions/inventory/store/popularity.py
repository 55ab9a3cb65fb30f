"""How sales order books: coarsely, so that a sale seldom moves a book in an index."""

ISBNS = 10**13
_STEPS = 40


def sold_key(sold: int) -> int:
    """`sold`, rounded down to two significant digits: exact up to 99, then 100, 110, 120 ..."""
    scale = 1
    while sold // scale >= 100:
        scale *= 10
    return sold // scale * scale


def document_id(isbn: int, sold: int) -> int:
    """The search document's id: full text is read in its order, and bestsellers come first.

    It changes when sales have doubled.
    """
    return (_STEPS - min(sold.bit_length(), _STEPS)) * ISBNS + isbn


def isbn_of(document: int) -> int:
    return document % ISBNS
