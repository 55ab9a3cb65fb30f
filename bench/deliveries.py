"""Many orders that are placed at once in a whole running shop, until each buyer has the parcel.

The host with its real triggers, the broker, every outbox, and the sandbox's carrier and mailbox
take part. Afterwards every order has its parcels, every buyer each mail once, and no queue a dead
letter. CPU time per order says what rates do not on a busy machine.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.audit import messages
from bench.browser import turn
from bench.buyers import shop as buy
from bench.placing import place
from bench.shop import Shop, count, whole_shop
from bench.told import handed_in_again, wrongly_told

_STANDSTILL_SECONDS = 180.0
_SENT = "SELECT COUNT(*) FROM mails WHERE kind = '{}' AND state = 'sent'"
_LABELLED = "SELECT COUNT(*) FROM shipments WHERE tracking_number IS NOT NULL"
_DELIVERED = "SELECT COUNT(*) FROM orders WHERE status = 'delivered'"


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows {orders, step, seconds, host_cpu_ms, sandbox_cpu_ms, growth} and, at the end of a size,
    {orders, step, parcels, host_peak_mb, sandbox_peak_mb, lost or doubled, handed in again,
    dead letters}. CPU time is of one order, and `growth` that of the host against the first size.
    Raises RuntimeError where anything is lost, doubled or dead."""
    rows: list[dict[str, Any]] = []
    for orders in (1_000,) if quick else (1_000, 10_000):
        with tempfile.TemporaryDirectory() as folder, whole_shop(Path(folder)) as shop:
            rows += _rows(shop, orders)
    first = {row["step"]: row for row in rows if row["orders"] == rows[0]["orders"]}
    for row in rows:
        if "host_cpu_ms" in row:
            row["growth"] = round(row["host_cpu_ms"] / first[row["step"]]["host_cpu_ms"], 2)
    return rows


def _rows(shop: Shop, orders: int) -> Iterator[dict[str, Any]]:
    bought = buy(shop.port, shop.isbns(), shoppers=1, orders=1)
    if set(bought.ends) != {"confirmed"}:
        raise RuntimeError(f"the first order ended {bought.ends}")
    shop.wait_until_idle()
    sandbox = f"http://127.0.0.1:{shop.port + 1}"

    started = _Started(shop)
    parcels = place(shop.state, orders) + 1
    _until(shop, "shipping", _LABELLED, parcels)
    _until(shop, "notifications", _SENT.format("order_placed"), orders + 1)
    shop.wait_until_idle()
    yield started.row(orders, "placed: labels, first mails")
    _check(shop, "label_bought")

    started = _Started(shop)
    turn(sandbox, "clock", advance="PT5H")
    _until(shop, "notifications", _SENT.format("dispatched"), parcels)
    shop.wait_until_idle()
    yield started.row(orders, "dispatched: scans, mails")

    started = _Started(shop)
    turn(sandbox, "clock", advance="P9D")
    _until(shop, "orders", _DELIVERED, orders + 1)
    _until(shop, "notifications", _SENT.format("delivered"), parcels)
    shop.wait_until_idle()
    yield started.row(orders, "delivered: scans, mails")
    _check(shop, "delivered")
    yield {
        "orders": orders,
        "step": "in the end",
        "parcels": parcels - 1,
        **{f"{name}_peak_mb": most for name, most in shop.peak_megabytes().items()},
        "lost or doubled": 0,
        "handed in again": handed_in_again(shop.state),
        "dead letters": 0,
    }


class _Started:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._at, self._cpu = time.perf_counter(), shop.cpu_seconds()

    def row(self, orders: int, step: str) -> dict[str, Any]:
        used = {name: value - self._cpu[name] for name, value in self._shop.cpu_seconds().items()}
        return {
            "orders": orders,
            "step": step,
            "seconds": round(time.perf_counter() - self._at),
            **{f"{name}_cpu_ms": round(value / orders * 1000, 1) for name, value in used.items()},
        }


def _until(shop: Shop, store: str, question: str, wanted: int) -> None:
    """Raises RuntimeError when neither the number that answers the question nor what is left to do
    changes any more."""
    file, before, since = shop.state / f"{store}.db", [-1], time.monotonic()
    while (now := count(file, question)) < wanted:
        if (seen := [now, *shop.left()]) != before:
            before, since = seen, time.monotonic()
        if time.monotonic() > since + _STANDSTILL_SECONDS:
            raise RuntimeError(f"{now} of {wanted} after a standstill: {question}, left {seen[1:]}")
        time.sleep(1)


def _check(shop: Shop, end: str) -> None:
    wrong = wrongly_told(shop.state, end)
    wrong += [f"{left} messages lie in {path}" for path, left in messages(shop.state).items()]
    if wrong:
        raise RuntimeError("\n".join([f"{len(wrong)} findings", *wrong[:20]]))
