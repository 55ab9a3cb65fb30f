"""One contract for every cache: in memory, on a server that speaks Redis' protocol, and on a real
Redis where `TEST_REDIS_URL` names one.
"""

import os
import socket
import uuid
from collections.abc import Iterator

import pytest

from shared.cache.memory import MemoryCache
from shared.cache.port import Cache, Entry
from shared.cache.redis import RedisCache
from tests.support.redis_server import redis_server

REAL = os.environ.get("TEST_REDIS_URL")


@pytest.fixture(params=["memory", "protocol", *(["redis"] if REAL else [])])
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    if request.param == "memory":
        yield MemoryCache()
    elif request.param == "protocol":
        with redis_server() as (url, _):
            yield from _closing(RedisCache(url))
    else:
        yield from _closing(RedisCache(REAL or ""))


def _closing(cache: RedisCache) -> Iterator[RedisCache]:
    yield cache
    cache.close()


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def entry(version: int, body: bytes = b"{}") -> Entry:
    return Entry(version, "work", '"m1-s1"', body, loose=True, made_at=12.5)


def test_what_was_put_is_there_whole(cache: Cache, key: str) -> None:
    assert cache.get(key) is None
    given = entry(3, bytes(range(256)) * 10)
    cache.put(key, given, 60)
    assert cache.get(key) == given


def test_what_lies_in_memory_is_at_hand_and_what_lies_in_redis_is_not(key: str) -> None:
    memory = MemoryCache()
    memory.put(key, entry(1), 60)
    assert memory.at_hand(key) == entry(1)
    with redis_server() as (url, _):
        far = RedisCache(url)
        far.put(key, entry(1), 60)
        assert far.at_hand(key) is None
        far.close()


def test_an_older_version_never_replaces_a_newer_one(cache: Cache, key: str) -> None:
    cache.put(key, entry(5, b"new"), 60)
    cache.put(key, entry(4, b"old"), 60)
    assert cache.get(key) == entry(5, b"new")
    cache.put(key, entry(5, b"same"), 60)
    cache.put(key, entry(6, b"newer"), 60)
    assert cache.get(key) == entry(6, b"newer")


def test_what_has_outlived_its_time_is_gone(cache: Cache, key: str) -> None:
    cache.put(key, entry(1), 0.001)
    while cache.get(key) is not None:
        pass


def test_a_fill_that_another_worker_overtakes_gives_way() -> None:
    with redis_server() as (url, store):
        slow, fast = RedisCache(url), RedisCache(url)

        def overtake() -> None:
            store.before_exec = None
            fast.put("k", entry(9, b"newest"), 60)

        store.before_exec = overtake
        slow.put("k", entry(8, b"overtaken"), 60)
        assert slow.get("k") == entry(9, b"newest")
        slow.close()
        fast.close()


def test_without_redis_everything_is_a_miss_and_it_is_soon_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    now = [100.0]
    cache = RedisCache(f"redis://127.0.0.1:{port}/0", monotonic=lambda: now[0])
    assert cache.get("k") is None
    cache.put("k", entry(1), 60)
    assert cache.get("k") is None
    assert cache.is_left_alone
    now[0] += 6
    assert not cache.is_left_alone
    cache.close()


def test_a_redis_that_does_not_answer_is_a_miss() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = RedisCache(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        assert cache.get("k") is None
        assert cache.is_left_alone
        cache.close()


def test_it_is_used_again_when_it_is_back() -> None:
    now = [100.0]
    with redis_server() as (url, store):
        cache = RedisCache(url, monotonic=lambda: now[0])
        cache.put("k", entry(1), 60)
        store.broken = True
        assert cache.get("k") is None
        store.broken = False
        assert cache.get("k") is None
        now[0] += 6
        assert cache.get("k") == entry(1)
        cache.close()
