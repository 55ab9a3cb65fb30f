"""Draws covers for the books that have none, and for those that come in while it runs.

It can be ended at any moment: the next run draws what is missing. A book that has got a cover
meanwhile keeps it.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import suppress
from functools import partial

from functions.inventory.covers.draw import CoverSpec, placeholder_colour, render
from functions.inventory.media_model import PUBLIC
from functions.inventory.model import BookDetails, Cover, StoredEdition
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.service.media import put_cover
from functions.inventory.store.change_log import newest_change
from functions.inventory.store.transactions import SqlTransactions
from shared.blobs.port import BlobStore
from shared.config.settings import Settings, SettingsError
from shared.kit.clock import MachineClock
from shared.kit.errors import NotConfigured
from shared.kit.isbn import Isbn
from shared.sql.database import Database
from shared.sql.faults import DatabaseBusy
from wiring.common import blob_container

_AT_ONCE = 40
_MOST_PAINTERS = 8
_LOWER_PRIORITY = 10
"""In steps of POSIX's nice: shoppers come first."""
_LOOK_EVERY_SECONDS = 5.0

Draw = Callable[[CoverSpec], dict[str, bytes]]


def cover_spec(work_id: int, details: BookDetails) -> CoverSpec:
    authors = [person.name for person in details.contributors if person.role == "author"]
    series = details.series
    return CoverSpec(
        title=details.title,
        contributors=tuple(authors or [person.name for person in details.contributors]),
        seed=str(work_id),
        series=None if series is None else f"{series.title} {series.volume or ''}".strip(),
    )


def draw_missing(
    catalogue: Catalogue,
    blobs: BlobStore,
    painters: Executor,
    ending: threading.Event,
    draw: Draw = render,
) -> int:
    """Draws one cover for the editions of each work; how many editions got one.

    What `draw` fails at is left out and told on standard error. Returns within a second or two
    after `ending` is set.
    """
    drawn = 0
    after = Isbn("0" * 13)
    while not ending.is_set() and (editions := catalogue.without_cover(after, _AT_ONCE)):
        after = max(editions)
        covers = _covers(editions, blobs, painters, draw)
        catalogue.put_covers(covers)
        drawn += len(covers)
    return drawn


def main(arguments: Sequence[str] | None = None) -> int:
    top = argparse.ArgumentParser(prog="python -m local.covers", description=__doc__)
    top.add_argument(
        "--watch-stdin",
        action="store_true",
        help="wait for more books, and end when standard input does",
    )
    options = top.parse_args(arguments)
    try:
        settings = Settings.from_env()
        database = Database(settings.require("SQL_INVENTORY"))
        cdn = settings.require("CDN_BASE_URL")
        catalogue = Catalogue(
            SqlTransactions(database, MachineClock()), settings.require("SHOP_CURRENCY"), cdn
        )
        blobs = blob_container(settings, PUBLIC)
    except (SettingsError, NotConfigured) as error:
        print(error, file=sys.stderr)
        return 2
    if hasattr(os, "nice"):
        os.nice(_LOWER_PRIORITY)
    ending = threading.Event()
    if options.watch_stdin:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for who started us
        threading.Thread(target=_watch_stdin, args=(ending,), daemon=True).start()
    known = -1
    while True:
        with suppress(DatabaseBusy):  # others come first; the next look is soon
            known = _draw_since(known, database, catalogue, blobs, ending)
        if not options.watch_stdin or ending.wait(_LOOK_EVERY_SECONDS):
            break
    database.dispose()
    return 0


def _draw_since(
    known: int,
    database: Database,
    catalogue: Catalogue,
    blobs: BlobStore,
    ending: threading.Event,
) -> int:
    """Looks for books without a cover if anything changed; returns the last change looked at."""
    with database.primary() as connection:
        newest = newest_change(connection)
    if newest != known and catalogue.without_cover(Isbn("0" * 13), 1):
        with ProcessPoolExecutor(
            max_workers=min(_MOST_PAINTERS, os.cpu_count() or 1),
            # A child that is forked from a process with threads may never wake up.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_end_with_parent,
        ) as painters:
            drawn = draw_missing(catalogue, blobs, painters, ending)
        print(f"{drawn} covers were drawn.", flush=True)
    return newest


def _covers(
    editions: Mapping[Isbn, StoredEdition], blobs: BlobStore, painters: Executor, draw: Draw
) -> dict[Isbn, Cover]:
    works: dict[int, list[Isbn]] = defaultdict(list)
    for isbn, edition in editions.items():
        works[edition.work_id].append(isbn)
    specs = [cover_spec(work_id, editions[isbns[0]].details) for work_id, isbns in works.items()]
    covers: dict[Isbn, Cover] = {}
    for isbns, spec, pictures in zip(
        works.values(), specs, painters.map(partial(_painted, draw), specs), strict=True
    ):
        if pictures is None:
            continue
        cover = Cover(put_cover(blobs, pictures), placeholder_colour(spec))
        covers |= dict.fromkeys(isbns, cover)
    return covers


def _painted(draw: Draw, spec: CoverSpec) -> dict[str, bytes] | None:
    """None where it cannot be drawn: one title that no font can bear must not stop the others."""
    try:
        return draw(spec)
    except Exception as error:
        print(f"No cover can be drawn for {spec.title!a}: {error!r}", file=sys.stderr, flush=True)
        return None


def _watch_stdin(ending: threading.Event) -> None:
    # Not through sys.stdin: its lock, held by a thread, would fail the interpreter's end.
    while os.read(0, 4096):
        pass
    ending.set()


def _end_with_parent() -> None:
    """A painter whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
