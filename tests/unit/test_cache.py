"""Answers from the cache: never too old, built once, and gone without when it fails."""

import asyncio
import time
from collections.abc import Callable, Sequence

from shared.cache.answers import CachedAnswers
from shared.cache.changes import KEPT_IN_LOG, Changes
from shared.cache.memory import MemoryCache
from shared.cache.port import Entry
from shared.kit.threads import Threads


class Log:
    """A log of changes that is written by hand."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, tuple[str, ...]]] = []
        self.looks = 0

    def add(self, *tags: str, sequence: int | None = None) -> None:
        self.rows.append((self.newest() + 1 if sequence is None else sequence, tags))

    def moved(self) -> bool:
        self.looks += 1
        return True

    def newest(self) -> int:
        return max((sequence for sequence, _ in self.rows), default=0)

    def since(self, sequence: int) -> Sequence[tuple[int, tuple[str, ...]]]:
        return sorted(row for row in self.rows if row[0] > sequence)


class Source:
    """Builds answers and counts them; a replica may lag behind the log."""

    def __init__(self, log: Log, tag: str = "a", *, loose: bool = False) -> None:
        self.log, self.tag, self.loose = log, tag, loose
        self.built: list[str] = []
        self.replica_at: int | None = None
        self.now = 0.0

    def __call__(self, primary: bool) -> Entry:
        self.built.append("primary" if primary else "replica")
        newest = self.log.newest()
        version = newest if primary or self.replica_at is None else self.replica_at
        return Entry(version, self.tag, "e", b"%d" % version, self.loose, self.now)


def cached(changes: Changes, now: Callable[[], float] = time.time) -> CachedAnswers:
    return CachedAnswers(MemoryCache(), changes, Threads("answers", 2), now)


def ask(answers: CachedAnswers, key: str, build: Callable[[bool], Entry]) -> Entry:
    return asyncio.run(answers.read(key, 60, build))


def test_an_answer_is_built_once_and_then_kept() -> None:
    log = Log()
    answers, source = cached(Changes(log)), Source(log)
    assert [ask(answers, "k", source).body for _ in range(3)] == [b"0"] * 3
    assert source.built == ["replica"]


def test_a_change_makes_only_what_it_concerns_old() -> None:
    log = Log()
    answers = cached(Changes(log))
    mine, other = Source(log, "mine"), Source(log, "other")
    for _ in range(2):
        ask(answers, "m", mine)
        ask(answers, "o", other)
    log.add("mine")
    assert ask(answers, "m", mine).body == b"1"
    assert ask(answers, "o", other).body == b"0"


def test_a_replica_that_lags_is_not_believed() -> None:
    log = Log()
    answers, source = cached(Changes(log)), Source(log)
    ask(answers, "k", source)
    source.replica_at = 0
    log.add("a")
    assert ask(answers, "k", source).body == b"1"
    assert source.built == ["replica", "replica", "primary"]
    assert ask(answers, "k", source).body == b"1"
    assert len(source.built) == 3


def test_a_fill_that_read_before_a_change_does_not_hide_it() -> None:
    log = Log()
    answers, source = cached(Changes(log)), Source(log)

    def slow(primary: bool) -> Entry:
        entry = source(primary)
        log.add("a")  # a write that commits after the rows were read
        return entry

    ask(answers, "k", slow)
    assert ask(answers, "k", source).body == b"1"


def test_a_list_outlives_a_sale_for_a_moment_but_not_a_change_of_the_catalogue() -> None:
    log = Log()
    source = Source(log, "catalogue", loose=True)
    answers = cached(Changes(log), now=lambda: source.now)
    ask(answers, "k", source)
    log.add("some work")
    source.now = 0.5
    assert ask(answers, "k", source).body == b"0"
    source.now = 0.9
    assert ask(answers, "k", source).body == b"1"
    log.add("some work", "catalogue")
    assert ask(answers, "k", source).body == b"2"


def test_a_change_that_comes_into_sight_late_is_seen() -> None:
    log = Log()
    answers, source = cached(Changes(log)), Source(log)
    ask(answers, "k", source)
    log.add("b", sequence=2)
    assert ask(answers, "k", source).body == b"0"
    ask(answers, "other", source)
    log.add("a", sequence=1)  # it began first and committed last
    source.built.clear()
    ask(answers, "k", source)
    assert source.built


def test_changes_that_were_pruned_unread_make_everything_old() -> None:
    log = Log()
    answers, source = cached(Changes(log)), Source(log)
    ask(answers, "k", source)
    log.add("b", sequence=KEPT_IN_LOG + 1)
    assert int(ask(answers, "k", source).body) == KEPT_IN_LOG + 1


def test_the_log_is_looked_at_no_more_often_than_it_is_told_to() -> None:
    log, now = Log(), [100.0]
    changes = Changes(log, 0.25, monotonic=lambda: now[0])
    for _ in range(5):
        changes.follow()
    assert log.looks == 1
    now[0] += 0.25
    changes.follow()
    assert log.looks == 2


def test_a_write_of_the_same_process_is_looked_at_without_waiting() -> None:
    log, commits = Log(), [0]
    changes = Changes(log, 60.0, own_commits=lambda: commits[0])
    changes.follow()
    before = changes.newest
    log.add("one")
    changes.follow()
    assert changes.newest == before
    commits[0] += 1
    changes.follow()
    assert changes.newest > before


def test_memory_is_bounded_and_what_was_used_last_stays() -> None:
    cache = MemoryCache(most_bytes=10_000)
    for number in range(20):
        cache.put(f"k{number}", Entry(1, "t", "e", b"x" * 1_000), 60)
        cache.get("k0")
    held = [number for number in range(20) if cache.get(f"k{number}")]
    assert len(held) <= 10
    assert {0, 19} <= set(held)
