"""The HTTP side: OTLP/HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp), in protobuf and in
JSON, and Application Insights' track endpoint, each with gzip or without."""

import base64
import binascii
import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from local.collector.store import Kept
from local.collector.tree import tree

_JSON = "application/json"
_SIGNALS: dict[str, tuple[type[Message], type[Message], Callable[[Kept, Any], None]]] = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse, Kept.take_traces),
    "/v1/logs": (ExportLogsServiceRequest, ExportLogsServiceResponse, Kept.take_logs),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse, Kept.take_metrics),
}
_TRACK = ("/v2/track", "/v2.1/track")
_HEX_IDS = frozenset({"traceId", "spanId", "parentSpanId"})

Answer = tuple[int, str, bytes]
_UNREADABLE: Answer = (400, "text/plain", b"unreadable")


class Collector:
    """A server on 127.0.0.1. `before` is called with each path before anything is read, in the
    thread of that request: a test makes the collector slow with it."""

    def __init__(self, port: int = 0, before: Callable[[str], None] = lambda path: None) -> None:
        self.kept = Kept()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                before(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._send(collector.taken(self.path, dict(self.headers.items()), body))

            def do_GET(self) -> None:
                self._send(collector.shown(self.path))

            def _send(self, answer: Answer) -> None:
                status, kind, content = answer
                with suppress(ConnectionError):  # who sent it may have stopped waiting
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def connection_string(self) -> str:
        """For `APPLICATIONINSIGHTS_CONNECTION_STRING`."""
        key = "00000000-0000-0000-0000-0000000000aa"
        return f"InstrumentationKey={key};IngestionEndpoint={self.url}/"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def taken(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        said = {name.lower(): value.lower() for name, value in headers.items()}
        try:
            if "gzip" in said.get("content-encoding", ""):
                body = gzip.decompress(body)
            self.kept.take_body(body)
            if path in _TRACK:
                return self._tracked(body)
            if path not in _SIGNALS:
                return 404, "text/plain", b"not found"
            asked, answered, take = _SIGNALS[path]
            kind = said.get("content-type", "").partition(";")[0]
            request = _from_json(asked(), body) if kind == _JSON else asked.FromString(body)
        except (OSError, EOFError, ValueError, DecodeError, json_format.ParseError):
            return _UNREADABLE
        take(self.kept, request)
        if kind == _JSON:
            return 200, _JSON, b"{}"
        return 200, "application/x-protobuf", answered().SerializeToString()

    def _tracked(self, body: bytes) -> Answer:
        """An array, or one envelope in each line."""
        text = body.decode().strip()
        lines = json.loads(text) if text.startswith("[") else map(json.loads, text.splitlines())
        envelopes = [one for line in lines for one in (line if isinstance(line, list) else [line])]
        self.kept.take_envelopes(envelopes)
        count = len(envelopes)
        answer = {"itemsReceived": count, "itemsAccepted": count, "errors": []}
        return 200, _JSON, json.dumps(answer).encode()

    def shown(self, path: str) -> Answer:
        """`/` lists traces and events, `/traces/{id}` draws one."""
        kept = self.kept
        if path.startswith("/traces/"):
            lines = tree(kept.trace(path.removeprefix("/traces/")))
        else:
            with kept.changed:
                newest = dict.fromkeys(span.trace_id for span in reversed(kept.spans))
                counts = f"{len(kept.spans)} spans, {len(kept.logs)} log lines"
            lines = [counts, *(f"{self.url}/traces/{trace}" for trace in list(newest)[:50])]
            lines += [f"{name} {dict(said)}" for name, said, _ in kept.events()[-50:]]
        return 200, "text/plain; charset=utf-8", "\n".join([*lines, ""]).encode()


@contextmanager
def collecting(
    port: int = 0, before: Callable[[str], None] = lambda path: None
) -> Iterator[Collector]:
    collector = Collector(port, before)
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()


def _from_json(message: Message, body: bytes) -> Message:
    """OTLP writes ids in hex where protobuf's own JSON has base64."""
    return json_format.ParseDict(_in_base64(json.loads(body)), message, ignore_unknown_fields=True)


def _in_base64(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_base64(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: base64.b64encode(binascii.unhexlify(one)).decode()
        if name in _HEX_IDS
        else _in_base64(one)
        for name, one in value.items()
    }
