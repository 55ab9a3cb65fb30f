"""Trace context and spans, without and with a collector."""

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pydantic import SecretStr

from shared.telemetry import (
    configure,
    current_span_id,
    current_trace_id,
    current_traceparent,
    current_tracestate,
    span,
)
from shared.telemetry.tracing import parse_traceparent
from tests.unit.local_server import LocalServer, serving

ROOT = Path(__file__).resolve().parents[2]
VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[0-3]")
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@dataclass
class ExportTo:
    OTEL_EXPORTER_OTLP_ENDPOINT: str | None
    APPLICATIONINSIGHTS_CONNECTION_STRING: SecretStr | None = None
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: str | None = None


@pytest.fixture
def collector() -> Iterator[LocalServer]:
    with serving(lambda path, body: (200, b"")) as server:
        yield server


def test_a_span_without_a_caller_starts_a_valid_trace() -> None:
    with span("a") as outer:
        assert VALID.fullmatch(current_traceparent())
        assert current_trace_id() == outer.context.trace_id
        assert current_span_id() == outer.context.span_id
    assert current_trace_id() is None
    assert current_span_id() is None


def test_a_span_continues_the_callers_trace() -> None:
    with span("a", traceparent=PARENT, tracestate="vendor=1") as current:
        assert current.context.trace_id == TRACE
        assert current.context.span_id != "b7ad6b7169203331"
        assert current_tracestate() == "vendor=1"
        assert current_traceparent() == f"00-{TRACE}-{current.context.span_id}-01"


def test_an_unsampled_trace_stays_unsampled() -> None:
    with span("a", traceparent=PARENT[:-1] + "0"):
        assert current_traceparent().endswith("-00")


def test_a_span_inside_a_span_is_of_the_same_trace() -> None:
    with span("a") as outer:
        with span("b") as inner:
            assert inner.context.trace_id == outer.context.trace_id
            assert inner.context.span_id != outer.context.span_id
        assert current_span_id() == outer.context.span_id


def test_outside_of_any_span_there_is_still_a_traceparent_to_send() -> None:
    assert VALID.fullmatch(current_traceparent())


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00",
        PARENT.upper(),
        PARENT + "-00",
        "ff" + PARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT + "\n" + PARENT,
        "00-" + "x" * 32 + "-b7ad6b7169203331-01",
    ],
)
def test_an_invalid_traceparent_is_ignored(header: str | None) -> None:
    with span("a", traceparent=header, tracestate="vendor=1"):
        assert TRACE not in current_traceparent()
        assert current_tracestate() is None
        assert VALID.fullmatch(current_traceparent())


def test_a_later_version_of_the_header_is_read_as_far_as_it_is_known() -> None:
    context = parse_traceparent(f"cc-{TRACE}-b7ad6b7169203331-ff-what-the-future-brings")
    assert context is not None
    assert (context.trace_id, context.flags) == (TRACE, 3)


@pytest.mark.parametrize("state", ["a=1\r\nx: y", "a" * 513, "ä=1", ""])
def test_an_unusable_tracestate_is_not_passed_on(state: str) -> None:
    with span("a", traceparent=PARENT, tracestate=state):
        assert current_tracestate() is None


@given(st.text())
def test_no_header_breaks_a_span(header: str) -> None:
    with span("a", traceparent=header, tracestate=header):
        assert VALID.fullmatch(current_traceparent())


async def test_tasks_do_not_see_each_others_spans() -> None:
    both = asyncio.Barrier(2)

    async def step() -> bool:
        with span("a") as own:
            await both.wait()
            in_thread = await asyncio.to_thread(current_span_id)
            return current_span_id() == in_thread == own.context.span_id

    assert await asyncio.gather(step(), step()) == [True, True]


def test_threads_do_not_see_each_others_spans() -> None:
    both = threading.Barrier(2)

    def step(_: int) -> bool:
        with span("a") as own:
            both.wait()
            return current_span_id() == own.context.span_id

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(step, range(2))) == [True, True]


