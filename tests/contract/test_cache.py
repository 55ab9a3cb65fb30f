"""One contract for every cache: in memory, and in a real Redis; and life without Redis."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.cache.memory import MemoryCache
from shared.cache.port import Cache, Entry
from shared.cache.redis import LEFT_ALONE_SECONDS, CacheUnavailable, RedisCache
from tests.support.faulty_proxy import FaultyProxy, faulty_proxy
from tests.support.real_redis import RealRedis, real_redis


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRedis]:
    with real_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
def cache(request: pytest.FixtureRequest) -> Iterator[Cache]:
    if request.param == "memory":
        yield MemoryCache()
    else:
        cache = RedisCache(request.getfixturevalue("redis").url)
        yield cache
        cache.close()


@pytest.fixture
def network(redis: RealRedis) -> Iterator[FaultyProxy]:
    with faulty_proxy(redis.port) as proxy:
        yield proxy


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def far(network: FaultyProxy, seconds: Seconds) -> Iterator[RedisCache]:
    """Redis behind a network that may fail."""
    cache = RedisCache(network.address("redis"), monotonic=seconds)
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


def test_what_lies_in_memory_is_at_hand_and_what_lies_in_redis_is_not(
    redis: RealRedis, key: str
) -> None:
    memory = MemoryCache()
    memory.put(key, entry(1), 60)
    assert memory.at_hand(key) == entry(1)
    far = RedisCache(redis.url)
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


def test_a_fill_that_another_worker_overtakes_gives_way(
    far: RedisCache, redis: RealRedis, network: FaultyProxy, key: str
) -> None:
    fast = RedisCache(redis.url)
    overtaken = threading.Event()

    def overtake(sent: bytes) -> None:
        if b"EXEC" in sent and not overtaken.is_set():
            overtaken.set()
            fast.put(key, entry(9, b"newest"), 60)

    network.before = overtake
    far.put(key, entry(8, b"overtaken"), 60)
    assert overtaken.is_set()
    assert far.get(key) == entry(9, b"newest")
    fast.close()


def test_a_redis_that_is_killed_costs_misses_and_is_used_again_when_it_is_back(
    tmp_path: Path, seconds: Seconds
) -> None:
    with real_redis(tmp_path) as redis:
        cache = RedisCache(redis.url, monotonic=seconds)
        cache.put("k", entry(1), 60)
        assert cache.get("k") == entry(1)
        redis.kill()
        assert cache.get("k") is None
        cache.put("k", entry(2), 60)
        with pytest.raises(CacheUnavailable):
            cache.check()
        redis.start()
        assert cache.get("k") is None, "it is left alone for a while"
        seconds.now += LEFT_ALONE_SECONDS
        cache.put("k", entry(3), 60)
        assert cache.get("k") == entry(3)
        cache.check()
        cache.close()


def test_a_silent_redis_costs_one_try_and_then_nothing(
    far: RedisCache, network: FaultyProxy, seconds: Seconds
) -> None:
    network.is_silent = True
    for _ in range(100):
        assert far.get("k") is None
        far.put("k", entry(1), 60)
    assert network.connections == 1
    seconds.now += LEFT_ALONE_SECONDS
    for _ in range(100):
        assert far.get("k") is None
    assert network.connections == 2
    assert far.is_left_alone


def test_of_many_requests_one_looks_whether_redis_is_back(
    far: RedisCache, network: FaultyProxy, seconds: Seconds
) -> None:
    network.is_silent = True
    assert far.get("k") is None
    seconds.now += LEFT_ALONE_SECONDS
    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(far.get, ["k"] * 64)) == {None}
    assert network.connections == 2


def test_a_redis_that_is_too_slow_is_a_miss(
    far: RedisCache, network: FaultyProxy, seconds: Seconds
) -> None:
    far.put("k", entry(1), 60)
    network.delay = 5.0
    assert far.get("k") is None
    network.heal()
    seconds.now += LEFT_ALONE_SECONDS
    assert far.get("k") == entry(1)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_an_answer_that_breaks_off_is_a_miss(
    far: RedisCache, network: FaultyProxy, seconds: Seconds, after: int
) -> None:
    far.put("k", entry(1), 60)
    network.cut()
    network.cut_after = after
    assert far.get("k") is None
    network.heal()
    seconds.now += LEFT_ALONE_SECONDS
    assert far.get("k") == entry(1)
