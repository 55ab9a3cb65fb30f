"""Kills the shop's hosts while orders that were placed at once are shipped and told about.

The carrier's webhooks come twice, late, in another order and sometimes never; the mailbox is down
at times, and takes mails without saying so. In the end every order has its parcels once, every
buyer each mail once, and nothing is among the dead letters.

A host that dies leaves leases of minutes behind, by machine time, which cannot be moved. So at the
end of each stage both hosts are dead for a moment, and what they had claimed is said to have run
out meanwhile: with nobody alive that is the same as to wait.
"""

import contextlib
import random
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.audit import messages
from bench.browser import turn
from bench.buyers import shop as buy
from bench.mortal import HOSTS, MortalShop
from bench.placing import place
from bench.shop import DATABASES, count
from bench.told import handed_in_again, wrongly_told
from shared.kit.isbn import from_ten

_LIVES_SECONDS = 1.5
_DIES_STARTING = 0.25
"""The share of kills that do not wait until the host is up."""
_ENDS_SECONDS = 240.0
_UNSTEADY: Mapping[str, Any] = {"duplicate": 0.3, "reorder": 0.5, "drop": 0.05}
_STAGES: tuple[tuple[str, str | None, str], ...] = (
    ("order_placed", None, "label_bought"),
    ("dispatched", "PT5H", "dispatched"),
    ("delivered", "P9D", "delivered"),
)
"""The mail that a stage brings, how far the clock is moved for it, and where parcels are then."""
_SILENCE = "PT4H"
_TOLD = "SELECT COUNT(*) FROM mails WHERE kind = '{}' AND state = 'sent'"
_ARRIVED = "SELECT COUNT(*) FROM shipments WHERE state IN {}"
_UNTOLD = "SELECT COUNT(*) FROM mails WHERE state = 'waiting'"
_UNSENT = "SELECT COUNT(*) FROM outbox WHERE sent_at IS NULL"
_UNHEARD = "SELECT COUNT(*) FROM deliveries WHERE state = 'waiting'"
_PAST: Mapping[str, tuple[str, ...]] = {
    "label_bought": ("label_bought",),
    "dispatched": ("dispatched", "in_transit"),
    "delivered": ("delivered",),
}


def play(folder: Path, *, orders: int, kills: int, seed: int | None = None) -> dict[str, Any]:
    """What came of it, in counts; hosts are killed `kills` times in turn at each of three stages.
    The state stays in `folder`.

    Raises AssertionError, with the seed, when anything is wrong afterwards.
    """
    seed = random.randrange(2**32) if seed is None else seed
    dice, again = random.Random(seed), 0
    with contextlib.ExitStack() as stack:
        shop = MortalShop(folder, stack)
        isbn = from_ten("900000000")
        shop.add_book(isbn, "Fahrenheit 451", 499, stock=5)
        bought = buy(shop.port, [isbn], shoppers=1, orders=1)
        assert bought.ends == {"confirmed": 1}, bought
        turn(shop.sandbox, "carrier/webhooks", **_UNSTEADY, seed=seed)
        parcels = 1
        for mail, advance, end in _STAGES:
            for kind in ("lost_answer", "down"):
                turn(shop.sandbox, "mailbox/faults", kind=kind, calls=max(1, orders // 10))
            if advance is None:
                parcels += place(shop.state, orders)
            else:
                shop.pass_time(advance)
            _under_fire(shop, dice, kills)
            if end == "delivered":
                # The last webhook may be the lost one: the shop asks after hours of silence, which
                # begin anew with each that comes.
                _until_heard(shop.state)
                shop.pass_time(_SILENCE)
            told = orders + 1 if mail == "order_placed" else parcels
            troubles = _come_to_rest(shop, mail, told, end, parcels)
            troubles += wrongly_told(shop.state, end)
            assert not troubles, f"seed {seed}, {end}:\n" + "\n".join(troubles[:20])
            again = handed_in_again(shop.state)
    return {
        "name": f"{orders} orders on their way, {kills} kills at each of {len(_STAGES)} stages",
        "parcels": parcels,
        "mails": count(folder / "state/sandbox/mailbox.db", "SELECT COUNT(*) FROM messages"),
        "handed in again": again,
        "seed": seed,
    }


def _under_fire(shop: MortalShop, dice: random.Random, kills: int) -> None:
    for number in range(kills):
        victim = number % HOSTS
        if dice.random() > _DIES_STARTING:
            shop.wait_for(victim)
        time.sleep(dice.uniform(0, _LIVES_SECONDS))
        shop.kill(victim)
    for index in range(HOSTS):
        shop.end(index)
    _let_claims_run_out(shop.state)
    for index in range(HOSTS):
        shop.start(index)


def _let_claims_run_out(state: Path) -> None:
    """Of hosts that are all dead."""
    for store in DATABASES:
        with contextlib.closing(sqlite3.connect(state / f"{store}.db", timeout=60)) as sql, sql:
            sql.execute("UPDATE outbox SET claimed_until = NULL, claimed_by = NULL")
            if store == "notifications":
                sql.execute("UPDATE mails SET due_at = since, look_at = since")
            if store == "shipping":
                sql.execute("UPDATE shipments SET not_before = NULL, claimed_by = NULL")


def _until_heard(state: Path) -> None:
    """Until all webhooks that come at all have come and are done with."""
    last_call = time.monotonic() + _ENDS_SECONDS
    while time.monotonic() < last_call and (
        count(state / "sandbox/carrier.db", _UNHEARD)
        or count(state / "shipping.db", _UNSENT)
        or messages(state)
    ):
        time.sleep(0.5)


def _come_to_rest(shop: MortalShop, mail: str, told: int, end: str, parcels: int) -> list[str]:
    """What has not ended after minutes."""
    last_call, left = time.monotonic() + _ENDS_SECONDS, ["not looked at"]
    while left and time.monotonic() < last_call:
        time.sleep(0.5)
        # Twice, for one look at several stores may fall between them.
        left = _left(shop.state, mail, told, end, parcels) or _left(
            shop.state, mail, told, end, parcels
        )
    return left


def _left(state: Path, mail: str, told: int, end: str, parcels: int) -> list[str]:
    there = ", ".join(f"'{one}'" for one in _PAST[end])
    sent = count(state / "notifications.db", _TOLD.format(mail))
    arrived = count(state / "shipping.db", _ARRIVED.format(f"({there})"))
    found = [
        *([f"{sent} of {told} mails {mail}"] if sent != told else []),
        *([f"{arrived} of {parcels} parcels {end}"] if arrived != parcels else []),
    ]
    rest = {
        "mails wait": count(state / "notifications.db", _UNTOLD),
        "webhooks wait": count(state / "sandbox/carrier.db", _UNHEARD),
        **{f"events of {name}": count(state / f"{name}.db", _UNSENT) for name in DATABASES},
    }
    found += [f"{number} {what}" for what, number in rest.items() if number]
    if not found:
        found += [f"{number} messages lie in {path}" for path, number in messages(state).items()]
    return found
