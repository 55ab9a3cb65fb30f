"""Records histories of the sagas, to be replayed by tests/unit/test_saga_histories.py.

    .venv/bin/python -m tests.histories.record

It serves a shop from a new folder, plays each case of `CASES` over HTTP, and writes one file for
each saga that ran: `tests/histories/<saga>-<case>.json`. A few take the time that a real timer or
lock takes. Files that are there stay: those of a released version say what instances that are
running now have behind them. To record a version that was not released yet anew, delete its files
first.
"""

import sqlite3
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from tests.conftest import Shop, end, serve
from tests.journeys.test_shop import ask
from tests.support.histories import FOLDER, History

ADDRESS = {
    "name": "Ada Lovelace", "line1": "12 St James's Square", "city": "London",
    "postcode": "SW1Y 4JH", "country": "GB",
}  # fmt: skip
GOOD, DECLINED = "pm_card_visa", "pm_card_visa_chargeDeclined"


@dataclass
class Case:
    """A customer of its own, so that its orders are those of the export."""

    shop: Shop
    customer: dict[str, str]
    isbn: str

    def start(self, quantity: int | None = 1) -> str:
        """The checkout's path; without a quantity it is the cart that is bought."""
        body: dict[str, Any] = {
            "email": "ada@example.org",
            "shipping_address": ADDRESS,
            "shipping_method": "standard",
        }
        if quantity is not None:
            body["items"] = [{"isbn": self.isbn, "quantity": quantity}]
        key = uuid4().hex
        reply = ask(self.shop, "POST", "v1/checkouts", body, **self.customer, Idempotency_Key=key)
        assert reply.status == 202, reply.content
        return f"v1/checkouts/{reply.json['id']}"

    def put_in_cart(self) -> None:
        item = {"isbn": self.isbn, "quantity": 1}
        assert ask(self.shop, "POST", "v1/cart/items", item, **self.customer).status == 200

    def until(self, path: str, status: str) -> Any:
        seen = ""
        while True:
            shown = ask(self.shop, "GET", f"{path}?wait=10{seen}", **self.customer).json
            if shown["status"] == status:
                return shown
            seen = f"&seen={shown['version']}"

    def pay(self, path: str, method: str) -> None:
        payment = self.until(path, "awaiting_payment")["payment"]
        address = f"{payment['api_base']}/v1/payment_intents/{payment['payment_intent']}/confirm"
        said = {
            "key": payment["publishable_key"],
            "client_secret": payment["client_secret"],
            "payment_method": method,
        }
        try:
            urllib.request.urlopen(address, urlencode(said).encode(), timeout=30).close()
        except urllib.error.HTTPError as refused:
            refused.close()
            if refused.code != 402:
                raise

    def cancel(self, path: str) -> None:
        assert ask(self.shop, "POST", f"{path}/cancel", {}, **self.customer).status in (200, 202)

    def orders(self) -> list[str]:
        export = ask(self.shop, "GET", "v1/me/export", **self.customer).json
        return [order["id"] for order in export["orders"]]

    def move_clock(self, by: str) -> None:
        body = f'{{"advance": "{by}"}}'.encode()
        urllib.request.urlopen(f"{self.shop.sandbox_url}/admin/clock", body, timeout=30).close()


def happy(case: Case) -> None:
    path = case.start()
    case.pay(path, GOOD)
    case.until(path, "confirmed")


def declined(case: Case) -> None:
    path = case.start()
    case.pay(path, DECLINED)
    while not case.until(path, "awaiting_payment")["payment"]["declined"]:
        continue
    case.pay(path, GOOD)
    case.until(path, "confirmed")


def sold_out(case: Case) -> None:
    case.until(case.start(quantity=99), "rejected")


def cancelled(case: Case) -> None:
    path = case.start()
    case.until(path, "awaiting_payment")
    case.cancel(path)
    case.until(path, "cancelled")


def time_limit(case: Case) -> None:
    path = case.start()
    case.until(path, "awaiting_payment")
    case.move_clock("PT31M")
    case.until(path, "expired")


def replaced(case: Case) -> None:
    """The second checkout of a cart waits for the copies of the first."""
    case.put_in_cart()
    case.until(case.start(quantity=None), "awaiting_payment")
    case.put_in_cart()
    path = case.start(quantity=None)
    case.pay(path, GOOD)
    case.until(path, "confirmed")


def step_failed(case: Case) -> None:
    """Inventory's database is locked for longer than a step waits."""
    with locked(case.shop.state / "inventory.db"):
        path = case.start()
        hub = hub_of(case.shop)
        wait_for(lambda: "TASK_FAILED" in events_of(hub, case.orders()[0]))
    case.pay(path, GOOD)
    case.until(path, "confirmed")


def closing_waits(case: Case) -> None:
    """Payments is locked out of its database while the saga waits for its last word."""
    path = case.start()
    case.until(path, "awaiting_payment")
    with locked(case.shop.state / "payments.db"):
        case.cancel(path)
        hub, order_id = hub_of(case.shop), case.orders()[0]
        case.move_clock("PT6M")
        wait_for(lambda: "TIMER_FIRED" in events_of(hub, order_id))
    case.until(path, "cancelled")
    wait_for(lambda: "EXECUTION_COMPLETED" in events_of(hub, order_id))


def order_cancelled(case: Case) -> None:
    happy(case)
    case.cancel(f"v1/orders/{case.orders()[0]}")


CASES: tuple[Callable[[Case], None], ...] = (
    happy, declined, sold_out, cancelled, replaced, step_failed, order_cancelled, closing_waits,
    time_limit,
)  # fmt: skip


@contextmanager
def locked(file: Path) -> Iterator[None]:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def hub_of(shop: Shop) -> Path:
    [hub] = (shop.state / "durable").glob("*.db")
    return hub


def events_of(hub: Path, instance_id: str) -> set[str]:
    return {event.type.name for event in History.in_hub(hub, instance_id).events}


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.2)


def record(shop: Shop, play: Callable[[Case], None]) -> None:
    name = play.__name__.replace("_", "-")
    customer = {"Authorization": f"Bearer {shop.token(subject=f'{name}-{uuid4().hex[:6]}')}"}
    books = ask(shop, "GET", "v1/books?q=austen&in_stock=true&limit=1").json["items"]
    case = Case(shop, customer, books[0]["isbn"])
    play(case)
    hub = hub_of(shop)
    for place, order_id in enumerate(case.orders(), 1):
        which = "" if place == 1 else f"-{place}"
        sagas = {order_id: "checkout_v1"}
        if play is order_cancelled:
            sagas = {f"cancel-{order_id}": "cancel_v1"}
        for instance_id, saga in sagas.items():
            wait_for(lambda one=instance_id: "EXECUTION_COMPLETED" in events_of(hub, one))
            history = History.in_hub(hub, instance_id)
            assert history.orchestrator == saga
            history.write(FOLDER / f"{saga}-{name}{which}.json")
            print(f"{saga}-{name}{which}: {len(history.events)} events, {history.output}")  # noqa: T201


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        shop = serve(Path(folder) / "state", "--no-covers")
        try:
            for play in CASES:
                name = play.__name__.replace("_", "-")
                if not list(FOLDER.glob(f"*-{name}.json")):
                    record(shop, play)
        finally:
            end(shop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
