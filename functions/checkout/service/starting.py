"""Starting a checkout: one transaction that makes an order row, however often it is asked for."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from functions.checkout.model import (
    COUNTED,
    MOST_LINES,
    MOST_OPEN,
    MOST_STARTS,
    PAYMENT_LIMIT,
    STARTS_WITHIN,
    Item,
    NothingToBuy,
    Order,
    TooManyCheckouts,
    UnknownAddress,
)
from functions.checkout.ports import NewOrder, OpenCartTaken, Transaction, Transactions
from shared.contracts.carts import CartSnapshot
from shared.contracts.orders import Delivery as Destination
from shared.contracts.shipping import Addresses
from shared.kit.errors import BadInput
from shared.kit.idempotency import Delivery, once
from shared.kit.money import Currency
from shared.kit.texts import units
from shared.postal.address import PostalAddress

_SIGNS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without those that are read or heard as another one."""
_LONGEST_EMAIL = 320
_NO_EMAIL = r"@\s,;:<>()\[\]\\\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
"""What would make two addresses of one in a mail's header, or another one to the eye."""
_EMAIL = rf"^[^{_NO_EMAIL}]{{1,64}}@[^{_NO_EMAIL}\"]{{1,255}}$"


def _storable_email(email: str) -> str:
    # It is looked up by its folded form, which may be longer than what was typed.
    if max(units(email), units(email.casefold())) > _LONGEST_EMAIL:
        raise ValueError(f"should have at most {_LONGEST_EMAIL} characters")
    return email


def _no_item_twice(items: tuple[Item, ...] | None) -> tuple[Item, ...] | None:
    if items is not None and len({item.isbn for item in items}) < len(items):
        raise ValueError("names a book twice")
    return items


class CheckoutRequest(BaseModel):
    """Without `items` the cart is bought. `shipping_address` or, of a signed-in customer's own
    ones, `address_id`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: Annotated[
        str, Field(max_length=_LONGEST_EMAIL, pattern=_EMAIL), AfterValidator(_storable_email)
    ]
    shipping_address: PostalAddress | None = None
    address_id: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    shipping_method: Literal["standard", "express"]
    items: Annotated[
        tuple[Item, ...] | None,
        Field(min_length=1, max_length=MOST_LINES),
        AfterValidator(_no_item_twice),
    ] = None
    locale: Annotated[str, Field(max_length=20, pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")] = (
        "en-GB"
    )

    @model_validator(mode="after")
    def _one_address(self) -> "CheckoutRequest":
        if (self.shipping_address is None) == (self.address_id is None):
            raise ValueError("say shipping_address or address_id, and not both")
        return self


@dataclass(frozen=True, slots=True)
class Started:
    """`is_new` is what the first request of this key was told, `is_replayed` whether it was
    another. `to_wake` is the cart's former checkout, which has to close first."""

    order: Order
    is_new: bool
    is_replayed: bool
    to_wake: str | None


class _Answer(BaseModel):
    order_id: str
    is_new: bool
    to_wake: str | None


