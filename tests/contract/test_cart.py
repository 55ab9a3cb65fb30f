"""What a cart keeps, shows and gives away, on documents in a file."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from functions.cart.model import (
    LIFETIME,
    CartFull,
    CartId,
    CartView,
    NotForSale,
    NotInCart,
    QuantityLimit,
    UnknownTitle,
    customers_cart,
    guests_cart,
)
from functions.cart.ports import CartStore, StoredCart
from functions.cart.prices import BoundedPrices
from functions.cart.service import Caller, CartService
from shared.kit.provider import Provider
from shared.sql.faults import DatabaseBusy
from tests.support.cart import CartBench, cart_bench, placed, pounds
from tests.support.inventory import START, isbn

ANNA = Caller(customer="anna")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[CartBench]:
    with cart_bench(tmp_path) as bench:
        yield bench


def quantities(cart: CartView) -> dict[str, int]:
    return {item.isbn: item.quantity for item in cart.items}


def kinds(cart: CartView) -> list[tuple[str, str]]:
    return [(change.isbn, change.kind) for change in cart.changes]


async def guest_with(bench: CartBench, *lines: tuple[int, int]) -> str:
    """The cookie's value of a new cart."""
    caller = Caller()
    for number, quantity in lines:
        shown = await bench.service.add(caller, isbn(number), quantity)
        caller = Caller(shown.token)
    assert caller.token is not None
    return caller.token


