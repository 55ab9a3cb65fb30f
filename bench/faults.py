"""Kills the shop's hosts again and again while shoppers buy, and then counts every copy and penny.

Two host processes share one state folder; they are killed with -9 in turn and started again at
once. The sandbox sends webhooks twice, late, in another order and sometimes never, and fails now
and then. Business time runs fast, so that payment limits pass. When the shoppers have left and all
that is under way has ended, `audit` looks for what must not be.
"""

import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.audit import findings, messages, summary, told_wrongly, under_way
from bench.browser import Browser, turn
from bench.shoppers import Shopper, Street
from local.environment import BROKER, SANDBOX, embedded
from sandbox.oidc.store import SigningKeys
from sandbox.oidc.tokens import issue
from shared.kit.isbn import from_ten

_ROOT = Path(__file__).parent.parent
_HOSTS = 2
_SECOND_HOST = BROKER + 1
"""It listens this many ports above the first."""
_TITLES, _SCARCE, _FEW, _MANY = 20, 5, 3, 500
_AT_ONCE = 24
_ENDS_SECONDS = 300.0
_LIVES_SECONDS = 2.0
_DIES_STARTING = 0.25
"""The share of kills that do not wait until the host is up."""
_UNSTEADY = {"duplicate": 0.3, "delay": 1.0, "reorder": 0.5, "drop": 0.05}
_FAULTS = ("error_500", "error_500_after", "rate_limit")
_SLOW_FAULTS = (*_FAULTS, "timeout_after")


def run(quick: bool) -> list[dict[str, Any]]:
    """300 shoppers, and each host killed thirty times; without `quick` three times over."""
    rows = []
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory() as name:
            rows.append(play(Path(name), shoppers=300, kills=30, faults=_SLOW_FAULTS))
    return rows


def play(
    folder: Path,
    *,
    shoppers: int,
    kills: int,
    faults: Sequence[str] = _FAULTS,
    seed: int | None = None,
) -> dict[str, Any]:
    """What came of it, in counts; each host is killed `kills` times, and the payment provider has
    one of `faults` now and then. The state stays in `folder`.

    Raises AssertionError, with the seed, when anything is wrong afterwards.
    """
    seed = random.randrange(2**32) if seed is None else seed
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        shop = _Shop(folder, random.Random(seed), faults, stack)
        street = shop.street(seed)
        opened = time.perf_counter()
        troubles = shop.under_fire(street, shoppers, kills)
        survived = time.perf_counter()
        troubles += shop.come_to_rest()
        rested = time.perf_counter()
        troubles += findings(shop.state)
        troubles += told_wrongly(shop.state, street.told)
        assert not troubles, f"seed {seed}:\n" + "\n".join(troubles)
        counts = summary(shop.state)
    return {
        "name": f"{shoppers} shoppers, {kills} kills of each of {_HOSTS} hosts",
        **counts,
        **street.seen,
        "seconds to open": round(opened - started),
        "under fire": round(survived - opened),
        "to rest": round(rested - survived),
        "seed": seed,
    }