def test_without_an_endpoint_nothing_of_the_sdk_is_loaded() -> None:
    script = (
        "import sys\n"
        "from shared.telemetry import configure, span\n"
        "class Settings:\n"
        "    OTEL_EXPORTER_OTLP_ENDPOINT = APPLICATIONINSIGHTS_CONNECTION_STRING = None\n"
        "configure(Settings())\n"
        "with span('a'): pass\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True) == "[]\n"


def exported(collector: LocalServer) -> list[ExportTraceServiceRequest]:
    return [
        ExportTraceServiceRequest.FromString(body)
        for path, body in collector.requests
        if path == "/v1/traces"
    ]


def test_spans_reach_the_collector_as_one_trace(collector: LocalServer) -> None:
    stop = configure(ExportTo(collector.url), "bookstore-test")
    with span("outer", kind="server", traceparent=PARENT, tracestate="vendor=1") as outer:
        outer.set_attribute("http.response.status_code", 200)
        assert current_traceparent() == f"00-{TRACE}-{outer.context.span_id}-01"
        assert current_tracestate() == "vendor=1"
        with span("inner", attributes={"big": 2**70, "token": "t", "none": None, "list": [1]}):
            pass
    stop()
    (resource,) = exported(collector)[0].resource_spans
    assert resource.resource.attributes
    assert {a.key: a.value.string_value for a in resource.resource.attributes}[
        "service.name"
    ] == "bookstore-test"
    inner, sent = resource.scope_spans[0].spans
    assert (sent.name, sent.kind, sent.trace_id.hex()) == ("outer", 2, TRACE)
    assert sent.span_id.hex() == outer.context.span_id
    assert sent.parent_span_id.hex() == "b7ad6b7169203331"
    assert inner.parent_span_id == sent.span_id
    assert {a.key: a.value.string_value for a in inner.attributes} == {
        "big": str(2**70),
        "token": "[redacted]",
        "list": "[1]",
    }


def test_a_failed_span_carries_the_error_and_no_secret(collector: LocalServer) -> None:
    stop = configure(ExportTo(collector.url + "/"))
    with pytest.raises(ValueError, match="hunter2"), span("a"):
        raise ValueError("password=hunter2")
    stop()
    ((sent,),) = (s.spans for r in exported(collector)[0].resource_spans for s in r.scope_spans)
    assert sent.status.code == 2
    assert {a.key for a in sent.events[0].attributes} == {
        "exception.type",
        "exception.message",
        "exception.stacktrace",
    }
    # the source line of the raise stands in the stack, and its text is redacted as well
    assert b"hunter2" not in collector.requests[0][1]


def test_after_stopping_spans_go_nowhere_and_still_have_ids(collector: LocalServer) -> None:
    configure(ExportTo(collector.url))()
    with span("a"):
        assert VALID.fullmatch(current_traceparent())
    assert collector.requests == []


def test_the_sampler_is_the_one_that_opentelemetry_was_told(
    collector: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    stop = configure(ExportTo(collector.url))
    with span("a"):
        assert current_traceparent()[-2:] in {"00", "02"}
    stop()
    assert collector.requests == []


def test_a_process_ends_although_its_collector_never_answers() -> None:
    ended = threading.Event()

    def hang(path: str, body: bytes) -> tuple[int, bytes]:
        ended.wait(60)
        return 200, b""

    script = (
        "from shared.telemetry import configure, span\n"
        "import os\n"
        "class Settings:\n"
        "    OTEL_EXPORTER_OTLP_ENDPOINT = os.environ['COLLECTOR']\n"
        "    APPLICATIONINSIGHTS_CONNECTION_STRING = None\n"
        "configure(Settings())\n"
        "with span('a'): pass\n"
    )
    with serving(hang) as collector:
        try:
            subprocess.run(
                [sys.executable, "-c", script],
                cwd=ROOT,
                env={**os.environ, "COLLECTOR": collector.url},
                timeout=25,
                check=True,
                capture_output=True,
            )
        finally:
            ended.set()