class CheckoutIds:
    """The checkout's id opens it to whoever knows it. It is 128 bits that only the shop's secret
    can make from the order's id, so it need not be stored anywhere."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def of(self, order_id: str) -> str:
        return hmac.digest(self._secret, f"checkout:{order_id}".encode(), "sha256")[:16].hex()

    def hashed(self, checkout_id: str) -> str:
        return hashlib.sha256(checkout_id.encode()).hexdigest()


class Starting:
    def __init__(
        self,
        transactions: Transactions,
        addresses: Addresses,
        ids: CheckoutIds,
        currency: Currency,
    ) -> None:
        self._transactions = transactions
        self._addresses = addresses
        self._ids = ids
        self._currency = currency

    def start(
        self,
        request: CheckoutRequest,
        customer_id: str | None,
        cart: CartSnapshot | None,
        delivery: Delivery,
    ) -> Started:
        """Raises BadInput, NothingToBuy, UnknownAddress, TooManyCheckouts, IdempotencyMismatch.

        A repeated request gets its answer also where cart or address are gone since.
        """
        destination = self._destination(request, customer_id)

        def work(transaction: Transaction) -> Started:
            def effect() -> _Answer:
                return self._enter(transaction, request, customer_id, cart, destination)

            answer, replayed = once(transaction.deliveries, delivery, _Answer, effect)
            order = transaction.orders.find(answer.order_id)
            assert order is not None
            return Started(order, answer.is_new, replayed, answer.to_wake)

        while True:
            try:
                return self._transactions.run(work)
            except OpenCartTaken:
                # Two starts of one cart at once: the other came first and is found now.
                continue

    def _enter(
        self,
        transaction: Transaction,
        request: CheckoutRequest,
        customer_id: str | None,
        cart: CartSnapshot | None,
        destination: Destination | None,
    ) -> _Answer:
        if destination is None:
            raise UnknownAddress.at("address_id", "is none of yours", "body")
        self._check_currency(request.items or ())
        cart_id, items = _wanted(request, cart)
        fingerprint = _fingerprint(request, destination, items)
        orders = transaction.orders
        former = None
        if cart_id is not None and (found := orders.open_of_cart(cart_id)) is not None:
            former, before = found
            if _stands(former, is_same=before == fingerprint):
                return _Answer(order_id=former.id, is_new=False, to_wake=None)
        replaces = former is not None and former.status in COUNTED
        self._check_limits(transaction, customer_id, cart_id, replaces=replaces)
        if former is not None:
            orders.change(former.id, open_cart=None)
            if not _ends(former):
                orders.change(former.id, cancel_requested=True, end_reason="replaced")
                orders.tell(former.id, "replaced")
        order_id = uuid4().hex
        orders.add(
            NewOrder(
                id=order_id,
                number=_number(),
                checkout_hash=self._ids.hashed(self._ids.of(order_id)),
                customer_id=customer_id,
                cart_id=cart_id,
                replaces=None if former is None else former.id,
                email=request.email,
                locale=request.locale,
                delivery=destination,
                shipping_method=request.shipping_method,
                fingerprint=fingerprint,
                currency=self._currency,
                pay_until=transaction.now + PAYMENT_LIMIT,
                items=items,
            )
        )
        orders.tell(order_id, "started")
        to_wake = None if former is None else former.id
        return _Answer(order_id=order_id, is_new=True, to_wake=to_wake)

    def _check_currency(self, items: Sequence[Item]) -> None:
        for place, item in enumerate(items):
            if item.price is not None and item.price.currency != self._currency:
                what = f"is not {self._currency}, in which the shop sells"
                raise BadInput.at(f"items/{place}/price/currency", what, "body")

    def _check_limits(
        self,
        transaction: Transaction,
        customer_id: str | None,
        cart_id: str | None,
        *,
        replaces: bool,
    ) -> None:
        transaction.shoppers.claim(customer_id, cart_id)
        orders = transaction.orders
        open_now = orders.open_count(customer_id, cart_id) - (1 if replaces else 0)
        if open_now >= MOST_OPEN:
            raise TooManyCheckouts(
                f"{open_now} checkouts are open; finish or cancel one first.",
                headers={"Retry-After": "60"},
            )
        since = transaction.now - STARTS_WITHIN
        if orders.starts(customer_id, cart_id, since) >= MOST_STARTS:
            raise TooManyCheckouts(
                f"{MOST_STARTS} checkouts were started in {STARTS_WITHIN.seconds // 60} minutes;"
                " wait a little.",
                headers={"Retry-After": str(STARTS_WITHIN.seconds)},
            )

    def _destination(self, request: CheckoutRequest, customer_id: str | None) -> Destination | None:
        if request.shipping_address is not None:
            return request.shipping_address.delivery()
        assert request.address_id is not None
        if customer_id is None:
            return None
        return self._addresses.address(customer_id, request.address_id)


def _stands(former: Order, *, is_same: bool) -> bool:
    """Whether the cart's checkout answers another request. One that is paid cannot be replaced: its
    order is about to be placed."""
    return former.status == "confirming" or (is_same and not _ends(former))


def _ends(former: Order) -> bool:
    return former.cancel_requested or former.status == "closing"


def _wanted(
    request: CheckoutRequest, cart: CartSnapshot | None
) -> tuple[str | None, tuple[Item, ...]]:
    """What is to be bought, and the id of the cart that it comes from. Raises NothingToBuy."""
    if request.items is not None:
        return None, request.items
    if cart is None or not cart.lines:
        raise NothingToBuy("The cart is empty; put books into it, or send items.")
    return cart.cart_id, tuple(
        Item(isbn=line.isbn, quantity=line.quantity, price=line.price_when_added)
        for line in cart.lines
    )


def _fingerprint(request: CheckoutRequest, destination: Destination, items: Sequence[Item]) -> str:
    """Alike for requests that buy the same things and send them to the same place."""
    whole = hashlib.sha256()
    for part in (request.email, request.shipping_method, destination.model_dump_json()):
        whole.update(part.encode() + b"\0")
    for item in sorted(items, key=lambda one: one.isbn):
        whole.update(item.model_dump_json().encode() + b"\0")
    return whole.hexdigest()


def _number() -> str:
    """Eight signs, to be read out by a person: 7K3M-92QX."""
    signs = [secrets.choice(_SIGNS) for _ in range(8)]
    return f"{''.join(signs[:4])}-{''.join(signs[4:])}"