def all_bytes(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_who_only_looks_gets_no_cart_and_no_cookie(bench: CartBench) -> None:
    shown = await bench.service.show(Caller())
    assert (shown.cart.items, shown.token) == ([], None)
    assert shown.cart.subtotal == pounds(0)
    assert shown.cart.verified
    assert shown.cart.expires_at is None


async def test_a_guest_finds_the_cart_again_by_the_cookie(bench: CartBench) -> None:
    token = await guest_with(bench, (1, 2), (2, 1), (1, 1))
    cart = (await bench.service.show(Caller(token))).cart
    assert quantities(cart) == {isbn(1): 3, isbn(2): 1}
    assert (cart.quantity, cart.subtotal) == (4, pounds(4 * 899))
    assert cart.changes == []


async def test_a_cookie_has_128_random_bits_and_is_stored_only_as_a_digest(
    bench: CartBench, tmp_path: Path
) -> None:
    tokens = {await guest_with(bench, (1, 1)) for _ in range(3)}
    assert len(tokens) == 3
    assert all(len(token) >= 22 for token in tokens)  # 6 bits a character
    kept = all_bytes(tmp_path)
    for token in tokens:
        assert token.encode() not in kept
        assert guests_cart(token).encode() in kept


async def test_a_cookie_that_opens_no_cart_is_never_taken_over(bench: CartBench) -> None:
    planted = "planted-by-somebody-else"
    shown = await bench.service.add(Caller(planted), isbn(1), 1)
    assert shown.token not in (None, planted)
    assert (await bench.service.show(Caller(planted))).cart.items == []


async def test_a_cart_lives_thirty_days_from_its_last_change(bench: CartBench) -> None:
    token = await guest_with(bench, (1, 1))
    bench.clock.advance_business(timedelta(days=29))
    changed = await bench.service.set_quantity(Caller(token), isbn(1), 2)
    assert changed.token == token, "the cookie's own lifetime starts again too"
    assert changed.cart.expires_at == START + timedelta(days=29) + LIFETIME
    bench.clock.advance_business(timedelta(days=29))
    assert quantities((await bench.service.show(Caller(token))).cart) == {isbn(1): 2}
    bench.clock.advance_business(timedelta(days=1))
    assert (await bench.service.show(Caller(token))).cart.items == []


async def test_lines_are_set_and_taken_out(bench: CartBench) -> None:
    caller = Caller(await guest_with(bench, (1, 1), (2, 2)))
    assert quantities((await bench.service.set_quantity(caller, isbn(2), 9)).cart)[isbn(2)] == 9
    assert quantities((await bench.service.remove(caller, isbn(1))).cart) == {isbn(2): 9}
    assert quantities((await bench.service.remove(caller, isbn(1))).cart) == {isbn(2): 9}
    assert (await bench.service.empty(caller)).cart.items == []
    again = await bench.service.add(caller, isbn(3), 1)
    assert again.token == caller.token, "an emptied cart is still the same one"


async def test_a_line_that_is_not_there_cannot_be_set(bench: CartBench) -> None:
    caller = Caller(await guest_with(bench, (1, 1)))
    for nowhere in (caller, Caller(), ANNA):
        with pytest.raises(NotInCart):
            await bench.service.set_quantity(nowhere, isbn(2), 1)


async def test_taking_out_of_no_cart_makes_none(bench: CartBench) -> None:
    for nobody in (Caller(), Caller("unknown-value"), ANNA):
        assert (await bench.service.remove(nobody, isbn(1))).token is None
        assert (await bench.service.empty(nobody)).cart.expires_at is None


async def test_a_cart_takes_99_copies_of_a_title_and_100_titles(bench: CartBench) -> None:
    caller = Caller(await guest_with(bench, (1, 60)))
    with pytest.raises(QuantityLimit) as caught:
        await bench.service.add(caller, isbn(1), 40)
    assert caught.value.extensions == {"isbn": isbn(1), "in_cart": 60, "limit": 99}
    await bench.service.add(caller, isbn(1), 39)
    for number in range(2, 101):
        await bench.service.add(caller, isbn(number), 1)
    with pytest.raises(CartFull):
        await bench.service.add(caller, isbn(101), 1)
    await bench.service.remove(caller, isbn(50))
    shown = await bench.service.add(caller, isbn(101), 1)
    assert len(shown.cart.items) == 100


async def test_unknown_and_withdrawn_books_are_refused_while_inventory_answers(
    bench: CartBench,
) -> None:
    bench.books.put(7, status="withdrawn", available=0)
    with pytest.raises(UnknownTitle):
        await bench.service.add(Caller(), isbn(500), 1)
    with pytest.raises(NotForSale):
        await bench.service.add(Caller(), isbn(7), 1)


async def test_a_read_shows_what_changed_since(bench: CartBench) -> None:
    caller = Caller(await guest_with(bench, (1, 2), (2, 5), (3, 1), (4, 1), (5, 1)))
    bench.books.put(1, price=999)
    bench.books.put(2, price=799, available=3)
    bench.books.put(3, available=0)
    bench.books.put(4, status="withdrawn", available=0)
    cart = (await bench.service.show(caller)).cart
    assert kinds(cart) == [
        (isbn(1), "price_raised"),
        (isbn(2), "price_lowered"),
        (isbn(2), "not_enough"),
        (isbn(3), "sold_out"),
        (isbn(4), "withdrawn"),
    ]
    first = cart.items[0]
    assert (first.price_when_added, first.price, first.total) == (
        pounds(899),
        pounds(999),
        pounds(1998),
    )
    assert cart.changes[0].detail == "The price rose from 8.99 GBP to 9.99 GBP."
    assert cart.items[1].availability.available == 3
    assert quantities(cart)[isbn(2)] == 5, "shown, not cut"


async def test_setting_a_line_accepts_todays_price(bench: CartBench) -> None:
    caller = Caller(await guest_with(bench, (1, 2)))
    bench.books.put(1, price=999)
    assert kinds((await bench.service.show(caller)).cart) == [(isbn(1), "price_raised")]
    accepted = (await bench.service.set_quantity(caller, isbn(1), 2)).cart
    assert accepted.changes == []
    assert accepted.items[0].price_when_added == pounds(999)


async def test_adding_never_fails_because_inventory_is_slow(bench: CartBench) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    class Slow:
        def quotes(self, isbns: object) -> dict[object, object]:
            asked.set()
            may_answer.wait(60)
            return {}

    slow = BoundedPrices(Provider(Slow), patience=0.01)  # type: ignore[arg-type]
    service = CartService(bench.carts, slow, bench.clock, "GBP")
    shown = await service.add(Caller(), isbn(1), 2)
    assert asked.is_set()
    [item] = shown.cart.items
    assert (item.quantity, item.availability.status, item.price) == (2, "unverified", None)
    assert (shown.cart.verified, shown.cart.subtotal) == (False, None)
    may_answer.set()

    snapshot = await bench.service.snapshot(shown.token, None)
    assert snapshot is not None
    assert snapshot.lines[0].price_when_added is None
    seen = (await bench.service.show(Caller(shown.token))).cart
    assert (seen.verified, seen.items[0].price) == (True, pounds(899))
    bench.books.put(1, price=999)
    later = (await bench.service.show(Caller(shown.token))).cart
    assert kinds(later) == [(isbn(1), "price_raised")], "what was shown first is what was seen"


async def test_a_cart_outlives_an_inventory_that_fails(bench: CartBench) -> None:
    caller = Caller(await guest_with(bench, (1, 2)))
    bench.books.fault = DatabaseBusy()
    shown = await bench.service.add(caller, isbn(500), 1)
    assert quantities(shown.cart) == {isbn(1): 2, isbn(500): 1}
    assert not shown.cart.verified
    changed = (await bench.service.set_quantity(caller, isbn(1), 3)).cart
    assert changed.items[0].price_when_added == pounds(899), "what was seen before stays"
    bench.books.fault = None
    assert kinds((await bench.service.show(caller)).cart) == [(isbn(500), "unknown")]


async def test_customers_have_carts_of_their_own(bench: CartBench) -> None:
    await bench.service.add(ANNA, isbn(1), 2)
    assert quantities((await bench.service.show(ANNA)).cart) == {isbn(1): 2}
    assert (await bench.service.show(Caller(customer="ben"))).cart.items == []


async def test_the_first_call_with_cookie_and_sign_in_merges_the_carts(bench: CartBench) -> None:
    await bench.service.add(ANNA, isbn(1), 98)
    await bench.service.add(ANNA, isbn(2), 1)
    token = await guest_with(bench, (1, 3), (3, 2))
    both = Caller(token, "anna")
    shown = await bench.service.show(both)
    assert quantities(shown.cart) == {isbn(1): 99, isbn(2): 1, isbn(3): 2}
    assert shown.is_merged
    assert kinds(shown.cart) == [(isbn(1), "not_enough"), (isbn(1), "limited")]
    assert await bench.carts.read(guests_cart(token)) is None
    assert quantities((await bench.service.show(both)).cart)[isbn(3)] == 2
    changed = await bench.service.remove(ANNA, isbn(2))
    assert kinds(changed.cart) == [(isbn(1), "not_enough")], "a notice goes at the next change"


async def test_what_finds_no_room_at_a_merge_is_named(bench: CartBench) -> None:
    for number in range(1, 101):
        await bench.service.add(ANNA, isbn(number), 1)
    token = await guest_with(bench, (100, 1), (101, 4))
    cart = (await bench.service.show(Caller(token, "anna"))).cart
    assert len(cart.items) == 100
    assert quantities(cart)[isbn(100)] == 2
    assert kinds(cart) == [(isbn(101), "left_out")]


class Dying:
    """A store whose process dies before the source of a merge is deleted."""

    def __init__(self, carts: CartStore) -> None:
        self.read, self.write = carts.read, carts.write

    async def delete(self, cart_id: CartId, etag: str) -> None:
        raise KeyboardInterrupt


async def test_a_merge_that_died_halfway_adds_nothing_twice(bench: CartBench) -> None:
    await bench.service.add(ANNA, isbn(1), 1)
    token = await guest_with(bench, (1, 2), (2, 1))
    both = Caller(token, "anna")
    prices = BoundedPrices(Provider(lambda: bench.books))
    dying = CartService(Dying(bench.carts), prices, bench.clock, "GBP")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            await dying.show(both)
    # Another tab, still without the sign-in, goes on with the guest's cart meanwhile.
    await bench.service.add(Caller(token), isbn(2), 4)
    await bench.service.add(Caller(token), isbn(3), 1)
    cart = (await bench.service.show(both)).cart
    assert quantities(cart) == {isbn(1): 3, isbn(2): 5, isbn(3): 1}
    assert await bench.carts.read(guests_cart(token)) is None


class ChangedBetween:
    """A store in which another tab adds to the source of a merge before it is deleted."""

    def __init__(self, bench: CartBench, token: str) -> None:
        self._bench = bench
        self._token: str | None = token
        self.read, self.write = bench.carts.read, bench.carts.write

    async def delete(self, cart_id: CartId, etag: str) -> None:
        token, self._token = self._token, None
        if token is not None:
            await self._bench.service.add(Caller(token), isbn(9), 1)
        await self._bench.carts.delete(cart_id, etag)


async def test_what_another_tab_adds_during_a_merge_is_not_lost(bench: CartBench) -> None:
    token = await guest_with(bench, (1, 2))
    prices = BoundedPrices(Provider(lambda: bench.books))
    service = CartService(ChangedBetween(bench, token), prices, bench.clock, "GBP")
    cart = (await service.show(Caller(token, "anna"))).cart
    assert quantities(cart) == {isbn(1): 2, isbn(9): 1}
    assert await bench.carts.read(guests_cart(token)) is None


async def test_a_snapshot_is_the_customers_cart_else_the_cookies(bench: CartBench) -> None:
    token = await guest_with(bench, (1, 2))
    guest = await bench.service.snapshot(token, None)
    assert guest is not None
    assert guest.cart_id == guests_cart(token)
    assert token not in guest.model_dump_json()
    [line] = guest.lines
    assert (line.isbn, line.quantity, line.price_when_added) == (isbn(1), 2, pounds(899))
    merged = await bench.service.snapshot(token, "anna")
    assert merged is not None
    assert (merged.cart_id, merged.lines) == (customers_cart("anna"), guest.lines)
    assert await bench.service.snapshot(token, None) is None
    assert await bench.service.snapshot(None, None) is None
    await bench.service.empty(ANNA)
    assert await bench.service.snapshot(None, "anna") is None


async def bought(bench: CartBench, cart_id: str) -> dict[str, int]:
    stored = await bench.carts.read(CartId(cart_id))
    assert isinstance(stored, StoredCart)
    return {line.isbn: line.quantity for line in stored.cart.lines}


async def test_an_order_takes_what_was_bought_and_leaves_the_rest(bench: CartBench) -> None:
    token = await guest_with(bench, (1, 3), (2, 1), (3, 1))
    cart_id = guests_cart(token)
    order = placed(cart_id, (1, 2), (2, 5), (4, 1))
    await bench.service.take_out_bought("event-1", order)
    assert await bought(bench, cart_id) == {isbn(1): 1, isbn(3): 1}
    await bench.service.take_out_bought("event-1", order)
    assert await bought(bench, cart_id) == {isbn(1): 1, isbn(3): 1}


async def test_the_last_fifty_events_are_known_again(bench: CartBench) -> None:
    token = await guest_with(bench, (1, 99))
    cart_id = guests_cart(token)
    for number in range(50):
        await bench.service.take_out_bought(f"event-{number}", placed(cart_id, (1, 1)))
    for number in range(50):
        await bench.service.take_out_bought(f"event-{number}", placed(cart_id, (1, 1)))
    assert await bought(bench, cart_id) == {isbn(1): 49}
    stored = await bench.carts.read(cart_id)
    assert stored is not None
    assert len(stored.cart.events) == 50


async def test_an_order_from_elsewhere_leaves_carts_alone(bench: CartBench) -> None:
    token = await guest_with(bench, (1, 3))
    await bench.service.add(ANNA, isbn(1), 2)
    await bench.service.take_out_bought("e1", placed(None, (1, 1), customer="anna"))
    await bench.service.take_out_bought("e2", placed("g-other", (1, 1), customer="anna"))
    assert await bought(bench, guests_cart(token)) == {isbn(1): 3}
    assert await bought(bench, customers_cart("anna")) == {isbn(1): 2}


async def test_an_order_finds_the_cart_that_took_its_own_over(bench: CartBench) -> None:
    token = await guest_with(bench, (1, 3))
    await bench.service.add(ANNA, isbn(2), 1)
    await bench.service.show(Caller(token, "anna"))
    order = placed(guests_cart(token), (1, 3), customer="anna")
    await bench.service.take_out_bought("event-1", order)
    await bench.service.take_out_bought("event-1", order)
    assert await bought(bench, customers_cart("anna")) == {isbn(2): 1}


async def test_a_customer_who_leaves_leaves_no_cart(bench: CartBench) -> None:
    await bench.service.add(ANNA, isbn(1), 1)
    await bench.service.erase("anna")
    await bench.service.erase("anna")
    assert await bench.carts.read(customers_cart("anna")) is None
