"""Loads a CSV or ONIX 3 file into the catalogue of a stopped or running shop.

The same file again changes nothing; one that was broken off goes on where it stopped. It ends with
0 when the file could be read to its end, even if records were refused; with 1 when it could not;
with 2 when the command was wrong.
"""

import argparse
import gc
import os
import re
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, TextIO

from pydantic import ValidationError

from funchost.pipes import run_quietly
from functions.inventory.import_model import (
    ImportOptions,
    LeaseLost,
    Progress,
    RefusedRecord,
    StoredImport,
    UnreadableFile,
)
from functions.inventory.imports.columns import FIELDS
from functions.inventory.imports.csv_fields import settings_in
from functions.inventory.imports.feeds import OpenFeed
from functions.inventory.imports.inspection import inspect
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.service.importing import Importer
from functions.inventory.service.imports import begin_file
from functions.inventory.store.transactions import SqlTransactions
from local.environment import embedded
from local.migrate import migrate
from local.read_ahead import reading_ahead
from local.seed import starting_categories
from shared.config.settings import Settings, SettingsError
from shared.kit.clock import MachineClock, SharedOffsetClock
from shared.kit.errors import AppError
from shared.sql.database import Database

_AT_ONCE = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    state = Path(options.state).resolve()
    with ExitStack() as opened:
        try:
            asked = ImportOptions(
                map=_pairs("--map", "COLUMN", options.map),
                set=_pairs("--set", "VALUE", options.set),
                stock=options.stock,
            )
            file = opened.enter_context(_opened(Path(options.file)))
            state.mkdir(parents=True, exist_ok=True)
            os.environ.update(embedded(state, options.port))
            settings = Settings.from_env()
            settings_in(asked.set, settings.require("SHOP_CURRENCY"))
            if unknown := [name for name in asked.map if name not in FIELDS]:
                raise ValueError(f"--map knows no {unknown[0]}; it knows {', '.join(FIELDS)}")
            report = None
            if options.report is not None:
                report = opened.enter_context(_begun(Path(options.report), options.file))
        except ValidationError as error:
            said = (str(item["msg"]).removeprefix("Value error, ") for item in error.errors())
            return _wrong("; ".join(said))
        except OSError as error:
            return _wrong(f"{error.filename}: {error.strerror}")
        except (ValueError, SettingsError) as error:
            return _wrong(str(error))
        if not (state / "inventory.db").exists():
            print(f"There is no shop in {state} yet; one is begun there.", file=sys.stderr)
        # What is made here lives shortly or to the end; the collector would look at it in vain.
        gc.freeze()
        gc.set_threshold(100_000, 10, 10)
        feeds = opened.enter_context(reading_ahead(file))
        return _import(file, feeds, _name(options.file), asked, settings, report)


def _opened(path: Path) -> BinaryIO:
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError(f"{path} is a folder, a pipe or a device; what is read twice is a file")
    return path.open("rb")


def _name(path: str) -> str:
    """The file's own, as it can be kept and shown."""
    return re.sub(
        "[\x00-\x1f\x7f]", "\ufffd", os.fsencode(Path(path).name).decode(errors="replace")
    )


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="dev.py import", description=(__doc__ or "").strip())
    top.add_argument("file", metavar="FILE", help="CSV, or ONIX 3.0 or 3.1")
    top.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="price=RRP; again for another column",
    )
    top.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="price=9.99 where a record says none; again for another field",
    )
    top.add_argument(
        "--stock",
        choices=["new", "level", "ignore"],
        default="new",
        help="new (the default): received with books that are new; level: the shelves of known "
        "books are moved to it too; ignore: left out",
    )
    top.add_argument("--state", default=".local", metavar="DIR", help="default: .local")
    top.add_argument("--port", type=int, default=7071, help=argparse.SUPPRESS)
    top.add_argument("--report", metavar="FILE", help="also write the report there")
    return top


def _pairs(option: str, right: str, given: Sequence[str]) -> dict[str, str]:
    pairs = dict(pair.partition("=")[::2] for pair in given)
    for name, value in pairs.items():
        if not name or not value:
            raise ValueError(f"{option} {name or value!r} must be written as FIELD={right}")
    return pairs


def _begun(report: Path, file: str) -> TextIO:
    """Opened before anything is taken in, so that an import never ends without its report."""
    if report.exists() and report.samefile(file):
        raise ValueError("--report names the very file that is to be read")
    return report.open("w", encoding="utf-8")


