"""Shoppers of many minds, who keep to a plan whatever happens to the shop meanwhile."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from bench.browser import Browser, authenticate, confirm

Status = Literal["confirmed", "rejected", "cancelled", "expired"]

ENDS: tuple[Status, ...] = ("confirmed", "rejected", "cancelled", "expired")
GOOD, DECLINED, POOR = (
    "pm_card_visa",
    "pm_card_visa_chargeDeclined",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
)
ASKING = "pm_card_threeDSecure2Required"


@dataclass
class Street:
    """Where shoppers come from, and what they have been told. `token` gives a customer's, `staff`
    is one with the role `orders.refund`. The first of `isbns` are the scarce ones."""

    origins: Sequence[str]
    isbns: Sequence[str]
    scarce: int
    token: Callable[[str], str]
    staff: str
    seed: int
    seen: Counter[str] = field(default_factory=Counter)
    told: dict[str, Status] = field(default_factory=dict)
    """How a checkout ended, by its id, as its shopper was told."""


class Shopper:
    def __init__(self, street: Street, number: int) -> None:
        self._street = street
        self._dice = random.Random(f"{street.seed}/{number}")
        self._name = f"shopper-{number}"
        self._plan = _PLANS[number % len(_PLANS)]
        self._is_customer = self._plan in _CUSTOMERS or self._dice.random() < 0.3
        token = street.token(self._name) if self._is_customer else None
        self._browser = Browser(street.origins, token, street.seen)

    def shop(self) -> None:
        """Raises AssertionError for an answer that no shopper should get."""
        self._plan(self)

    def pay(self) -> None:
        self._pay_with(self._started(), GOOD)

    def pay_at_the_second_try(self) -> None:
        self._pay_with(self._started(), self._dice.choice((DECLINED, POOR)), GOOD)

    def be_declined_and_leave(self) -> None:
        if payment := self._payable(self._started()):
            confirm(payment, DECLINED)

    def authenticate(self) -> None:
        checkout_id = self._started()
        if payment := self._payable(checkout_id):
            confirm(payment, ASKING)
            authenticate(payment, passes=True)
            self._ended(checkout_id)

    def fail_to_authenticate_and_leave(self) -> None:
        if payment := self._payable(self._started()):
            confirm(payment, ASKING)
            authenticate(payment, passes=False)

    def leave(self) -> None:
        self._started()

    def cancel(self) -> None:
        checkout_id = self._started()
        if self._dice.random() < 0.5:
            self._payable(checkout_id)
        self._cancel(checkout_id)
        self._ended(checkout_id)

    def pay_while_cancelling(self) -> None:
        checkout_id = self._started()
        if payment := self._payable(checkout_id):
            self._at_once(lambda: confirm(payment, GOOD), lambda: self._cancel(checkout_id))
            self._ended(checkout_id)

    def pay_after_cancelling(self) -> None:
        checkout_id = self._started()
        if payment := self._payable(checkout_id):
            self._cancel(checkout_id)
            confirm(payment, GOOD)
            self._ended(checkout_id)

    def send_it_twice(self) -> None:
        """The same key at the same moment."""
        request, key = self._request(by_cart=self._dice.random() < 0.5), self._key()
        first, second = self._at_once(
            lambda: self._start(request, key), lambda: self._start(request, key)
        )
        assert first == second, "one key, two checkouts"
        self._pay_with(first, GOOD)

    def check_out_in_two_tabs(self) -> None:
        request, keys = self._request(by_cart=True), (self._key(), self._key())
        first, second = self._at_once(
            lambda: self._start(request, keys[0]), lambda: self._start(request, keys[1])
        )
        if first != second:
            # Fine where the first had ended before the second was asked for; both cannot be paid.
            self._street.seen["two checkouts of a cart"] += 1
        self._pay_with(first, GOOD)

    def change_the_delivery(self) -> None:
        """The cart's first checkout is replaced by another."""
        request = self._request(by_cart=True)
        former = self._start(request, self._key())
        if self._dice.random() < 0.5:
            self._payable(former)
        self._pay_with(self._start({**request, "shipping_method": "express"}, self._key()), GOOD)

    def cancel_the_order(self) -> None:
        checkout = self._pay_with(self._started(), GOOD)
        if checkout is not None and checkout["status"] == "confirmed":
            path = f"v1/orders/{checkout['order_id']}"
            reply = self._browser.insist("POST", f"{path}/cancel")
            # Refused where it is on its way by then.
            assert reply.status in (202, 409), reply.content
            self._street.seen[f"orders cancelled: {reply.status}"] += 1

    def get_a_copy_refunded(self) -> None:
        checkout = self._pay_with(self._started(), GOOD)
        if checkout is not None and checkout["status"] == "confirmed":
            staff = Browser(self._street.origins, self._street.staff, self._street.seen)
            path = f"v1/admin/orders/{checkout['order_id']}/refunds"
            said = {"lines": [{"line": 1, "quantity": 1}], "reason": "a torn page"}
            for _ in range(2):
                reply = staff.insist("POST", path, said, Idempotency_Key=f"refund-{self._name}")
                assert reply.status == 202, reply.content
            self._street.seen["copies refunded"] += 1

    def _request(self, *, by_cart: bool) -> dict[str, Any]:
        scarce = self._street.isbns[: self._street.scarce]
        wanted = set(self._dice.sample(self._street.isbns[len(scarce) :], self._dice.randint(1, 3)))
        if self._dice.random() < 0.3:
            wanted.add(self._dice.choice(scarce))
        items = [{"isbn": isbn, "quantity": self._dice.randint(1, 2)} for isbn in sorted(wanted)]
        request: dict[str, Any] = {
            "email": f"{self._name}@example.org",
            "shipping_address": {
                "name": self._name,
                "line1": "1 Fire Lane",
                "city": "London",
                "postcode": "NW1 6XE",
                "country": "GB",
            },
            "shipping_method": "standard",
        }
        if not by_cart:
            return {**request, "items": items}
        for item in items:
            added = self._browser.insist("POST", "v1/cart/items", item)
            assert added.status == 200, added.content
        return request

    def _started(self) -> str:
        return self._start(self._request(by_cart=self._dice.random() < 0.6), self._key())

    def _start(self, request: dict[str, Any], key: str) -> str:
        reply = self._browser.insist("POST", "v1/checkouts", request, Idempotency_Key=key)
        assert reply.status in (200, 202), reply.content
        checkout_id: str = reply.json["id"]
        return checkout_id

    def _cancel(self, checkout_id: str) -> None:
        reply = self._browser.insist("POST", f"v1/checkouts/{checkout_id}/cancel")
        # Refused where it was paid before.
        assert reply.status in (200, 409), reply.content

    def _payable(self, checkout_id: str) -> dict[str, Any] | None:
        """What to pay with; None where the checkout has ended without."""
        checkout = self._watched(checkout_id, ("awaiting_payment", *ENDS))
        payment: dict[str, Any] | None = checkout["payment"]
        return payment

    def _pay_with(self, checkout_id: str, *cards: str) -> dict[str, Any] | None:
        """The checkout as it ended; None where there was nothing to pay."""
        if (payment := self._payable(checkout_id)) is None:
            return None
        for card in cards:
            confirm(payment, card)
        return self._ended(checkout_id)

    def _ended(self, checkout_id: str) -> dict[str, Any]:
        return self._watched(checkout_id, ENDS)

    def _watched(self, checkout_id: str, until: Sequence[str]) -> dict[str, Any]:
        while True:
            reply = self._browser.insist("GET", f"v1/checkouts/{checkout_id}?wait=5")
            assert reply.status == 200, reply.content
            checkout: dict[str, Any] = reply.json
            if checkout["status"] in ENDS:
                before = self._street.told.setdefault(checkout_id, checkout["status"])
                assert before == checkout["status"], f"was {before}, is {checkout['status']}"
            if checkout["status"] in until:
                return checkout

    def _at_once(self, *acts: Callable[[], Any]) -> list[Any]:
        with ThreadPoolExecutor(len(acts)) as threads:
            return [act.result() for act in [threads.submit(act) for act in acts]]

    def _key(self) -> str:
        return str(UUID(int=self._dice.getrandbits(128)))


_PLANS: tuple[Callable[[Shopper], None], ...] = (
    Shopper.pay,
    Shopper.pay_at_the_second_try,
    Shopper.cancel_the_order,
    Shopper.pay_while_cancelling,
    Shopper.leave,
    Shopper.authenticate,
    Shopper.change_the_delivery,
    Shopper.pay_after_cancelling,
    Shopper.send_it_twice,
    Shopper.get_a_copy_refunded,
    Shopper.be_declined_and_leave,
    Shopper.check_out_in_two_tabs,
    Shopper.cancel,
    Shopper.fail_to_authenticate_and_leave,
)
_CUSTOMERS = (Shopper.cancel_the_order,)
"""Who has to be signed in."""
