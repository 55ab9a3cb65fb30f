"""Buyers who check out and pay over HTTP, run as a process of their own.

`shop` starts it and returns its figures. Each buyer keeps its connections, and waits for each
answer as a browser would; a checkout is by a guest who buys one copy.
"""

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

_ADDRESS = {
    "name": "Ada Reader",
    "line1": "1 High Street",
    "city": "London",
    "postcode": "SW1A 1AA",
    "country": "GB",
}
_MOVING = ("validating", "reserving", "confirming")


@dataclass(frozen=True)
class Bought:
    """Latencies are of whole checkouts; `ends` counts how they ended: all should be `confirmed`."""

    orders: int
    per_s: float
    p50_ms: float
    p99_ms: float
    ends: dict[str, int]


def shop(
    port: int,
    isbns: Sequence[str],
    *,
    shoppers: int,
    seconds: float = 0.0,
    orders: int = 0,
    from_carts: bool = False,
) -> Bought:
    """Each shopper begins checkouts for `seconds`, or all of them begin `orders` in all.

    With `from_carts` each begins with a new cart and a book put into it.
    """
    command = [
        sys.executable, str(Path(__file__)), "--port", str(port), "--shoppers", str(shoppers),
        "--seconds", str(seconds), "--orders", str(orders),
    ]  # fmt: skip
    if from_carts:
        command.append("--from-carts")
    finished = subprocess.run([*command, *isbns], check=True, stdout=subprocess.PIPE, text=True)
    return Bought(**json.loads(finished.stdout))


class _Connection:
    """One keep-alive connection; a request waits for the answer of the one before."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        if self._streams is None or self._streams[0].at_eof():  # idle ones are closed
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        shown = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        content = await reader.readexactly(int(shown.get("content-length", 0)))
        return int(head[0][9:12]), shown, json.loads(content) if content else None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


class _Buyer:
    def __init__(self, options: argparse.Namespace, number: int) -> None:
        self._port = options.port
        self._isbns = options.isbns
        self._from_carts = options.from_carts
        self._chance = random.Random(number)
        self._shop = _Connection(options.port)
        self._sandbox = _Connection(options.port + 1)

    async def buy(self) -> str:
        """How the checkout ended."""
        isbn = self._chance.choice(self._isbns)
        wanted: dict[str, Any] = {
            "email": f"{uuid.uuid4().hex}@example.com",
            "shipping_address": _ADDRESS,
            "shipping_method": "standard",
        }
        headers = {"Content_Type": "application/json", "Idempotency_Key": f'"{uuid.uuid4()}"'}
        if self._from_carts:
            _, shown, _ = await self._ask("POST", "cart/items", {"isbn": isbn, "quantity": 1})
            headers["Cookie"] = shown["set-cookie"].split(";")[0]
        else:
            wanted["items"] = [{"isbn": isbn, "quantity": 1}]
        _, _, checkout = await self._ask("POST", "checkouts", wanted, **headers)
        checkout = await self._moved(checkout, _MOVING)
        if checkout["status"] != "awaiting_payment":
            return str(checkout["status"])
        payment = checkout["payment"]
        form = {
            "key": payment["publishable_key"],
            "client_secret": payment["client_secret"],
            "payment_method": "pm_card_visa",
        }
        status, _, paid = await self._sandbox.ask(
            "POST",
            f"/v1/payment_intents/{payment['payment_intent']}/confirm",
            urlencode(form).encode(),
            Content_Type="application/x-www-form-urlencoded",
        )
        if status != 200:
            raise RuntimeError(f"the sandbox answered {status}: {paid}")
        return str((await self._moved(checkout, (*_MOVING, "awaiting_payment")))["status"])

    async def _moved(self, checkout: Any, out_of: Sequence[str]) -> Any:
        while checkout["status"] in out_of:
            path = f"checkouts/{checkout['id']}?wait=20&seen={checkout['version']}"
            _, _, checkout = await self._ask("GET", path)
        return checkout

    async def _ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        content = b"" if body is None else json.dumps(body).encode()
        headers.setdefault("Content_Type", "application/json")
        status, shown, answer = await self._shop.ask(method, f"/api/v1/{path}", content, **headers)
        if status not in (200, 202):
            raise RuntimeError(f"{method} {path} answered {status}: {answer}")
        return status, shown, answer

    def close(self) -> None:
        self._shop.close()
        self._sandbox.close()


async def _all(options: argparse.Namespace) -> dict[str, Any]:
    started = time.perf_counter()
    left = options.orders
    latencies: list[float] = []
    ends: Counter[str] = Counter()

    def another() -> bool:
        nonlocal left
        if options.orders:
            left -= 1
            return bool(left >= 0)
        return bool(time.perf_counter() - started < options.seconds)

    async def one(number: int) -> None:
        buyer = _Buyer(options, number)
        while another():
            begun = time.perf_counter()
            ends[await buyer.buy()] += 1
            latencies.append(time.perf_counter() - begun)
        buyer.close()

    await asyncio.gather(*(one(number) for number in range(options.shoppers)))
    elapsed = time.perf_counter() - started
    ordered = sorted(latencies)
    return {
        "orders": len(ordered),
        "per_s": len(ordered) / elapsed,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000,
        "ends": dict(ends),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--shoppers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--orders", type=int, default=0)
    parser.add_argument("--from-carts", action="store_true")
    parser.add_argument("isbns", nargs="+")
    options = parser.parse_args()
    loop_factory = None
    with contextlib.suppress(ImportError):  # Windows has none
        import uvloop

        loop_factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        json.dump(runner.run(_all(options)), sys.stdout)


if __name__ == "__main__":
    main()
