"""The collector takes what the specifications allow, whoever sends it."""

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from local.collector import Collector, collecting, tree

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
OTLP_JSON = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "parentSpanId": "eee19b7ec3c1b173",
                            "name": "I'm a server span",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": "1544712661000000000",
                            "kind": 2,
                            "attributes": [{"key": "a", "value": {"intValue": "7"}}],
                        }
                    ]
                }
            ],
        }
    ]
}
"""After the example in https://github.com/open-telemetry/opentelemetry-proto/tree/main/examples."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


def post(collector: Collector, path: str, body: bytes, kind: str, **headers: str) -> bytes:
    sent = {"Content-Type": kind, **{name.replace("_", "-"): one for name, one in headers.items()}}
    request = urllib.request.Request(f"{collector.url}{path}", body, sent, method="POST")
    with urllib.request.urlopen(request) as answer:
        content: bytes = answer.read()
        return content


def test_spans_in_json_have_their_ids_in_hex(collector: Collector) -> None:
    assert post(collector, "/v1/traces", json.dumps(OTLP_JSON).encode(), JSON) == b"{}"
    [span] = collector.kept.spans
    assert (span.trace_id, span.span_id) == ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")
    assert (span.service, span.kind, span.attributes) == ("shop", "server", {"a": 7})
    assert tree(collector.kept.spans) == ["I'm a server span  [server]  1000.0 ms"]


def test_spans_in_protobuf_may_be_zipped(collector: Collector) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    span.name, span.trace_id, span.span_id = "a", b"1" * 16, b"2" * 8
    body = gzip.compress(request.SerializeToString())
    answer = post(collector, "/v1/traces", body, PROTOBUF, Content_Encoding="gzip")
    assert ExportTraceServiceResponse.FromString(answer) == ExportTraceServiceResponse()
    assert [one.name for one in collector.kept.spans] == ["a"]


@pytest.mark.parametrize("path", ["/v2/track", "/v2.1/track"])
@pytest.mark.parametrize("lines", [True, False])
def test_the_track_endpoint_takes_arrays_and_lines(
    collector: Collector, path: str, lines: bool
) -> None:
    envelopes = [{"name": "a.Event"}, {"name": "b.Event"}]
    text = "\n".join(map(json.dumps, envelopes)) if lines else json.dumps(envelopes)
    answer = post(collector, path, gzip.compress(text.encode()), JSON, Content_Encoding="gzip")
    assert json.loads(answer) == {"itemsReceived": 2, "itemsAccepted": 2, "errors": []}
    assert collector.kept.envelopes == envelopes


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/v1/traces", b"\xff\xff", PROTOBUF),
        ("/v1/traces", b"{", JSON),
        ("/v1/traces", b'{"resourceSpans": 7}', JSON),
        ("/v2.1/track", b"no json", JSON),
    ],
)
def test_what_cannot_be_read_is_refused(
    collector: Collector, path: str, body: bytes, kind: str
) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400"):
        post(collector, path, body, kind)
    assert collector.kept.spans == collector.kept.envelopes == []
