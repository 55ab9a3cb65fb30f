"""Carts over HTTP, read and written, against an empty function on the same kind of host.

Each connection is one shopper with a cart of its own, so that none waits for another's write.
"""

import json
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.load import measure
from bench.shop import Shop, empty_host, whole_shop

_LINES = 3
_JSON = "content-type: application/json"


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows {request, connections, rate_per_s, p50_ms, p99_ms, ratio_to_empty, cpu_ms}; the last is
    the CPU time of host and app for one request."""
    seconds, crowds = (1.0, (1, 16)) if quick else (5.0, (1, 16, 64))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with empty_host(folder) as empty, whole_shop(folder) as shop:
            return [
                _row(shop, empty, request, connections, seconds)
                for request in ("read", "change a quantity", "add to a new cart")
                for connections in crowds
            ]


def _row(shop: Shop, empty: int, request: str, connections: int, seconds: float) -> dict[str, Any]:
    isbns = shop.isbns()[: _LINES + 1]
    load: dict[str, Any] = {"connections": connections, "headers": [_JSON]}
    paths = ["/api/v1/cart"]
    if request == "add to a new cart":
        paths = ["/api/v1/cart/items"]
        load |= {"method": "POST", "body": json.dumps({"isbn": isbns[0], "quantity": 1})}
    else:
        load["own_headers"] = [_cart(shop, isbns[:_LINES]) for _ in range(connections)]
    if request == "change a quantity":
        paths = [f"/api/v1/cart/items/{isbn}" for isbn in isbns[:_LINES]]
        load |= {"method": "PUT", "body": json.dumps({"quantity": 2})}
    measure(shop.port, paths, seconds=seconds / 5, **load)
    against = measure(empty, ["/api/async"], connections=connections, seconds=seconds)
    before = shop.cpu_seconds()["host"]
    figures = measure(shop.port, paths, seconds=seconds, **load)
    used = shop.cpu_seconds()["host"] - before
    if set(figures.statuses) != {"200"}:
        raise RuntimeError(f"{request} answered {figures.statuses}")
    return {
        "request": request,
        "connections": connections,
        "rate_per_s": round(figures.rate_per_s),
        "p50_ms": round(figures.p50_ms, 3),
        "p99_ms": round(figures.p99_ms, 3),
        "ratio_to_empty": round(figures.rate_per_s / against.rate_per_s, 3),
        "cpu_ms": round(used / sum(figures.statuses.values()) * 1000, 2),
    }


def _cart(shop: Shop, isbns: Sequence[str]) -> str:
    """The Cookie header of a new cart with these books."""
    cookie = ""
    for isbn in isbns:
        request = urllib.request.Request(
            f"http://127.0.0.1:{shop.port}/api/v1/cart/items",
            json.dumps({"isbn": isbn, "quantity": 1}).encode(),
            {"Content-Type": "application/json", "Cookie": cookie},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            cookie = str(answer.headers["Set-Cookie"] or cookie).split(";")[0]
    return f"cookie: {cookie}"
