"""Browsing at every size of catalogue: over HTTP against an empty function, and in the store.

The HTTP rows compare a request with empty functions on the same host in the same turn: with one of
the same kind, which is asynchronous as the public reads are, and with a synchronous one. The store
rows leave HTTP and the cache out and give the time of one call, to show how it grows.
"""

import asyncio
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

from bench import catalogue
from bench.http_overhead import wait_for_port
from bench.load import Figures, measure
from bench.servicebus_crash import connection_string, free_port
from bench.shop import process_cpu_seconds
from functions.inventory.read_model import BookQuery
from functions.inventory.service import readings
from functions.inventory.service.browse import Browse
from functions.inventory.store.search_sqlite import SqliteSearch
from functions.inventory.store.shelves import SqlShelves
from shared.cache.answers import Build
from shared.cache.port import Entry
from shared.kit.clock import MachineClock
from shared.kit.isbn import Isbn
from shared.sql.database import Database

_ROOT = Path(__file__).parent.parent
_EMPTY = """
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="async", methods=["GET"])
async def answer_async(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")

@app.route(route="sync", methods=["GET"])
def answer_sync(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("hello")
"""
_DEEP = 1_000
_DEEP_PAGE = f"list, sort title, page {_DEEP:,}"
_DECILES = range(1, 11)


@dataclass(frozen=True)
class Scale:
    sizes: tuple[int, ...]
    seconds: float
    rounds: int
    repeats: int


QUICK = Scale((1_000, 10_000), 0.3, 3, 20)
FULL = Scale((1_000, 10_000, 100_000, 1_000_000), 0.7, 5, 60)


def run(quick: bool) -> list[dict[str, Any]]:
    """Rows of `http` {books, cache, request, connections, rate_per_s, p50_ms, p99_ms,
    ratio_to_empty, ratio_to_empty_sync, cpu_us, host_mib} and of `store` {books, call, ms, growth}.
    `cpu_us` is what the worker spends on one request. Growth is to 10,000 books; of a deep page, to
    the first page of the same list.
    """
    scale = QUICK if quick else FULL
    store: list[dict[str, Any]] = []
    http: list[dict[str, Any]] = []
    kept = os.environ.get("BENCH_CATALOGUES")
    with contextlib.ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory())
        for size in scale.sizes:
            file = Path(kept or temporary) / f"{size}.db"
            if not file.exists():
                started = time.perf_counter()
                catalogue.make(file, size)
                took = time.perf_counter() - started
                store.append({"books": size, "call": "make the catalogue", "ms": took * 1000})
            questions = Questions(file)
            store += asyncio.run(_store_rows(file, questions, scale))
            http += list(_http_rows(file, questions, scale))
            if not kept:
                file.unlink()
    return [*_with_growth(store), *http]