class _Shop:
    """A sandbox that stays, and hosts that do not."""

    def __init__(
        self,
        folder: Path,
        dice: random.Random,
        faults: Sequence[str],
        stack: contextlib.ExitStack,
    ) -> None:
        """What is started is ended with `stack`."""
        self.state = folder / "state"
        self._faults = faults
        self._folder = folder
        self._dice = dice
        self._stack = stack
        first = _ports(_SECOND_HOST + 1)
        self._ports = [first, first + _SECOND_HOST]
        self._origins = [f"http://127.0.0.1:{port}" for port in self._ports]
        self._sandbox = f"http://127.0.0.1:{first + SANDBOX}"
        self._environment = {
            **os.environ,
            **embedded(self.state, first),
            "PYTHONPATH": str(_ROOT),
        }
        self._run("local.migrate").wait()
        self._entities = folder / "servicebus.json"
        self._entities.write_text(_with_short_locks((_ROOT / "infra/servicebus.json").read_text()))
        options = ["--port", str(first + SANDBOX), "--shop-url", self._origins[0]]
        self._run("sandbox", *options, "--state", str(self.state))
        self._hosts = [self._host(index) for index in range(_HOSTS)]

    def street(self, seed: int) -> Street:
        """Opens the shop: its books are there, and shoppers may come."""
        isbns = [from_ten(f"{900_000_000 + number:09d}") for number in range(_TITLES)]
        owner = Browser(self._origins, self._token("owner", "catalogue.write"))
        for number, isbn in enumerate(isbns):
            book = {
                "isbn": isbn,
                "title": f"Fahrenheit {451 + number}",
                "contributors": [{"name": "Guy Montag"}],
                "format": "paperback",
                "language": "en",
                "price": {"amount": 499 + 100 * number, "currency": "GBP"},
                "stock": _FEW if number < _SCARCE else _MANY,
            }
            reply = owner.insist("POST", "v1/admin/books", book, Idempotency_Key=f"new-{isbn}")
            assert reply.status == 201, reply.content
        staff = self._token("staff", "orders.refund")
        return Street(self._origins, isbns, _SCARCE, self._token, staff, seed)

    def under_fire(self, street: Street, shoppers: int, kills: int) -> list[str]:
        """Returns what shoppers complain of."""
        turn(self._sandbox, "stripe/webhooks", **_UNSTEADY, seed=street.seed)
        victims = [index for index in range(_HOSTS) for _ in range(kills)]
        self._dice.shuffle(victims)
        with ThreadPoolExecutor(_AT_ONCE) as crowd:
            visits: list[Future[None]] = []
            for place, victim in enumerate(victims, 1):
                come = range(len(visits), shoppers * place // len(victims))
                visits += [crowd.submit(Shopper(street, number).shop) for number in come]
                if self._dice.random() > _DIES_STARTING:
                    self._wait_for(victim)
                time.sleep(self._dice.uniform(0, _LIVES_SECONDS))
                self._hosts[victim].kill()
                self._hosts[victim].wait()
                self._hosts[victim] = self._host(victim)
                self._misbehave(is_half_time=place == len(victims) // 2)
            while not all(visit.done() for visit in visits):
                time.sleep(1)
                self._pass_time("PT5S")
        return [f"a shopper: {error!r}" for visit in visits if (error := visit.exception())]

    def come_to_rest(self) -> list[str]:
        """Lets all limits pass, and returns what has not ended after minutes."""
        turn(self._sandbox, "stripe/faults", reset=True)
        self._pass_time("PT31M")
        last_call = time.monotonic() + _ENDS_SECONDS
        while time.monotonic() < last_call:
            time.sleep(1)
            # Twice, for one look at two stores may fall between them.
            if not self._moves() and not self._moves():
                return []
            self._pass_time("PT1M")
        return ["it does not come to rest"]

    def _moves(self) -> bool:
        return bool(under_way(self.state) or messages(self.state))

    def _misbehave(self, *, is_half_time: bool) -> None:
        """What a day brings besides: at half time, every limit passes at one stroke."""
        turn(
            self._sandbox,
            "stripe/webhooks",
            endpoint=self._webhook(self._dice.choice(self._origins)),
        )
        self._pass_time("PT31M" if is_half_time else f"PT{self._dice.randint(10, 60)}S")
        turn(self._sandbox, "stripe/faults", reset=True)
        if self._dice.random() < 0.5:
            turn(self._sandbox, "stripe/faults", kind=self._dice.choice(self._faults), seconds=12)

    def _webhook(self, origin: str) -> str:
        return f"{origin}/api/v1/webhooks/stripe"

    def _wait_for(self, index: int) -> None:
        reply = Browser([self._origins[index]]).insist("GET", "health/live")
        assert reply.status == 200, reply.content

    def _pass_time(self, duration: str) -> None:
        turn(self._sandbox, "clock", advance=duration)

    def _token(self, subject: str, *roles: str) -> str:
        return issue(
            SigningKeys(self.state),
            issuer=self._environment["AUTH_ISSUER"],
            audience=self._environment["AUTH_AUDIENCE"],
            subject=subject,
            roles=roles,
        )

    def _host(self, index: int) -> "subprocess.Popen[bytes]":
        options = ["--app-dir", str(_ROOT), "--port", str(self._ports[index])]
        options += ["--state", str(self.state), "--servicebus", str(self._entities)]
        return self._run("funchost", "start", *options)

    def _run(self, module: str, *options: str) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((self._folder / f"{module}.log").open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            cwd=_ROOT,
            env=self._environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self._stack.callback(_end, process)
        return process


def _ports(count: int) -> int:
    """The first of neighbouring free ones, which no outgoing connection gets while a host is
    dead."""
    while True:
        first = random.randrange(10_000, 32_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for step in range(count):
                stack.enter_context(socket.create_server(("127.0.0.1", first + step)))
            return first


def _with_short_locks(entities: str) -> str:
    """What a dead host has locked is free again after seconds, so that shoppers need not wait."""
    return entities.replace('"LockDuration": "PT1M"', '"LockDuration": "PT5S"')


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


if __name__ == "__main__":
    for row in run(quick="--full" not in sys.argv):
        print(row)
