"""Tabs and processes that change one cart at the same time."""

import asyncio
import subprocess
import sys
from pathlib import Path

from functions.cart.model import guests_cart
from functions.cart.service import Caller
from tests.concurrency.shoppers import TIMES
from tests.support.cart import CartBench, cart_bench, placed
from tests.support.inventory import isbn

TABS = 4
PROCESSES = 2


def new_cart(folder: Path) -> str:
    with cart_bench(folder) as bench:
        shown = asyncio.run(bench.service.add(Caller(), isbn(2), 1))
    assert shown.token is not None
    return shown.token


def copies(folder: Path, token: str) -> int:
    with cart_bench(folder) as bench:
        cart = asyncio.run(bench.service.show(Caller(token))).cart
    assert {item.isbn for item in cart.items} <= {isbn(1), isbn(2)}
    return next((item.quantity for item in cart.items if item.isbn == isbn(1)), 0)


def shop_in_processes(folder: Path, token: str, *more: str) -> int:
    """How many copies are in the cart when all are done."""
    command = [sys.executable, "-m", "tests.concurrency.shoppers", str(folder), token, str(TABS)]
    shoppers = [
        subprocess.Popen(
            [*command, *more], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(PROCESSES)
    ]
    for shopper in shoppers:
        assert shopper.stdout is not None
        assert shopper.stdout.readline() == "ready\n"
    for shopper in shoppers:
        assert shopper.stdin is not None
        shopper.stdin.write("go\n")
        shopper.stdin.flush()
    for shopper in shoppers:
        shopper.communicate()
        assert shopper.returncode == 0
    return copies(folder, token)


def test_what_tabs_of_two_processes_add_at_once_all_counts(tmp_path: Path) -> None:
    assert shop_in_processes(tmp_path, new_cart(tmp_path)) == TABS * PROCESSES * TIMES


def test_without_the_guard_copies_are_lost(tmp_path: Path) -> None:
    token = new_cart(tmp_path)
    assert shop_in_processes(tmp_path, token, "unguarded") < TABS * PROCESSES * TIMES


def test_two_tabs_both_count(tmp_path: Path) -> None:
    token = new_cart(tmp_path)

    async def add_at_once(bench: CartBench) -> None:
        tab = bench.service.add
        await asyncio.gather(tab(Caller(token), isbn(1), 1), tab(Caller(token), isbn(1), 2))

    with cart_bench(tmp_path) as bench:
        asyncio.run(add_at_once(bench))
    assert copies(tmp_path, token) == 3


def test_calls_that_merge_at_once_merge_once(tmp_path: Path) -> None:
    token = new_cart(tmp_path)

    async def sign_in_everywhere(bench: CartBench) -> None:
        both = Caller(token, "anna")
        shown = await asyncio.gather(*(bench.service.show(both) for _ in range(8)))
        assert all(one.is_merged for one in shown)
        cart = (await bench.service.show(Caller(customer="anna"))).cart
        assert {item.isbn: item.quantity for item in cart.items} == {isbn(2): 1}

    with cart_bench(tmp_path) as bench:
        asyncio.run(sign_in_everywhere(bench))


def test_an_order_that_comes_while_tabs_add_takes_what_was_bought_once(tmp_path: Path) -> None:
    token = new_cart(tmp_path)
    order = placed(guests_cart(token), (2, 1))

    async def at_once(bench: CartBench) -> None:
        await asyncio.gather(
            *(bench.service.add(Caller(token), isbn(1), 1) for _ in range(5)),
            *(bench.service.take_out_bought("event", order) for _ in range(3)),
        )
        cart = (await bench.service.show(Caller(token))).cart
        assert {item.isbn: item.quantity for item in cart.items} == {isbn(1): 5}

    with cart_bench(tmp_path) as bench:
        asyncio.run(at_once(bench))
