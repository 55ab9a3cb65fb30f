"""Shipping many orders that are placed at once: the time for each, and what the timer costs then.

The carrier is the sandbox's, a process of its own, reached by EasyPost's SDK.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select, update

from functions.shipping.easypost.gateway import SdkCarrier
from functions.shipping.migrations import LOCATION
from functions.shipping.service.shipments import Shipments
from functions.shipping.service.watching import Watch
from functions.shipping.store.tables import outbox, shipments
from functions.shipping.store.transactions import SqlTransactions
from local.environment import SENDER
from sandbox.carrier.keys import carrier_keys
from shared.config.settings import Sender
from shared.contracts.envelope import Envelope
from shared.contracts.orders import Contact, Delivery, OrderLine, OrderPlaced
from shared.kit.clock import SharedOffsetClock
from shared.kit.isbn import Isbn
from shared.sql.database import Database
from shared.sql.migrations import upgrade

_ROOT = Path(__file__).parent.parent
_THREADS = 16
"""As a host's functions have."""
_DUE = 20
_STEPS = (
    "created",
    "label_bought",
    "dispatched",
    "in_transit",
    "out_for_delivery",
    "delivered",
)
_REPEATS = 50
_HOME = Delivery(
    name="Anna Ray",
    line1="1 Baker Street",
    line2=None,
    city="London",
    region=None,
    postcode="NW1 6XE",
    country="GB",
)


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows of {orders, step, ms_each, cpu_ms_each, rate_per_s} and of {orders, step, ms}: `step`
    says what, and the processor's time is this process's alone."""
    rows: list[dict[str, Any]] = []
    for orders in (100, 1_000) if quick else (1_000, 10_000):
        with tempfile.TemporaryDirectory() as folder, _sandbox(Path(folder)) as address:
            rows += _rows(Path(folder), address, orders)
    return rows


def _rows(folder: Path, address: str, orders: int) -> Iterator[dict[str, Any]]:
    database = Database(f"sqlite:///{(folder / 'shipping.db').as_posix()}")
    upgrade(database, LOCATION)
    clock = SharedOffsetClock(folder / "clock.json")
    transactions = SqlTransactions(database, clock)
    keys = carrier_keys(folder)
    sender = Sender.model_validate_json(SENDER)
    carrier = SdkCarrier(keys.api_key, keys.webhook_secret, sender, f"{address}/carrier/v2")
    made = Shipments(transactions, _Orders, _Orders)
    watch = Watch(transactions, carrier, _Orders, clock)

    def ship(number: int) -> None:
        event = _placed(f"order-{number}", clock)
        watch.hurry(made.placed(_envelope(event), event))

    started = _Started()
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(ship, range(orders)))
    watch.run()
    yield _each(orders, "placed, labelled", started)
    _check(database, orders, *_STEPS[:2])

    httpx.post(f"{address}/admin/clock", json={"advance": "P9D"}).raise_for_status()
    started = _Started()
    watch.run()
    yield _each(orders, "asked about, delivered", started)
    _check(database, orders, *_STEPS)

    yield {"orders": orders, "step": "timer, nothing due", "ms": _median(watch)}
    due = select(shipments.c.id).limit(_DUE)

    def make_due() -> None:
        now = clock.business_now() - timedelta(seconds=1)
        database.run(
            lambda connection: connection.execute(
                update(shipments).where(shipments.c.id.in_(due)).values(due_at=now)
            )
        )

    yield {"orders": orders, "step": f"timer, {_DUE} due", "ms": _median(watch, make_due)}
    database.dispose()


class _Started:
    def __init__(self) -> None:
        self.at, self.cpu = time.perf_counter(), time.process_time()


def _each(orders: int, step: str, started: _Started) -> dict[str, Any]:
    took, cpu = time.perf_counter() - started.at, time.process_time() - started.cpu
    return {
        "orders": orders,
        "step": step,
        "ms_each": took * 1000 / orders,
        "cpu_ms_each": cpu * 1000 / orders,
        "rate_per_s": orders / took,
    }


def _median(watch: Watch, before: Any = lambda: None) -> float:
    times = []
    for _ in range(_REPEATS):
        before()
        started = time.perf_counter()
        watch.run()
        times.append(time.perf_counter() - started)
    return sorted(times)[_REPEATS // 2] * 1000


def _check(database: Database, orders: int, *steps: str) -> None:
    """Nothing is lost or doubled: one parcel for each order, and each step told once."""
    with database.primary() as connection:
        numbers = connection.scalar(select(func.count(shipments.c.tracking_number.distinct())))
        assert numbers == orders, f"{numbers} parcels for {orders} orders"
        told = connection.execute(
            select(outbox.c.type, func.count(), func.count(outbox.c.aggregate.distinct())).group_by(
                outbox.c.type
            )
        ).all()
    assert sorted(told) == sorted((f"shipment.{step}", orders, orders) for step in steps), told


class _Orders:
    """Checkout, as far as shipping asks it."""

    def delivery(self, order_id: str) -> Delivery | None:
        return _HOME

    def contact(self, order_id: str) -> Contact | None:
        return None

    def lines(self, order_id: str) -> tuple[OrderLine, ...]:
        return ()

    def may_see(self, order_id: str, customer_id: str | None, token: str | None) -> bool:
        return False


def _placed(order_id: str, clock: SharedOffsetClock) -> OrderPlaced:
    line = OrderLine(
        line=1, isbn=Isbn("9780141439846"), quantity=1, unit_price=899, weight_grams=300
    )
    return OrderPlaced(
        order_id=order_id,
        order_number="B-1",
        customer_id=None,
        cart_id=None,
        lines=(line,),
        total=1194,
        currency="GBP",
        shipping_method="standard",
        country="GB",
        placed_at=clock.business_now(),
    )


def _envelope(event: OrderPlaced) -> Envelope:
    return Envelope(
        id=f"placed-{event.order_id}",
        source="/checkout",
        type=event.kind,
        subject=event.order_id,
        time=event.placed_at,
        data=event.model_dump(mode="json"),
    )


@contextmanager
def _sandbox(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--state", str(folder)]
    with subprocess.Popen(
        [*command, "--watch-stdin"],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.stdin.close()
