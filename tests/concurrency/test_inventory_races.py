"""Many buyers, few copies; processes that die."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import func, select

from functions.inventory.model import (
    BookExists,
    BookPatch,
    ReservationClosed,
    StockChange,
)
from functions.inventory.store.check_stock import check_stock
from functions.inventory.store.tables import reservations, stock, stock_ledger
from shared.kit.errors import PreconditionFailed
from shared.kit.idempotency import Delivery
from tests.support.inventory import SOON, Shelves, a_book, delivery, isbn, lines, open_shelves

T = TypeVar("T")

PROCESSES, BUYERS, COPIES = 2, 100, 10


@pytest.fixture
def shelves(tmp_path: Path) -> Iterator[Shelves]:
    with open_shelves(tmp_path) as opened:
        opened.put(a_book(1, stock=COPIES))
        yield opened


def in_parallel(count: int, act: Callable[[int], T]) -> list[T]:
    """What each of `count` threads gave that started together; an error in any is raised."""
    together = threading.Barrier(count)

    def run(number: int) -> T:
        together.wait()
        return act(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def sold_to_crowd(folder: Path, guard: str) -> int:
    """How many of 200 buyers on many threads of two processes got a copy."""
    crowds = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.concurrency.buyers",
                *(str(folder), str(number), str(BUYERS), guard),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for crowd in crowds:
        assert crowd.stdout is not None
        assert crowd.stdout.readline() == "ready\n"
    for crowd in crowds:
        assert crowd.stdin is not None
        crowd.stdin.write("go\n")
        crowd.stdin.flush()
    answers = [crowd.communicate()[0] for crowd in crowds]
    assert [crowd.returncode for crowd in crowds] == [0] * PROCESSES
    return sum(int(answer) for answer in answers)


def test_of_two_hundred_buyers_ten_get_the_ten_copies(shelves: Shelves, tmp_path: Path) -> None:
    assert sold_to_crowd(tmp_path, "guarded") == COPIES
    assert shelves.scalar(select(stock.c.reserved)) == COPIES
    shelves.check()


def test_without_the_guard_the_same_crowd_is_sold_more_than_there_is(
    shelves: Shelves, tmp_path: Path
) -> None:
    assert sold_to_crowd(tmp_path, "unguarded") > COPIES
    with shelves.database.primary() as connection:
        broken = check_stock(connection)
    assert [found.rule for found in broken] == ["reserved is what open reservations hold"]


def test_one_delivery_that_comes_many_times_at_once_counts_once(shelves: Shelves) -> None:
    once: Delivery = delivery("key", "five")
    outcomes = in_parallel(
        8,
        lambda _: shelves.stock.change(
            isbn(1), StockChange(delta=5, reason="delivery"), "anna", once
        ),
    )
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 7
    assert len({outcome.value.model_dump_json() for outcome in outcomes}) == 1
    assert shelves.scalar(select(stock.c.on_hand)) == COPIES + 5
    shelves.check()


def test_of_many_editors_with_the_same_version_one_is_heard(shelves: Shelves) -> None:
    def edit(number: int) -> int | None:
        try:
            shelves.catalogue.patch(isbn(1), BookPatch({"pages": number + 1}), ['"m1-s1"'])
        except PreconditionFailed:
            return None
        return number + 1

    written = [pages for pages in in_parallel(8, edit) if pages is not None]
    stored = shelves.catalogue.stored([isbn(1)])[isbn(1)]
    assert written == [stored.details.pages]
    assert stored.version == 2


def test_of_many_who_add_the_same_book_one_does(shelves: Shelves) -> None:
    def add(number: int) -> bool:
        try:
            shelves.catalogue.create(a_book(2), "anna", delivery(f"key {number}"))
        except BookExists:
            return False
        return True

    assert sum(in_parallel(8, add)) == 1
    assert shelves.catalogue.size() == 2
    shelves.check()


def test_a_reservation_is_either_confirmed_or_expired_never_both(shelves: Shelves) -> None:
    shelves.stock.change(isbn(1), StockChange(delta=90, reason="more"), "anna", delivery("k"))
    for number in range(30):
        shelves.stock.reserve(f"r{number}", lines((1, 1)), SOON)
    shelves.clock.advance_business(timedelta(hours=1))

    def close(number: int) -> bool:
        if number == 0:
            shelves.stock.expire_due()
            return False
        confirmed = 0
        for reservation in range(29, -1, -1):
            try:
                shelves.stock.confirm(f"r{reservation}")
                confirmed += 1
            except ReservationClosed:
                continue
        return confirmed > 0

    in_parallel(3, close)
    with shelves.database.primary() as connection:
        states = Counter(connection.scalars(select(reservations.c.state)))
        sales = connection.scalar(select(func.count()).where(stock_ledger.c.kind == "sold"))
    assert states["confirmed"] + states["expired"] == 30
    assert sales == states["confirmed"]
    shelves.check()


def test_a_killed_writer_leaves_stock_that_adds_up(shelves: Shelves, tmp_path: Path) -> None:
    shelves.put(*(a_book(number, stock=1_000) for number in (2, 3)))
    shelves.stock.change(isbn(1), StockChange(delta=990, reason="more"), "anna", delivery("k"))
    promised: list[str] = []
    for kill_after in (2, 9):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.concurrency.writer", str(tmp_path), f"run{kill_after}-"],
            stdout=subprocess.PIPE,
            text=True,
        ) as writer:
            assert writer.stdout is not None
            for _ in range(kill_after):
                promised.append(writer.stdout.readline().strip())
            writer.kill()
        shelves.check()
    with shelves.database.primary() as connection:
        known = set(connection.scalars(select(reservations.c.id)))
    assert set(promised) <= known
