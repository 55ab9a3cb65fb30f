"""A Redis server in a few lines: RESP2 over TCP, and the commands that the cache sends.

Semantics after https://redis.io/docs/latest/commands/: WATCH fails an EXEC when the key was written
meanwhile by any connection. An unknown command is an error, as on the real one.
"""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Store:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.hashes: dict[bytes, dict[bytes, bytes]] = {}
        self.ends: dict[bytes, float] = {}
        self.writes: dict[bytes, int] = {}
        self.broken = False
        self.before_exec: Callable[[], None] | None = None

    def live(self, key: bytes) -> dict[bytes, bytes]:
        if self.ends.get(key, float("inf")) <= time.monotonic():
            self.hashes.pop(key, None)
            self.ends.pop(key, None)
        return self.hashes.get(key, {})


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.queue: list[list[bytes]] | None = None
        self.watched: dict[bytes, int] = {}
        store: Store = self.server.store  # type: ignore[attr-defined]
        while (command := self._command()) and not store.broken:
            self.wfile.write(self._answer(command))

    def _command(self) -> list[bytes] | None:
        head = self.rfile.readline()
        if not head.startswith(b"*"):
            return None
        parts = []
        for _ in range(int(head[1:])):
            length = int(self.rfile.readline()[1:])
            parts.append(self.rfile.read(length + 2)[:-2])
        return parts

    def _answer(self, command: list[bytes]) -> bytes:
        store: Store = self.server.store  # type: ignore[attr-defined]
        name = command[0].upper()
        if name == b"EXEC" and store.before_exec is not None:
            store.before_exec()
        with store.lock:
            if self.queue is not None and name not in (b"EXEC", b"DISCARD"):
                self.queue.append(command)
                return b"+QUEUED\r\n"
            return self._run(store, name, command[1:])

    def _run(self, store: Store, name: bytes, given: list[bytes]) -> bytes:
        if name in (b"CLIENT", b"SELECT", b"AUTH"):
            return b"+OK\r\n"
        if name == b"WATCH":
            self.watched |= {key: store.writes.get(key, 0) for key in given}
            return b"+OK\r\n"
        if name in (b"UNWATCH", b"DISCARD"):
            self.watched, self.queue = {}, None
            return b"+OK\r\n"
        if name == b"MULTI":
            self.queue = []
            return b"+OK\r\n"
        if name == b"EXEC":
            queue, self.queue = self.queue or [], None
            watched, self.watched = self.watched, {}
            if any(store.writes.get(key, 0) != seen for key, seen in watched.items()):
                return b"*-1\r\n"
            return _array([self._run(store, one[0].upper(), one[1:]) for one in queue])
        if name == b"HGET":
            return _bulk(store.live(given[0]).get(given[1]))
        if name == b"HMGET":
            held = store.live(given[0])
            return _array([_bulk(held.get(field)) for field in given[1:]])
        if name == b"HSET":
            held = store.hashes.setdefault(given[0], store.live(given[0]))
            fields = dict(zip(given[1::2], given[2::2], strict=True))
            new = len(fields.keys() - held.keys())
            held.update(fields)
            store.writes[given[0]] = store.writes.get(given[0], 0) + 1
            return b":%d\r\n" % new
        if name == b"PEXPIRE":
            store.ends[given[0]] = time.monotonic() + int(given[1]) / 1000
            return b":1\r\n"
        return b"-ERR unknown command '%s'\r\n" % name


def _bulk(value: bytes | None) -> bytes:
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def _array(parts: list[bytes]) -> bytes:
    return b"*%d\r\n%s" % (len(parts), b"".join(parts))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    store: Store


@contextmanager
def redis_server() -> Iterator[tuple[str, Store]]:
    """The address of a server on a free port, and what it holds."""
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.store = Store()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"redis://127.0.0.1:{server.server_address[1]}/0?protocol=2", server.store
        finally:
            server.shutdown()
            thread.join()
