"""What holds for every cart, whatever is done to it."""

from hypothesis import given
from hypothesis import strategies as st

from functions.cart.model import MOST_COPIES, MOST_TITLES, Cart, CartId, Line
from tests.support.cart import pounds
from tests.support.inventory import START, isbn

SOURCE = CartId("g-source")


def carts(titles: int = 12) -> st.SearchStrategy[Cart]:
    books = st.dictionaries(st.integers(1, titles), st.integers(1, MOST_COPIES), max_size=titles)
    return books.map(cart_of)


def cart_of(books: dict[int, int]) -> Cart:
    lines = (
        Line(isbn=isbn(number), quantity=quantity, price=pounds(899))
        for number, quantity in books.items()
    )
    return Cart(lines=tuple(lines), changed_at=START)


def quantities(cart: Cart) -> dict[str, int]:
    return {line.isbn: line.quantity for line in cart.lines}


@given(carts(), carts())
def test_a_merge_loses_nothing_but_what_it_names(own: Cart, other: Cart) -> None:
    merged = own.merged_with(SOURCE, other)
    found, named = quantities(merged), {one.isbn: one.quantity for one in merged.notices}
    for name in {*quantities(own), *quantities(other)}:
        before = quantities(own).get(name, 0) + quantities(other).get(name, 0)
        assert found.get(name, 0) + named.get(name, 0) == before
    assert all(quantity <= MOST_COPIES for quantity in found.values())


@given(carts(), carts())
def test_a_merge_done_again_changes_nothing(own: Cart, other: Cart) -> None:
    merged = own.merged_with(SOURCE, other)
    assert merged.merged_with(SOURCE, other) is merged


@given(carts(), carts(), st.integers(1, 12), st.integers(1, 5))
def test_what_came_to_the_source_meanwhile_is_all_that_a_second_merge_adds(
    own: Cart, other: Cart, number: int, more: int
) -> None:
    line = other.find(isbn(number))
    if line is not None and line.quantity + more > MOST_COPIES:
        return
    first = own.merged_with(SOURCE, other)
    later = other.with_more(isbn(number), more, pounds(899))
    second = first.merged_with(SOURCE, later)
    before, after = quantities(first), quantities(second)
    assert {name: after[name] for name in after if name != isbn(number)} == {
        name: before[name] for name in before if name != isbn(number)
    }
    wanted = before.get(isbn(number), 0) + more
    assert after[isbn(number)] == min(wanted, MOST_COPIES)


def test_a_cart_never_has_more_titles_than_it_takes() -> None:
    full = cart_of(dict.fromkeys(range(1, MOST_TITLES + 1), 1))
    other = cart_of(dict.fromkeys(range(95, MOST_TITLES + 20), 2))
    merged = full.merged_with(SOURCE, other)
    assert len(merged.lines) == MOST_TITLES
    left_out = {one.isbn for one in merged.notices if one.kind == "left_out"}
    assert left_out == {isbn(number) for number in range(101, 120)}


@given(carts(), st.dictionaries(st.integers(1, 12), st.integers(1, 99)))
def test_an_order_takes_each_copy_once_and_none_that_is_not_there(
    cart: Cart, ordered: dict[int, int]
) -> None:
    bought = {isbn(number): quantity for number, quantity in ordered.items()}
    left = cart.without_bought("event", bought)
    assert left.without_bought("event", bought) is left
    for line in cart.lines:
        kept = quantities(left).get(line.isbn, 0)
        assert kept == max(0, line.quantity - bought.get(line.isbn, 0))


@given(carts())
def test_a_cart_survives_its_document(cart: Cart) -> None:
    merged = cart.merged_with(SOURCE, cart_of({1: 3, 2: 98})).without_bought("e", {isbn(2): 1})
    assert Cart.model_validate(merged.model_dump(mode="json")) == merged
