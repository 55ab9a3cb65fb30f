"""The cart of a browser, or of a customer.

A guest's cart is opened by a cookie's value alone. A call that carries both a cookie and a
customer's sign-in merges the guest's cart into the customer's. Every change is one write that
counts only if nobody else wrote since; else it is worked out again on what is there now, so that of
two tabs both count.
"""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from functions.cart.model import (
    Cart,
    CartBusy,
    CartId,
    CartView,
    NotForSale,
    UnknownTitle,
    customers_cart,
    guests_cart,
)
from functions.cart.ports import CartChanged, CartStore, Prices, StoredCart
from functions.cart.view import Known, view
from shared.contracts.carts import CartLine, CartSnapshot
from shared.contracts.orders import OrderPlaced
from shared.kit.clock import Clock
from shared.kit.isbn import Isbn
from shared.kit.money import Currency, Money

T = TypeVar("T")

_TRIES = 25
_TOKEN_BYTES = 24


@dataclass(frozen=True, slots=True)
class Caller:
    """`token` is the cookie's value, `customer` the subject of a bearer token."""

    token: str | None = None
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """`token` is to become the cookie's value; `is_merged` says that the cookie has no use now."""

    cart: CartView
    token: str | None = None
    is_merged: bool = False


class CartService:
    def __init__(
        self,
        carts: CartStore,
        prices: Prices,
        clock: Clock,
        currency: Currency,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._carts = carts
        self._prices = prices
        self._clock = clock
        self._currency = currency
        self._pause = pause

    async def show(self, caller: Caller) -> Shown:
        """Lines that never had a price keep the one that is shown now as what the shopper saw."""
        cart_id = await self._open(caller)
        stored = None if cart_id is None else await self._carts.read(cart_id)
        cart = None if stored is None else stored.cart
        known = await self._known(cart)
        if cart_id is not None and stored is not None and known is not None:
            cart = await self._priced(cart_id, stored, known)
        return self._shown(cart, known, caller, token=None)

    async def add(self, caller: Caller, isbn: Isbn, quantity: int) -> Shown:
        """Raises UnknownTitle and NotForSale where inventory answers; QuantityLimit, CartFull."""

        def work(cart: Cart, known: Known | None) -> Cart:
            return cart.with_more(isbn, quantity, _price_of(isbn, known))

        return await self._change(caller, work, isbn)

    async def set_quantity(self, caller: Caller, isbn: Isbn, quantity: int) -> Shown:
        """Raises NotInCart. The shopper has seen today's price now."""

        def work(cart: Cart, known: Known | None) -> Cart:
            quote = None if known is None else known.get(isbn)
            return cart.with_quantity(isbn, quantity, None if quote is None else quote.price)

        return await self._change(caller, work)

    async def remove(self, caller: Caller, isbn: Isbn) -> Shown:
        """Harmless where the line is not there."""
        return await self._change(caller, lambda cart, _known: cart.without(isbn))

    async def empty(self, caller: Caller) -> Shown:
        """The cart itself stays, so that tabs that are open go on with the same one."""
        return await self._change(caller, lambda cart, _known: cart.emptied())

    async def snapshot(self, cookie: str | None, customer_id: str | None) -> CartSnapshot | None:
        """`shared.contracts.carts.Carts`."""
        cart_id = await self._open(Caller(cookie, customer_id))
        stored = None if cart_id is None else await self._carts.read(cart_id)
        if cart_id is None or stored is None or not stored.cart.lines:
            return None
        lines = tuple(
            CartLine(isbn=line.isbn, quantity=line.quantity, price_when_added=line.price)
            for line in stored.cart.lines
        )
        return CartSnapshot(cart_id=cart_id, lines=lines)

    async def erase(self, customer_id: str) -> None:
        """`shared.contracts.carts.Carts`."""
        cart_id = customers_cart(customer_id)

        async def attempt() -> None:
            stored = await self._carts.read(cart_id)
            if stored is not None:
                await self._carts.delete(cart_id, stored.etag)

        await self._until_it_counts(attempt)

    async def take_out_bought(self, event_id: str, order: OrderPlaced) -> None:
        """Once for each event, and only from the cart that the order came from, or the customer's
        cart that took it over meanwhile. Lines and copies that came since stay."""
        if order.cart_id is None:
            return
        ordered_from = CartId(order.cart_id)
        bought: dict[Isbn, int] = {}
        for line in order.lines:
            bought[line.isbn] = bought.get(line.isbn, 0) + line.quantity

        async def attempt() -> None:
            cart_id, stored = await self._cart_of(ordered_from, order.customer_id)
            if stored is None:
                return
            cart = stored.cart.without_bought(event_id, bought)
            if cart is not stored.cart:
                await self._write(cart_id, cart, stored.etag)

        await self._until_it_counts(attempt)

    async def _cart_of(
        self, ordered_from: CartId, customer_id: str | None
    ) -> tuple[CartId, StoredCart | None]:
        stored = await self._carts.read(ordered_from)
        if stored is None and customer_id is not None:
            own = customers_cart(customer_id)
            found = await self._carts.read(own)
            if found is not None and found.cart.took_over(ordered_from):
                return own, found
        return ordered_from, stored

    async def _change(
        self,
        caller: Caller,
        work: Callable[[Cart, Known | None], Cart],
        isbn: Isbn | None = None,
    ) -> Shown:
        """`isbn` names a book that inventory is asked about besides those in the cart. Where `work`
        gives the cart back as it was, nothing is written."""
        opened = await self._open(caller)
        is_slow = False

        async def attempt() -> Shown:
            nonlocal is_slow
            cart_id, token = opened, caller.token
            stored = None if cart_id is None else await self._carts.read(cart_id)
            cart = Cart(changed_at=self._clock.business_now()) if stored is None else stored.cart
            known = None if is_slow else await self._known(cart, isbn)
            is_slow = known is None
            changed = work(cart, known)
            if changed is cart:
                return self._shown(None if stored is None else cart, known, caller, token=None)
            if stored is None and caller.customer is None:
                # A value that no cart has is not ours, or its cart is gone: never taken over.
                token = secrets.token_urlsafe(_TOKEN_BYTES)
                cart_id = guests_cart(token)
            assert cart_id is not None, "a customer always has one, a guest has one now"
            changed = await self._write(cart_id, changed, None if stored is None else stored.etag)
            return self._shown(changed, known, caller, token)

        return await self._until_it_counts(attempt)

    async def _open(self, caller: Caller) -> CartId | None:
        """The id of the caller's cart, whether or not there is one; merges where both are known."""
        if caller.customer is None:
            return None if caller.token is None else guests_cart(caller.token)
        own = customers_cart(caller.customer)
        if caller.token is not None:
            await self._merge(guests_cart(caller.token), own)
        return own

    async def _merge(self, source: CartId, target: CartId) -> None:
        """One write adds the lines and records where they came from; then the source goes. Dying in
        between is harmless: the record says what is not to be added again."""

        async def attempt() -> None:
            theirs = await self._carts.read(source)
            if theirs is None:
                return
            own = await self._carts.read(target)
            before = Cart(changed_at=self._clock.business_now()) if own is None else own.cart
            merged = before.merged_with(source, theirs.cart)
            if merged is not before:
                await self._write(target, merged, None if own is None else own.etag)
            await self._carts.delete(source, theirs.etag)

        await self._until_it_counts(attempt)

    async def _priced(self, cart_id: CartId, stored: StoredCart, known: Known) -> Cart:
        priced = stored.cart.with_prices({isbn: quote.price for isbn, quote in known.items()})
        if priced is stored.cart:
            return stored.cart
        try:
            return await self._write(cart_id, priced, stored.etag)
        except CartChanged:  # the next one to look will do it
            return priced

    async def _known(self, cart: Cart | None, isbn: Isbn | None = None) -> Known | None:
        isbns = dict.fromkeys([] if cart is None else cart.isbns)
        if isbn is not None:
            isbns[isbn] = None
        return await self._prices.known(list(isbns))

    async def _write(self, cart_id: CartId, cart: Cart, etag: str | None) -> Cart:
        changed = cart.model_copy(update={"changed_at": self._clock.business_now()})
        await self._carts.write(cart_id, changed, etag)
        return changed

    async def _until_it_counts(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Raises CartBusy. Of those who write at once one gets through, so few tries are enough."""
        for tries in range(_TRIES):
            try:
                return await attempt()
            except CartChanged:
                await self._pause(random.uniform(0, min(0.001 * 2**tries, 0.05)))  # noqa: S311
        raise CartBusy

    def _shown(
        self, cart: Cart | None, known: Known | None, caller: Caller, token: str | None
    ) -> Shown:
        shown = view(cart, known, self._currency)
        if caller.customer is not None:
            return Shown(shown, is_merged=caller.token is not None)
        return Shown(shown, token)


def _price_of(isbn: Isbn, known: Known | None) -> Money | None:
    """Of a book that is to be added; None where inventory did not answer."""
    if known is None:
        return None
    quote = known.get(isbn)
    if quote is None:
        raise UnknownTitle(isbn)
    if quote.status == "withdrawn":
        raise NotForSale(isbn)
    return quote.price
