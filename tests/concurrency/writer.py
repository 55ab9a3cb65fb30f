"""Writes stock until it is killed: `python -m tests.concurrency.writer FOLDER NAME`.

Prints the id of each reservation once it was told that it is held.
"""

import itertools
import sys
from pathlib import Path

from functions.inventory.service.stock import Stock
from functions.inventory.store.transactions import SqlTransactions
from shared.kit.clock import ManualClock
from tests.support.inventory import SOON, START, database_in, lines


def main(folder: Path, name: str) -> None:
    service = Stock(SqlTransactions(database_in(folder), ManualClock(START)))
    for number in itertools.count():
        reservation = f"{name}{number}"
        service.reserve(reservation, lines((1, 1), (2, 1), (3, 1)), SOON)
        sys.stdout.write(f"{reservation}\n")
        sys.stdout.flush()
        if number % 3 == 0:
            service.confirm(reservation)
        elif number % 3 == 1:
            service.release(reservation)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
