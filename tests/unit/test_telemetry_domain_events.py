"""Domain events, against a server that takes what Application Insights takes."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.telemetry import bind_correlation_id, domain_events, span
from shared.telemetry.application_insights import ApplicationInsights
from shared.telemetry.domain_events import ApplicationInsightsEvents
from tests.unit.local_server import LocalServer, serving

ROOT = Path(__file__).resolve().parents[2]
KEY = "00000000-0000-0000-0000-000000000001"

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utc")
"""opencensus-ext-azure calls utcnow and utcfromtimestamp, deprecated since Python 3.12."""


@pytest.fixture
def sink() -> Iterator[LocalServer]:
    with serving(lambda path, body: (200, b'{"itemsReceived": 1, "itemsAccepted": 1}')) as server:
        yield server


def insights(sink: LocalServer) -> ApplicationInsights:
    """With what the Azure portal's often end in: a slash and a semicolon."""
    return ApplicationInsights(f"InstrumentationKey={KEY};IngestionEndpoint={sink.url}/;")


def received(sink: LocalServer) -> list[dict[str, Any]]:
    assert {path for path, _ in sink.requests} <= {"/v2.1/track"}
    return [envelope for _, body in sink.requests for envelope in json.loads(body)]


def test_an_event_arrives_with_its_properties_and_trace(sink: LocalServer, tmp_path: Path) -> None:
    events = ApplicationInsightsEvents(insights(sink), tmp_path / "spool")
    bind_correlation_id("corr-1")
    with span("test") as current:
        events.record(
            "order.placed",
            {"order_id": "o-1", "lines": 2, "client_secret": "hunter2"},
            {"total_minor_units": 2598},
        )
    events.close()
    (envelope,) = received(sink)
    assert envelope["iKey"] == KEY
    assert envelope["name"] == "Microsoft.ApplicationInsights.Event"
    assert envelope["tags"]["ai.operation.id"] == current.context.trace_id
    assert envelope["tags"]["ai.cloud.role"] == "bookstore"
    assert envelope["data"]["baseData"] == {
        "ver": 2,
        "name": "order.placed",
        "properties": {
            "correlation_id": "corr-1",
            "order_id": "o-1",
            "lines": "2",
            "client_secret": "[redacted]",
        },
        "measurements": {"total_minor_units": 2598},
    }


def test_events_of_many_threads_all_arrive(sink: LocalServer, tmp_path: Path) -> None:
    events = ApplicationInsightsEvents(insights(sink), tmp_path / "spool")
    start = threading.Barrier(8)

    def record(thread: int) -> None:
        start.wait()
        for number in range(25):
            events.record("stock.changed", {"id": f"{thread}-{number}"})

    threads = [threading.Thread(target=record, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events.close()
    ids = [envelope["data"]["baseData"]["properties"]["id"] for envelope in received(sink)]
    assert sorted(ids) == sorted(f"{t}-{n}" for t in range(8) for n in range(25))


def test_a_process_sends_its_events_before_it_ends(sink: LocalServer, tmp_path: Path) -> None:
    script = (
        "import os, pathlib\n"
        "from shared.telemetry.application_insights import ApplicationInsights\n"
        "from shared.telemetry.domain_events import ApplicationInsightsEvents\n"
        "insights = ApplicationInsights(os.environ['TO'])\n"
        "events = ApplicationInsightsEvents(insights, pathlib.Path(os.environ['SPOOL']))\n"
        "events.record('order.placed', {})\n"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            **os.environ,
            "TO": insights(sink).connection_string,
            "SPOOL": str(tmp_path / "spool"),
        },
        timeout=60,
        check=True,
    )
    assert [envelope["data"]["baseData"]["name"] for envelope in received(sink)] == ["order.placed"]


@pytest.mark.parametrize("fault", ["refuses for now", "is gone"])
def test_what_cannot_be_sent_now_is_kept_on_disk(fault: str, tmp_path: Path) -> None:
    with serving(lambda path, body: (503, b"")) as sink:
        events = ApplicationInsightsEvents(insights(sink), tmp_path / "spool")
        events.record("order.placed", {})
        if fault == "refuses for now":
            events.close()
    events.close()
    (kept,) = (tmp_path / "spool").rglob("*.blob*")
    assert "order.placed" in kept.read_text("utf-8")


def test_an_unusable_connection_string_costs_no_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    events = domain_events(ApplicationInsights("InstrumentationKey=hunter2"))
    events.record("order.placed", {"order_id": "o-1"})
    events.record("order.placed", {"order_id": "o-2"})
    events.close()
    logged = [json.loads(message)["event"] for message in caplog.messages]
    assert logged == [
        "telemetry.application_insights_unusable",
        "domain_event.recorded",
        "domain_event.recorded",
    ]
    assert "hunter2" not in caplog.text


def test_without_application_insights_events_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    events = domain_events(None)
    events.record("order.placed", {"order_id": "o-1"}, {"lines": 2})
    events.close()
    entry = json.loads(caplog.messages[0])
    assert (entry["name"], entry["properties"]) == ("order.placed", {"order_id": "o-1"})
    assert entry["measurements"] == {"lines": 2}
