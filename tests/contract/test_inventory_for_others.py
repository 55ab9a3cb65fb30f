"""What inventory does for other services: quotes, and holds under their own errors."""

from datetime import timedelta

import pytest

from functions.inventory.model import ReservationMismatch
from functions.inventory.service.holds import StockHolds
from functions.inventory.store.quotes import SqlQuotes
from shared.contracts.catalogue import HoldClosed, HoldLine
from shared.contracts.shipping import PACKING_GRAMS, Parcel
from shared.kit.money import Money
from tests.support.inventory import SOON, START, Shelves, a_book, isbn


@pytest.fixture(params=[True, False], ids=["primary", "replica"])
def quotes(shelves: Shelves, request: pytest.FixtureRequest) -> SqlQuotes:
    return SqlQuotes(shelves.database, shelves.clock, "http://cdn.test", primary=request.param)


@pytest.fixture
def holds(shelves: Shelves) -> StockHolds:
    shelves.put(a_book(1), a_book(2, stock=1), a_book(3, stock=0))
    return StockHolds(shelves.stock)


def wanted(*quantities: tuple[int, int]) -> list[HoldLine]:
    return [HoldLine(isbn=isbn(number), quantity=quantity) for number, quantity in quantities]


def test_a_quote_says_what_a_buyer_must_know(shelves: Shelves, quotes: SqlQuotes) -> None:
    shelves.put(a_book(1, dimensions={"weight_g": 320}))
    [quote] = quotes.quotes([isbn(1)]).values()
    assert quote.title == "Pride and Prejudice 1"
    assert quote.price == Money(amount=899, currency="GBP")
    assert (quote.status, quote.available, quote.weight_grams) == ("in_stock", 10, 320)
    assert quote.thumbnail is None
    assert type(quote).model_validate_json(quote.model_dump_json()) == quote


def test_a_quote_knows_why_a_book_cannot_be_had(shelves: Shelves, quotes: SqlQuotes) -> None:
    tomorrow = START.date() + timedelta(days=1)
    shelves.put(a_book(1, stock=0), a_book(2, on_sale_on=tomorrow), a_book(3))
    shelves.catalogue.withdraw(isbn(3), frozenset({"*"}))
    found = quotes.quotes([isbn(number) for number in range(1, 5)])
    assert {number: found[isbn(number)].status for number in (1, 2, 3)} == {
        1: "out_of_stock",
        2: "not_yet_on_sale",
        3: "withdrawn",
    }
    assert {quote.available for quote in found.values()} == {0}
    assert isbn(4) not in found
    shelves.clock.advance_business(timedelta(days=1))
    assert quotes.quotes([isbn(2)])[isbn(2)].status == "in_stock"


def test_at_most_a_hundred_are_quoted_at_once(quotes: SqlQuotes) -> None:
    assert quotes.quotes([]) == {}
    with pytest.raises(ValueError, match="100"):
        quotes.quotes([isbn(number) for number in range(101)])


def test_what_is_sent_weighs_what_is_said_or_what_is_usual(
    shelves: Shelves, quotes: SqlQuotes
) -> None:
    shelves.put(
        a_book(1, dimensions={"weight_g": 500}),
        a_book(2),
        a_book(3, format="hardcover"),
        a_book(4, format="ebook", dimensions={"weight_g": 500}),
    )
    found = quotes.quotes([isbn(number) for number in range(1, 5)])
    assert [found[isbn(number)].shipping_grams for number in range(1, 5)] == [500, 300, 600, 0]
    paper, download = found[isbn(1)], found[isbn(4)]
    assert Parcel.of([(paper, 2), (download, 1)], "GBP") == Parcel(
        weight_grams=1000 + PACKING_GRAMS, value=Money(amount=3 * 899, currency="GBP")
    )
    assert Parcel.of([(download, 3)], "GBP").weight_grams == 0


def test_a_hold_is_all_or_nothing_and_names_what_is_missing(
    shelves: Shelves, holds: StockHolds
) -> None:
    missing = holds.hold("h1", wanted((1, 2), (2, 3), (3, 1), (4, 1)), SOON)
    assert {(line.isbn, line.requested, line.available, line.reason) for line in missing} == {
        (isbn(2), 3, 1, "not_enough"),
        (isbn(3), 1, 0, "not_enough"),
        (isbn(4), 1, 0, "unknown"),
    }
    assert holds.hold("h1", wanted((1, 2), (2, 1)), SOON) == []
    assert holds.hold("h1", wanted((1, 2), (2, 1)), SOON) == []
    shelves.check()


def test_a_confirmed_hold_can_be_confirmed_again_and_not_released(
    shelves: Shelves, holds: StockHolds
) -> None:
    holds.hold("h1", wanted((1, 2)), SOON)
    holds.renew("h1", SOON + timedelta(hours=1))
    holds.confirm("h1")
    holds.confirm("h1")
    with pytest.raises(HoldClosed) as caught:
        holds.release("h1")
    assert caught.value.state == "confirmed"
    shelves.check()


def test_a_released_hold_holds_nothing_any_more(shelves: Shelves, holds: StockHolds) -> None:
    holds.hold("h1", wanted((1, 2)), SOON)
    holds.release("h1")
    holds.release("h1")
    for call in (
        lambda: holds.confirm("h1"),
        lambda: holds.renew("h1", SOON),
        lambda: holds.hold("h1", wanted((1, 2)), SOON),
    ):
        with pytest.raises(HoldClosed) as caught:
            call()
        assert caught.value.state == "released"
    shelves.check()


def test_a_release_that_comes_first_lets_a_late_hold_hold_nothing(holds: StockHolds) -> None:
    holds.release("early")
    with pytest.raises(HoldClosed):
        holds.hold("early", wanted((1, 1)), SOON)


def test_a_hold_past_its_time_is_expired(shelves: Shelves, holds: StockHolds) -> None:
    holds.hold("h1", wanted((1, 2)), SOON)
    shelves.clock.advance_business(timedelta(hours=1))
    shelves.stock.expire_due()
    with pytest.raises(HoldClosed) as caught:
        holds.confirm("h1")
    assert caught.value.state == "expired"


def test_what_was_never_held_is_unknown(holds: StockHolds) -> None:
    with pytest.raises(HoldClosed) as caught:
        holds.confirm("never")
    assert caught.value.state == "unknown"


def test_an_id_cannot_hold_other_lines(holds: StockHolds) -> None:
    holds.hold("h1", wanted((1, 2)), SOON)
    with pytest.raises(ReservationMismatch):
        holds.hold("h1", wanted((1, 3)), SOON)
