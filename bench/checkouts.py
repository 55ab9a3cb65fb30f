"""Whole checkouts, from POST /checkouts to `confirmed`, paid with a card that the sandbox takes.

Beside the rate stand the CPU time of each process for one order, which a busy machine changes less,
and how many calls of an empty function fit into the time of one order. The steps of an order come
from the orders' timeline, payments' rows and the saga's history.
"""

import contextlib
import itertools
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.buyers import shop as buy
from bench.earlier_orders import repeat
from bench.load import measure
from bench.shop import Shop, empty_host, whole_shop

_WARM_UP = 10
_CROWD = 16
_TASK_SCHEDULED, _TASK_COMPLETED = 4, 5


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows of `crowd` {shoppers, from, orders_per_s, p50_ms, p99_ms, empty_calls, host_cpu_ms,
    sandbox_cpu_ms}, of `step` {step, p50_ms, p99_ms}, of `two workers` and of `earlier orders`."""
    seconds, crowds = (15.0, (1, _CROWD)) if quick else (20.0, (1, _CROWD, 64))
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with empty_host(folder) as empty, whole_shop(folder) as shop:
            _warm(shop)
            for shoppers in crowds:
                rows.append(_crowd(shop, empty, shoppers, seconds, from_carts=False))
                if shoppers == _CROWD:
                    rows += _steps(shop.state, rows[-1]["orders"])
            rows.append(_crowd(shop, empty, _CROWD, seconds, from_carts=True))
    rows.append(_two_workers(seconds))
    rows += [_after(earlier, seconds) for earlier in (10, 1_000 if quick else 100_000)]
    return rows


def _warm(shop: Shop) -> None:
    buy(shop.port, shop.isbns(), shoppers=_WARM_UP, orders=_WARM_UP)
    shop.wait_until_idle()


def _crowd(
    shop: Shop, empty: int, shoppers: int, seconds: float, *, from_carts: bool
) -> dict[str, Any]:
    calls = measure(empty, ["/api/async"], connections=shoppers, seconds=seconds / 5)
    return {
        "bench": "crowd",
        "shoppers": shoppers,
        "from": "cart" if from_carts else "items",
        **_bought(shop, shoppers, seconds, calls.rate_per_s, from_carts=from_carts),
    }


def _bought(
    shop: Shop, shoppers: int, seconds: float, empty_per_s: float, *, from_carts: bool = False
) -> dict[str, Any]:
    before = shop.cpu_seconds()
    bought = buy(shop.port, shop.isbns(), shoppers=shoppers, seconds=seconds, from_carts=from_carts)
    shop.wait_until_idle()
    used = {name: value - before[name] for name, value in shop.cpu_seconds().items()}
    if set(bought.ends) != {"confirmed"}:
        raise RuntimeError(f"checkouts ended {bought.ends}")
    row: dict[str, Any] = {
        "orders": bought.orders,
        "orders_per_s": round(bought.per_s, 2),
        "p50_ms": round(bought.p50_ms),
        "p99_ms": round(bought.p99_ms),
    }
    if empty_per_s:
        row["empty_calls"] = round(empty_per_s / bought.per_s)
    return row | {
        f"{name}_cpu_ms": round(value / bought.orders * 1000, 1) for name, value in used.items()
    }


def _two_workers(seconds: float) -> dict[str, Any]:
    """One process cannot use two cores: Python's interpreter lock is in the way."""
    with tempfile.TemporaryDirectory() as name, whole_shop(Path(name), workers=2) as shop:
        _warm(shop)
        bought = _bought(shop, _CROWD, seconds, 0.0)
    return {"bench": "two workers", "shoppers": _CROWD, **bought}


def _after(earlier: int, seconds: float) -> dict[str, Any]:
    """How a shop sells that has had so many orders before."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with whole_shop(folder) as shop:
            _warm(shop)
        if earlier > _WARM_UP:
            repeat(shop.state, earlier)
        with whole_shop(folder) as shop:
            _warm(shop)
            bought = _bought(shop, _CROWD, seconds, 0.0)
    return {"bench": "earlier orders", "earlier": earlier, "shoppers": _CROWD, **bought}


def _steps(state: Path, orders: int) -> Iterator[dict[str, Any]]:
    """Of the newest orders: what passed between two marks, and how long activities took, from being
    scheduled to their result."""
    passed: dict[str, list[float]] = {}
    for order_id, marks in _marks(state, orders):
        for (_, before), (name, after) in itertools.pairwise(marks):
            passed.setdefault(name, []).append((after - before) * 1000)
        for name, took in _activities(state, order_id):
            passed.setdefault(f"activity {name}", []).append(took)
    for name, taken in passed.items():
        taken.sort()
        yield {
            "bench": "step",
            "shoppers": _CROWD,
            "step": name,
            "p50_ms": round(taken[len(taken) // 2], 1),
            "p99_ms": round(taken[int(len(taken) * 0.99)], 1),
        }


def _marks(state: Path, orders: int) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    """When an order got how far."""
    with (
        contextlib.closing(sqlite3.connect(state / "orders.db")) as own,
        contextlib.closing(sqlite3.connect(state / "payments.db")) as payments,
    ):
        newest = own.execute(
            "SELECT id, created_at FROM orders WHERE status = 'placed'"
            " ORDER BY created_at DESC LIMIT ?",
            (orders,),
        ).fetchall()
        for order_id, created in newest:
            told = dict(
                own.execute(
                    "SELECT kind, at FROM order_timeline WHERE order_id = ?", (order_id,)
                ).fetchall()
            )
            asked, intent = payments.execute(
                "SELECT created_at, intent FROM payments WHERE order_id = ?", (order_id,)
            ).fetchone()
            (heard,) = payments.execute(
                "SELECT received_at FROM stripe_events"
                " WHERE about = ? AND type = 'payment_intent.succeeded'",
                (intent,),
            ).fetchone()
            yield (
                order_id,
                [
                    ("started", _seconds(created)),
                    ("priced, held, payment asked for", _seconds(told["payment_requested"])),
                    ("request taken by payments", _seconds(asked)),
                    ("intent made, shown and paid; webhook taken in", _seconds(heard)),
                    ("event applied, checkout told", _seconds(told["paid"])),
                    ("settled, sold, placed", _seconds(told["placed"])),
                ],
            )


def _activities(state: Path, order_id: str) -> Iterator[tuple[str, float]]:
    """Names, and milliseconds."""
    with contextlib.closing(sqlite3.connect(state / "durable" / "testhubname.db")) as hub:
        batches = hub.execute(
            "SELECT events FROM history WHERE instance = ? ORDER BY first", (order_id,)
        ).fetchall()
    scheduled: dict[int, tuple[str, int]] = {}
    for (batch,) in batches:
        for kind, number, at, more in json.loads(batch):
            if kind == _TASK_SCHEDULED:
                scheduled[number] = (more["name"].removeprefix("checkout_"), at)
            elif kind == _TASK_COMPLETED:
                name, since = scheduled[more["task_id"]]
                yield name, (at - since) / 1000


def _seconds(stored: str) -> float:
    return datetime.fromisoformat(stored).replace(tzinfo=UTC).timestamp()
