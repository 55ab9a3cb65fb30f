"""Metrics and logs on their way out, and where they go."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from local.collector import Collector, collecting
from shared.telemetry import bind_correlation_id, configure, get_logger, is_measuring, span
from shared.telemetry.application_insights import ApplicationInsights
from shared.telemetry.exported.providers import SWITCHED_OFF
from shared.telemetry.metrics import CACHE_LOOKUPS, HTTP_DURATION, OUTBOX_LAG
from tests.support.ports import free_ports

log = get_logger("test")


@dataclass
class ExportTo:
    OTEL_EXPORTER_OTLP_ENDPOINT: str | None = None
    APPLICATIONINSIGHTS_CONNECTION_STRING: SecretStr | None = None
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: str | None = None


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(autouse=True)
def lines_are_written() -> Iterator[None]:
    logger = logging.getLogger("bookstore")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    yield
    logger.setLevel(before)


@contextmanager
def exporting(to: ExportTo) -> Iterator[Callable[[], None]]:
    stop = configure(to, "bookstore-test")
    try:
        yield stop
    finally:
        stop()


def test_what_azures_sdks_tell_of_each_request_is_not_written() -> None:
    with exporting(ExportTo()):
        for name in ("azure.cosmos._cosmos_http_logging_policy", "azure.servicebus", "azure.core"):
            assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_counters_add_up_gauges_hold_and_histograms_sort(collector: Collector) -> None:
    with exporting(ExportTo(collector.url)):
        assert is_measuring()
        CACHE_LOOKUPS.record(1, {"outcome": "hit"})
        CACHE_LOOKUPS.record(2, {"outcome": "hit"})
        OUTBOX_LAG.record(4.5, {"service": "checkout"})
        OUTBOX_LAG.record(1.5, {"service": "checkout"})
        HTTP_DURATION.record(0.2, {"http.route": "/a"})
    assert not is_measuring()
    found = {one.name: (one.value, one.unit, one.attributes) for one in collector.kept.points}
    assert found == {
        "bookstore.cache.lookups": (3, "{lookup}", {"outcome": "hit"}),
        "bookstore.outbox.lag": (1.5, "s", {"service": "checkout"}),
        "http.server.request.duration": (1, "s", {"http.route": "/a"}),
    }


def test_a_log_line_is_tied_to_its_span(collector: Collector) -> None:
    with exporting(ExportTo(collector.url)), span("a") as current:
        bind_correlation_id("corr-1")
        log.warning("thing.happened", what="x", to="anna@example.org", token="t")
        try:
            raise ValueError("password=hunter2 of anna@example.org")
        except ValueError as error:
            log.error("thing.failed", exc_info=error)
    happened, failed = collector.kept.logs
    assert (happened.body, happened.severity) == ("thing.happened", "WARNING")
    assert happened.trace_id == current.context.trace_id
    assert happened.span_id == current.context.span_id
    assert happened.attributes == {
        "service": "test",
        "correlation_id": "corr-1",
        "what": "x",
        "to": "[redacted]",
        "token": "[redacted]",
    }
    assert failed.attributes["exception.type"] == "ValueError"
    sent = b"".join(collector.kept.bodies)
    assert b"hunter2" not in sent
    assert b"example.org" not in sent


def test_a_line_outside_of_any_span_has_no_trace(collector: Collector) -> None:
    with exporting(ExportTo(collector.url)):
        log.info("thing.happened")
    assert [one.trace_id for one in collector.kept.logs] == [""]


def test_a_signal_can_be_left_out(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "none")
    with exporting(ExportTo(collector.url)), span("a"):
        log.info("thing.happened")
        OUTBOX_LAG.record(1)
    assert [one.name for one in collector.kept.spans] == ["a"]
    assert collector.kept.logs == collector.kept.points == []


def test_azure_monitor_gets_all_three_and_nothing_else_is_sent(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SWITCHED_OFF:
        monkeypatch.setenv(f"APPLICATIONINSIGHTS_{name}", "true")  # as `configure` leaves them
    with exporting(
        ExportTo(APPLICATIONINSIGHTS_CONNECTION_STRING=SecretStr(collector.connection_string))
    ):
        with span("GET /a", kind="server", attributes={"http.request.method": "GET"}) as current:
            log.info("thing.happened")
        OUTBOX_LAG.record(1)
    kinds = {one["name"].rpartition(".")[2]: one for one in collector.kept.envelopes}
    assert set(kinds) == {"Request", "Message", "Metric"}
    for kind in ("Request", "Message"):
        assert kinds[kind]["tags"]["ai.operation.id"] == current.context.trace_id
    assert kinds["Request"]["tags"]["ai.cloud.role"] == "bookstore-test"


def test_with_nobody_listening_nothing_is_noticed() -> None:
    with exporting(ExportTo(f"http://127.0.0.1:{free_ports()}")), span("a"):
        log.info("thing.happened")
        OUTBOX_LAG.record(1)


@pytest.mark.parametrize(
    ("said", "signs_in"),
    [
        (None, False),
        ("Authorization=AAD", True),
        ("ClientId=00000000-0000-0000-0000-000000000001;Authorization=AAD", True),
        ("ClientId=00000000-0000-0000-0000-000000000001", False),
    ],
)
def test_the_authentication_string_decides_who_signs_in(said: str | None, signs_in: bool) -> None:
    insights = ApplicationInsights("InstrumentationKey=a;IngestionEndpoint=https://b/;", said)
    assert (insights.credential() is not None) == signs_in
    assert insights.connection_string == "InstrumentationKey=a;IngestionEndpoint=https://b"
    assert "InstrumentationKey" not in repr(insights)
