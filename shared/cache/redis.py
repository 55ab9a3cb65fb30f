"""A cache that all workers share. The shop goes on without it: what fails is a miss.

After a failure Redis is left alone for a while; then one call looks whether it is back, and the
others go on without until it is. So a dead one costs one request its time-out, once in a while.
"""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.cache.entra import sign_in
from shared.cache.port import Entry
from shared.kit.errors import AppError
from shared.kit.provider import Provider
from shared.telemetry import get_logger

if TYPE_CHECKING:
    from redis import Redis

log = get_logger("cache")

_PREFIX = "bookstore:1:"
PATIENCE_SECONDS = 0.25
"""To connect, and for each answer."""
LEFT_ALONE_SECONDS = 5.0
_FIELDS = ("version", "tag", "etag", "body", "loose", "made_at")


class CacheUnavailable(AppError):
    status = 503
    kind = "busy"
    title = "The shop is busy"


class RedisCache:
    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`url` as redis-py reads it: `redis://`, `rediss://`, `unix://`."""
        self._client = Provider(lambda: _connect(url))
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._back_at = float("-inf")
        self._failed = False

    def at_hand(self, key: str) -> Entry | None:
        return None

    def get(self, key: str) -> Entry | None:
        held = self._attempt(lambda client: client.hmget(_PREFIX + key, _FIELDS))
        if held is None or None in held:
            return None
        version, tag, etag, body, loose, made_at = held
        return Entry(int(version), tag.decode(), etag.decode(), body, loose == b"1", float(made_at))

    def put(self, key: str, entry: Entry, lifetime_seconds: float) -> None:
        name = _PREFIX + key
        milliseconds = int(lifetime_seconds * 1000)

        def keep(client: "Redis") -> None:
            from redis import WatchError

            with client.pipeline() as pipeline:
                pipeline.watch(name)  # type: ignore[no-untyped-call]
                held = pipeline.hget(name, "version")
                if held is not None and int(held) > entry.version:
                    return
                pipeline.multi()
                pipeline.hset(
                    name,
                    mapping={
                        "version": entry.version,
                        "tag": entry.tag,
                        "etag": entry.etag,
                        "body": entry.body,
                        "loose": int(entry.loose),
                        "made_at": entry.made_at,
                    },
                )
                pipeline.pexpire(name, milliseconds)
                try:
                    pipeline.execute()
                except WatchError:
                    return  # another worker filled it meanwhile; its answer is as good

        self._attempt(keep)

    def check(self) -> None:
        """Raises CacheUnavailable where Redis does not answer."""
        if self._attempt(lambda client: client.ping()) is None:
            raise CacheUnavailable("Redis does not answer; the shop goes on without.")

    @property
    def is_left_alone(self) -> bool:
        return self._failed and self._monotonic() < self._back_at

    def close(self) -> None:
        self._client().close()

    def _attempt(self, command: "Callable[[Redis], Any]") -> Any:
        """None where Redis has nothing, fails, or is left alone."""
        from redis import RedisError

        if not self._may_try():
            return None
        try:
            result = command(self._client())
        except (RedisError, OSError, ValueError) as error:
            with self._lock:
                self._failed = True
                self._back_at = self._monotonic() + LEFT_ALONE_SECONDS
            log.warning("cache.unreachable", error=type(error).__name__)
            return None
        self._failed = False
        return result

    def _may_try(self) -> bool:
        if not self._failed:
            return True
        with self._lock:
            if self.is_left_alone:
                return False
            # Others wait for what this call finds.
            self._back_at = self._monotonic() + LEFT_ALONE_SECONDS
            return True


def _connect(url: str) -> "Redis":
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    address, provider = sign_in(url)
    return Redis.from_url(
        address,
        credential_provider=provider,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        retry=Retry(NoBackoff(), 0),
        max_connections=32,
    )