def _import(
    file: BinaryIO,
    feeds: OpenFeed,
    name: str,
    asked: ImportOptions,
    settings: Settings,
    report: TextIO | None,
) -> int:
    offset = settings.SHOP_CLOCK_FILE
    clock = MachineClock() if offset is None else SharedOffsetClock(offset)
    database = Database(settings.require("SQL_INVENTORY"), in_bulk=True)
    transactions = SqlTransactions(database, clock)
    currency = settings.require("SHOP_CURRENCY")
    catalogue = Catalogue(transactions, currency, settings.require("CDN_BASE_URL"))
    bar = Bar(os.fstat(file.fileno()).st_size)
    try:
        migrate(settings)
        if catalogue.size() == 0:  # `dev.py run` adds them with its books, and not beside others
            catalogue.put_categories(starting_categories())
        shape = inspect(file, bar.inspected)
        importer = Importer(transactions, catalogue, clock, currency, feeds)
        lease, went_on = begin_file(transactions, clock, shape, name, asked)
        if went_on:
            bar.say("This import was broken off before; it goes on where it stopped.")
        ended = importer.run(lease, file, watch=bar.show)
        bar.close()
        outputs = [sys.stdout] if report is None else [sys.stdout, report]
        print_report(ended, _refusals(transactions, ended.id), outputs)
        return 1 if ended.progress.failure else 0
    except BrokenPipeError:
        raise
    except (UnreadableFile, LeaseLost, AppError, OSError) as error:
        bar.close()
        print(f"{name}: {error}\nNothing more was taken in.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        bar.close()
        print("\nStopped; the same command goes on from here.", file=sys.stderr)
        return 1
    finally:
        database.dispose()


def _refusals(transactions: SqlTransactions, import_id: str) -> Iterator[RefusedRecord]:
    def some(after: int) -> Sequence[RefusedRecord]:
        return transactions.run(
            lambda transaction: transaction.imports.refusals(import_id, after, _AT_ONCE)
        )

    number = 0
    while page := some(number):
        yield from page
        number += len(page)


def print_report(
    ended: StoredImport, refusals: Iterator[RefusedRecord], outputs: Sequence[TextIO]
) -> None:
    progress = ended.progress

    def say(line: str = "") -> None:
        for output in outputs:
            print(line, file=output)

    counts = progress.counts
    say(f"{ended.file_name}: {counts.records} records")
    first = True
    for refused in refusals:
        if first:
            say("\nRefused:")
            first = False
        reference = f"  {refused.reference}" if refused.reference else ""
        say(f"  line {refused.line}{reference}: {refused.reason}")
    if progress.notes:
        say("\nNoted, and not a reason to refuse:")
        for note in progress.notes:
            say(f"  {note.count} × {note.where}: {note.what} (first at line {note.first_line})")
    if progress.shape and progress.shape.remarks:
        say()
    for sentence in progress.shape.remarks if progress.shape else ():
        say(sentence)
    say(
        f"\n{counts.added} added, {counts.changed} changed, {counts.unchanged} unchanged, "
        f"{counts.withdrawn} withdrawn, {counts.refused} refused, {len(progress.notes)} notes"
    )
    if progress.failure:
        say(f"The import broke off. {progress.failure}")


class Bar:
    """Progress on a terminal: bytes, records, rate, refused. Elsewhere a line now and then."""

    def __init__(self, size: int) -> None:
        self._size = max(size, 1)
        self._on_screen = sys.stderr.isatty()
        self._began = time.monotonic()
        self._first: int | None = None
        self._shown = 0.0

    def inspected(self, read: int) -> None:
        self._draw(f"looking at the file {self._share(read)}")

    def show(self, progress: Progress) -> None:
        records = progress.counts.records
        if self._first is None:
            self._first = max(0, records - _AT_ONCE)
            self._began = min(self._began, time.monotonic())
        seconds = max(time.monotonic() - self._began, 0.001)
        read = progress.position.offset if progress.position else 0
        rate = (records - self._first) / seconds
        self._draw(
            f"{self._share(read)}  {records:,} records, {rate:,.0f}/s, "
            f"{progress.counts.refused:,} refused"
        )

    def say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr)

    def close(self) -> None:
        if self._on_screen:
            print(file=sys.stderr)

    def _share(self, read: int) -> str:
        done = min(read * 20 // self._size, 20)
        return f"[{'#' * done}{'.' * (20 - done)}] {read / 2**20:,.1f} MiB"

    def _draw(self, text: str) -> None:
        now = time.monotonic()
        if now - self._shown < (0.1 if self._on_screen else 5):
            return
        self._shown = now
        if self._on_screen:
            print(f"\r{text:<90.90}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)


def _wrong(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(run_quietly(main))
