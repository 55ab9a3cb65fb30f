"""As much of Cosmos DB's REST interface as documents need, for the real SDK to talk to.

https://learn.microsoft.com/rest/api/cosmos-db/: the account, one container, and the four calls on a
document, with ETags, times to live, charges, and answers that a test puts in their place.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from shared.kit.clock import ManualClock

KEY = "c2VjcmV0LWtleQ=="
DATABASE, CONTAINER = "shop", "carts"
_CONTAINER_PATH = f"/dbs/{DATABASE}/colls/{CONTAINER}"

Reply = tuple[int, dict[str, str], Any]
Request = tuple[str, str, dict[str, str]]


@dataclass
class CosmosServer:
    """`instead` may answer a document's request in the server's place; None leaves it to it.

    The next request whose method is in `lose` is done, but its answer is lost with the connection.
    """

    clock: ManualClock
    host: str = "127.0.0.1"
    port: int = 0
    replicas: dict[str, str] = field(default_factory=dict)
    """Addresses of other regions, by name, which are only read."""
    instead: Callable[[Request], Reply | None] = lambda request: None
    lose: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _items: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _written: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    @property
    def connection_string(self) -> str:
        return f"AccountEndpoint={self.url};AccountKey={KEY};"

    def answer(self, request: Request, body: Any) -> Reply:
        method, path, headers = request
        if "type%3Dmaster" not in headers.get("authorization", ""):
            return 401, {}, {"code": "Unauthorized"}
        if path == "/":
            return 200, {}, self._account()
        if path == _CONTAINER_PATH:
            return 200, {}, {"id": CONTAINER, "_rid": "rid=", "partitionKey": _PARTITION_KEY}
        if not path.startswith(f"{_CONTAINER_PATH}/docs"):
            return 404, {"x-ms-substatus": "1003"}, {"code": "NotFound"}
        self.requests.append(request)
        said = self.instead(request)
        if said is not None:
            return said
        with self._lock:
            status, content = self._document(
                method, unquote(path.rpartition("/")[2]), headers, body
            )
        etag = {"etag": content["_etag"]} if content and "_etag" in content else {}
        return status, {"x-ms-request-charge": "1.24", **etag}, content

    def _document(
        self, method: str, name: str, headers: dict[str, str], body: Any
    ) -> tuple[int, Any]:
        if method == "POST":
            name = body["id"]
        assert json.loads(headers["x-ms-documentdb-partitionkey"]) == [name]
        stored = self._living(name)
        if method == "POST":
            return (409, {"code": "Conflict"}) if stored else (201, self._put(name, body))
        if stored is None:
            return 404, {"code": "NotFound"}
        if "if-match" in headers and headers["if-match"] != stored["_etag"]:
            return 412, {"code": "PreconditionFailed"}
        if method == "GET":
            return 200, stored
        if method == "PUT":
            return 200, self._put(name, body)
        del self._items[name]
        return 204, None

    def _living(self, name: str) -> dict[str, Any] | None:
        stored = self._items.get(name)
        if stored is None:
            return None
        age = self.clock.business_now().timestamp() - stored["_ts"]
        return stored if stored["ttl"] == -1 or age < stored["ttl"] else None

    def _put(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self._written += 1
        stored = {
            **body,
            "_rid": "item=",
            "_self": "dbs/d/colls/c/docs/i/",
            "_etag": f'"{self._written:08x}"',
            "_attachments": "attachments/",
            "_ts": int(self.clock.business_now().timestamp()),
        }
        self._items[name] = stored
        return stored

    def _account(self) -> dict[str, Any]:
        here = [{"name": "North Europe", "databaseAccountEndpoint": self.url}]
        there = [
            {"name": name, "databaseAccountEndpoint": url} for name, url in self.replicas.items()
        ]
        return {
            "id": "account",
            "writableLocations": here,
            "readableLocations": here + there,
            "enableMultipleWriteLocations": False,
            "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
        }


_PARTITION_KEY = {"paths": ["/id"], "kind": "Hash", "version": 2}


@contextmanager
def cosmos_server(clock: ManualClock, host: str = "127.0.0.1") -> Iterator[CosmosServer]:
    server = CosmosServer(clock, host)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            path = self.path.rstrip("/") or "/"
            status, more, content = server.answer((self.command, path, headers), body)
            if self.command in server.lose:
                server.lose.remove(self.command)
                self.close_connection = True
                return
            encoded = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the standard library's names

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer((host, 0), Handler) as listening:
        listening.daemon_threads = True
        server.port = listening.server_port
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