class Questions:
    """Requests drawn from a catalogue: the same ones each time."""

    def __init__(self, file: Path) -> None:
        source = random.Random(7)
        connection = sqlite3.connect(file)
        (self.books,) = connection.execute("SELECT COUNT(*) FROM editions").fetchone()
        every = max(1, self.books // 500)
        self.isbns = [
            Isbn(f"{isbn:013d}")
            for (isbn,) in connection.execute(
                "SELECT isbn FROM (SELECT isbn, ROW_NUMBER() OVER (ORDER BY isbn) AS place"
                " FROM editions) WHERE place % ? = 0",
                (every,),
            )
        ]
        source.shuffle(self.isbns)
        by_hits = {hits: _terms(connection, hits) for hits in (10, 100, 1_000)}
        self.by_hits = {hits: terms for hits, terms in by_hits.items() if terms}
        self.deciles = _deciles(connection)
        connection.close()


def _terms(connection: sqlite3.Connection, hits: int) -> list[str]:
    """Words with about so many hits, that no longer word begins with."""
    found = connection.execute(
        "SELECT term FROM search_terms AS one WHERE documents BETWEEN ? AND ? AND NOT EXISTS"
        " (SELECT 1 FROM search_terms AS longer WHERE longer.term > one.term"
        " AND longer.term < one.term || char(1114111)) LIMIT 12",
        (hits * 0.9, hits * 1.1),
    )
    return [term for (term,) in found]


def _deciles(connection: sqlite3.Connection) -> dict[int, list[str]]:
    """Words as readers' texts hold them: each decile has a tenth of all occurrences."""
    rows = connection.execute(
        "SELECT term, documents FROM search_terms ORDER BY documents DESC, term"
    ).fetchall()
    total = sum(documents for _, documents in rows)
    deciles: dict[int, list[str]] = {decile: [] for decile in _DECILES}
    passed = 0
    for term, documents in rows:
        deciles[min(10, 1 + 10 * passed // total)].append(term)
        passed += documents
    source = random.Random(7)
    return {
        decile: source.sample(terms, min(8, len(terms)))
        for decile, terms in deciles.items()
        if terms  # one very common word can be more than a tenth
    }


class _Answers:
    """Builds each answer where it is asked for: neither cache nor threads are measured."""

    def at_hand(self, key: str) -> Entry | None:
        return None

    async def read(self, key: str, lifetime_seconds: float, build: Build) -> Entry:
        return build(False)


_Asking = Callable[[int], Awaitable[Entry]]


async def _store_rows(file: Path, questions: Questions, scale: Scale) -> list[dict[str, Any]]:
    database = Database(f"sqlite:///{file.as_posix()}")
    rows = SqlShelves(database, SqliteSearch())
    browse = Browse(rows, _Answers(), MachineClock(), "http://cdn.example")

    def listed(**query: Any) -> _Asking:
        return lambda _: browse.read(readings.books(BookQuery(**query)))

    calls: dict[str, _Asking] = {
        "detail": lambda turn: browse.read(
            readings.book(questions.isbns[turn % len(questions.isbns)])
        ),
        "categories": lambda _: browse.read(readings.categories()),
    }
    for sort in ("title", "-title", "price", "-price", "newest", "bestselling"):
        calls[f"list, sort {sort}"] = listed(sort=sort)
    deep = await _deep_cursor(browse)
    if deep is not None:
        calls[_DEEP_PAGE] = listed(sort="title", cursor=deep)
    calls |= {
        "list, category": listed(category="fiction", sort="newest"),
        "list, language": listed(language="de", sort="title"),
        "list, format": listed(format="ebook", sort="price"),
        "list, author": listed(author="1", sort="newest"),
        "list, in stock": listed(in_stock=True, sort="bestselling"),
        "list, price range by price": listed(min_price=800, max_price=1200, sort="price"),
        "combined: category, language, format, in stock": listed(
            category="fiction", language="de", format="ebook", in_stock=True, sort="title"
        ),
        "combined: language, format": listed(language="de", format="audiobook", sort="title"),
        "combined: rare language, format": listed(language="cy", format="audiobook", sort="title"),
        "combined: price range by title": listed(min_price=800, max_price=1200, sort="title"),
        "combined: author, category": listed(author="1", category="fiction"),
        "facets of everything": listed(facets=True),
        "facets of a category": listed(category="fiction", facets=True),
    }
    for hits, terms in questions.by_hits.items():
        calls[f"search, about {hits:,} hits"] = _searching(browse, terms)
    for decile, terms in questions.deciles.items():
        calls[f"search, words of decile {decile}"] = _searching(browse, terms)
    taken = [
        {"books": questions.books, "call": name, "ms": await _milliseconds(call, scale.repeats)}
        for name, call in calls.items()
    ]
    database.dispose()
    return taken


def _searching(browse: Browse, terms: list[str]) -> _Asking:
    return lambda turn: browse.read(readings.books(BookQuery(q=terms[turn % len(terms)])))


async def _deep_cursor(browse: Browse) -> str | None:
    cursor = None
    for _ in range(_DEEP // 5 - 1):  # pages of 100 get to where page 1,000 of 20 begins
        listed = await browse.read(
            readings.books(BookQuery(sort="title", limit=100, cursor=cursor))
        )
        cursor = json.loads(listed.body)["next_cursor"]
        if cursor is None:
            return None
    return cursor


async def _milliseconds(call: _Asking, repeats: int) -> float:
    taken = []
    for turn in range(repeats + 5):
        started = time.perf_counter()
        await call(turn)
        taken.append(time.perf_counter() - started)
    return median(taken[5:]) * 1000


def _with_growth(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    known_as = {(row["books"], row["call"]): row["ms"] for row in rows}
    for row in rows:
        known = known_as.get((10_000, row["call"]))
        if row["call"] == _DEEP_PAGE:
            known = known_as[row["books"], "list, sort title"]
        growth = {"growth": round(row["ms"] / known, 2)} if known else {}
        yield {"bench": "store", **row, "ms": round(row["ms"], 3), **growth}


def _http_rows(file: Path, questions: Questions, scale: Scale) -> Iterator[dict[str, Any]]:
    some = questions.by_hits[max(hits for hits in questions.by_hits if hits <= 100)]
    requests = {
        "detail": [f"/api/v1/books/{isbn}" for isbn in questions.isbns[:400]],
        "list": ["/api/v1/books", "/api/v1/books?sort=newest", "/api/v1/books?category=fiction"],
        "search, about 100 hits": [f"/api/v1/books?q={term}" for term in some],
        "filter with facets": [
            f"/api/v1/books?category=crime&facets=true&language={language}"
            for language in ("en", "de", "fr", "cy")
        ],
    }
    for cache in ("on", "off"):
        with _servers(file, cache) as (empty, shop, process):
            for name, paths in requests.items():
                _ask_each(shop, paths)
                for connections in (1, 16):
                    yield {
                        "bench": "http",
                        "books": questions.books,
                        "cache": cache,
                        "request": name,
                        "connections": connections,
                        **_compared(empty, shop, paths, connections, scale, process.pid),
                        "host_mib": _resident_mebibytes(process.pid),
                    }


def _ask_each(port: int, paths: list[str]) -> None:
    """So that what can be kept is."""
    connection = HTTPConnection("127.0.0.1", port)
    for path in paths:
        connection.request("GET", path)
        connection.getresponse().read()
    connection.close()


def _compared(
    empty: int, shop: int, paths: list[str], connections: int, scale: Scale, pid: int
) -> dict[str, Any]:
    """Medians of rounds in which the three take turns; a ratio compares neighbours, so that
    whatever else the machine does meanwhile hits all of them alike."""

    def load(port: int, asked: list[str]) -> Figures:
        figures = measure(port, asked, connections=connections, seconds=scale.seconds)
        if set(figures.statuses) != {"200"}:
            raise RuntimeError(f"{asked[0]} answered {figures.statuses}")
        return figures

    taken, ratios, ratios_to_sync, microseconds = [], [], [], []
    for _ in range(scale.rounds):
        same_kind, synchronous = load(empty, ["/api/async"]), load(empty, ["/api/sync"])
        before = _cpu_seconds(pid)
        figures = load(shop, paths)
        microseconds.append((_cpu_seconds(pid) - before) / figures.statuses["200"] * 1e6)
        taken.append(figures)
        ratios.append(figures.rate_per_s / same_kind.rate_per_s)
        ratios_to_sync.append(figures.rate_per_s / synchronous.rate_per_s)
    return {
        "rate_per_s": round(median(figures.rate_per_s for figures in taken)),
        "p50_ms": round(median(figures.p50_ms for figures in taken), 3),
        "p99_ms": round(median(figures.p99_ms for figures in taken), 3),
        "ratio_to_empty": round(median(ratios), 2),
        "ratio_to_empty_sync": round(median(ratios_to_sync), 2),
        "cpu_us": round(median(microseconds)),
    }


@contextlib.contextmanager
def _servers(file: Path, cache: str) -> Iterator[tuple[int, int, "subprocess.Popen[bytes]"]]:
    """The ports of a host with an empty function, and of one with the shop; and the latter."""
    settings = {
        **os.environ,
        "SERVICES": "inventory",
        "SQL_INVENTORY": f"sqlite:///{file.as_posix()}",
        "INVENTORY_CACHE": cache,
        "SHOP_CURRENCY": "GBP",
        "PUBLIC_BASE_URL": "http://127.0.0.1",
        "CDN_BASE_URL": "http://127.0.0.1/cdn",
        "AUTH_ISSUER": "http://127.0.0.1/issuer",
        "AUTH_AUDIENCE": "bookstore",
        "BLOB_FOLDER": str(file.parent / "blobs"),
        "PYTHON_THREADPOOL_THREAD_COUNT": "16",
    }
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "empty").mkdir()
        (folder / "empty" / "function_app.py").write_text(_EMPTY, encoding="utf-8")
        (folder / "empty" / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
        started = []
        # The empty host must not be the one that serves the shop's broker.
        own = {"empty": {}, "shop": {"ServiceBusConnection": connection_string(free_port())}}
        for name, app in (("empty", folder / "empty"), ("shop", _ROOT)):
            log = folder / f"{name}.log"
            output = stack.enter_context(log.open("w", encoding="utf-8"))
            command = [sys.executable, "-m", "funchost", "start", "--app-dir", str(app)]
            command += ["--port", "0", "--state", str(folder / f"{name}-state")]
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    cwd=_ROOT,
                    env=settings | own[name],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )
            stack.callback(process.terminate)
            started.append((wait_for_port(process, log), process))
        (empty, _), (shop, process) = started
        yield empty, shop, process


def _cpu_seconds(pid: int) -> float:
    """0 where the system has no /proc."""
    with contextlib.suppress(OSError):
        return process_cpu_seconds(pid)
    return 0.0


def _resident_mebibytes(pid: int) -> int | None:
    """Of the process that runs the functions; None where the system has no /proc."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) // 1024
    return None


if __name__ == "__main__":
    for shown in run(quick="--quick" in sys.argv):
        print(shown)
