"""Kills the shop's hosts again and again while shoppers buy, and then counts every copy and penny;
and while many orders are shipped and told about, and then counts every parcel and mail.

Two host processes share one state folder; they are killed with -9 in turn and started again at
once. The sandbox sends webhooks twice, late, in another order and sometimes never, and fails now
and then. Business time runs fast, so that payment limits pass. When the shoppers have left and all
that is under way has ended, `audit` looks for what must not be.
"""

import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import delivery_faults
from bench.audit import findings, messages, summary, told_wrongly, under_way
from bench.browser import turn
from bench.mortal import HOSTS, MortalShop
from bench.shoppers import Shopper, Street
from shared.kit.isbn import from_ten

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
    """300 shoppers, and each host killed thirty times; then 300 orders on their way, and twenty
    kills on each of its stages. Without `quick` three times over."""
    rows = []
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory() as name:
            rows.append(play(Path(name), shoppers=300, kills=30, faults=_SLOW_FAULTS))
        with tempfile.TemporaryDirectory() as name:
            rows.append(delivery_faults.play(Path(name), orders=300, kills=20))
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
        "name": f"{shoppers} shoppers, {kills} kills of each of {HOSTS} hosts",
        **counts,
        **street.seen,
        "seconds to open": round(opened - started),
        "under fire": round(survived - opened),
        "to rest": round(rested - survived),
        "seed": seed,
    }


class _Shop:
    """What happens to the shop while shoppers are in it."""

    def __init__(
        self,
        folder: Path,
        dice: random.Random,
        faults: Sequence[str],
        stack: contextlib.ExitStack,
    ) -> None:
        """What is started is ended with `stack`."""
        self._shop = MortalShop(folder, stack)
        self.state = self._shop.state
        self._faults = faults
        self._dice = dice

    def street(self, seed: int) -> Street:
        """Opens the shop: its books are there, and shoppers may come."""
        isbns = [from_ten(f"{900_000_000 + number:09d}") for number in range(_TITLES)]
        for number, isbn in enumerate(isbns):
            stock = _FEW if number < _SCARCE else _MANY
            self._shop.add_book(isbn, f"Fahrenheit {451 + number}", 499 + 100 * number, stock)
        staff = self._shop.token("staff", "orders.refund")
        return Street(self._shop.origins, isbns, _SCARCE, self._shop.token, staff, seed)

    def under_fire(self, street: Street, shoppers: int, kills: int) -> list[str]:
        """Returns what shoppers complain of."""
        turn(self._shop.sandbox, "stripe/webhooks", **_UNSTEADY, seed=street.seed)
        victims = [index for index in range(HOSTS) for _ in range(kills)]
        self._dice.shuffle(victims)
        with ThreadPoolExecutor(_AT_ONCE) as crowd:
            visits: list[Future[None]] = []
            for place, victim in enumerate(victims, 1):
                come = range(len(visits), shoppers * place // len(victims))
                visits += [crowd.submit(Shopper(street, number).shop) for number in come]
                if self._dice.random() > _DIES_STARTING:
                    self._shop.wait_for(victim)
                time.sleep(self._dice.uniform(0, _LIVES_SECONDS))
                self._shop.kill(victim)
                self._misbehave(is_half_time=place == len(victims) // 2)
            while not all(visit.done() for visit in visits):
                time.sleep(1)
                self._shop.pass_time("PT5S")
        return [f"a shopper: {error!r}" for visit in visits if (error := visit.exception())]

    def come_to_rest(self) -> list[str]:
        """Lets all limits pass, and returns what has not ended after minutes."""
        turn(self._shop.sandbox, "stripe/faults", reset=True)
        self._shop.pass_time("PT31M")
        last_call = time.monotonic() + _ENDS_SECONDS
        while time.monotonic() < last_call:
            time.sleep(1)
            # Twice, for one look at two stores may fall between them.
            if not self._moves() and not self._moves():
                return []
            self._shop.pass_time("PT1M")
        return ["it does not come to rest"]

    def _moves(self) -> bool:
        return bool(under_way(self.state) or messages(self.state))

    def _misbehave(self, *, is_half_time: bool) -> None:
        """What a day brings besides: at half time, every limit passes at one stroke."""
        turn(
            self._shop.sandbox,
            "stripe/webhooks",
            endpoint=f"{self._dice.choice(self._shop.origins)}/api/v1/webhooks/stripe",
        )
        self._shop.pass_time("PT31M" if is_half_time else f"PT{self._dice.randint(10, 60)}S")
        turn(self._shop.sandbox, "stripe/faults", reset=True)
        if self._dice.random() < 0.5:
            kind = self._dice.choice(self._faults)
            turn(self._shop.sandbox, "stripe/faults", kind=kind, seconds=12)


if __name__ == "__main__":
    for row in run(quick="--full" not in sys.argv):
        print(row)
