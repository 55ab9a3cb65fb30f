"""Somebody who takes webhooks."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Shop:
    """Takes webhooks in, and refuses as many as it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.refuses = 0
        self.changed = threading.Condition()

    def take(self, signature: str, body: bytes) -> int:
        with self.changed:
            if self.refuses:
                self.refuses -= 1
                return 503
            self.got.append((signature, body))
            self.changed.notify_all()
        return 200

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, 60)
            return [json.loads(body) for _, body in self.got]


@contextmanager
def open_shop(header: str) -> Iterator[tuple[Shop, str]]:
    """With the address to send to; `header` is the one that signs."""
    shop = Shop()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(shop.take(self.headers[header], body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield shop, f"http://127.0.0.1:{server.server_port}/taken"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
