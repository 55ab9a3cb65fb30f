"""One process of many buyers: `python -m tests.concurrency.buyers FOLDER PROCESS THREADS GUARD`.

Says `ready` when all of them stand at the counter, starts at a line on its standard input, and
prints how many got the book. `unguarded` takes the guard out: each looks first and then writes what
it has seen, as a shop without conditional updates would.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select, update

from functions.inventory.model import Line, NotEnoughStock, StockLevel
from functions.inventory.ports import Transaction
from functions.inventory.service.stock import Stock
from functions.inventory.store.stock import SqlStock
from functions.inventory.store.tables import stock
from functions.inventory.store.transactions import SqlTransaction, SqlTransactions
from shared.kit.clock import Clock, ManualClock
from shared.sql.database import Database
from tests.support.inventory import SOON, START, database_in, isbn, lines

T = TypeVar("T")


class LookingFirst(SqlTransactions):
    """Decides on what was seen before the transaction; test-only."""

    def __init__(self, database: Database, clock: Clock, all_have_looked: Callable[[], object]):
        super().__init__(database, clock)
        self._all_have_looked = all_have_looked

    def run(self, work: Callable[[Transaction], T]) -> T:
        with self._database.primary() as connection:
            seen = connection.execute(
                select(stock.c.on_hand, stock.c.reserved).where(stock.c.isbn == int(isbn(1)))
            ).one()
        self._all_have_looked()

        def write(connection: Connection) -> T:
            transaction = SqlTransaction(connection, self._clock.business_now())
            transaction.stock = Unguarded(connection, seen.on_hand, seen.reserved)
            return work(transaction)

        return self._database.run(write)


class Unguarded(SqlStock):
    def __init__(self, connection: Connection, on_hand: int, reserved: int) -> None:
        super().__init__(connection, START)
        self._seen = on_hand, reserved

    def hold(self, line: Line) -> StockLevel | None:
        on_hand, reserved = self._seen
        if on_hand - reserved < line.quantity:
            return None
        self._connection.execute(
            update(stock)
            .where(stock.c.isbn == int(line.isbn))
            .values(reserved=reserved + line.quantity)
        )
        return self.level(line.isbn)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder: Path, process: str, count: int, *, guarded: bool) -> None:
    database = database_in(folder)
    clock = ManualClock(START)
    together = threading.Barrier(count + 1)
    looked = threading.Barrier(count)
    transactions = (
        SqlTransactions(database, clock) if guarded else LookingFirst(database, clock, looked.wait)
    )
    service = Stock(transactions)
    got: list[str] = []

    def buy(number: int) -> None:
        together.wait()
        reservation = f"{process}-{number}"
        try:
            service.reserve(reservation, lines((1, 1)), SOON)
        except NotEnoughStock:
            return
        got.append(reservation)

    buyers = [threading.Thread(target=buy, args=(number,)) for number in range(count)]
    for buyer in buyers:
        buyer.start()
    say("ready")
    sys.stdin.readline()
    together.wait()
    for buyer in buyers:
        buyer.join()
    say(str(len(got)))
    database.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), guarded=sys.argv[4] == "guarded")
