"""Stands before the Cosmos emulator and mends its one fault that a cart meets.

The emulator answers 500 where a document is missing; Cosmos DB answers 404
(https://learn.microsoft.com/rest/api/cosmos-db/get-a-document). The shop is not told of it.
"""

import http.client
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_FAULT = b"Cannot read properties of undefined"
_NOT_FOUND = json.dumps({"code": "NotFound", "message": "Resource Not Found."}).encode()
_HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_PATIENCE_SECONDS = 30


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # who asked has gone
            super().handle_error(request, client_address)


@contextmanager
def mended(emulator_port: int, port: int) -> Iterator[str]:
    """The address at which the emulator answers as Cosmos DB would."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            behind = http.client.HTTPConnection("127.0.0.1", emulator_port, _PATIENCE_SECONDS)
            try:
                behind.request(self.command, self.path, body, dict(self.headers.items()))
                answer = behind.getresponse()
                status, content = answer.status, answer.read()
            except OSError as error:
                status, content, answer = 503, str(error).encode(), None
            finally:
                behind.close()
            if status == 500 and _FAULT in content:
                status, content = 404, _NOT_FOUND
            with suppress(ConnectionError):  # who asked may have stopped waiting
                self.send_response(status)
                for name, value in [] if answer is None else answer.getheaders():
                    if name.lower() not in _HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = _Server(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
