"""One purchase as the collectors see it: one trace, its logs and metrics, its domain events, and
nothing of the buyer."""

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.collector import Collector, Kept, Span, collecting
from local.collector.tree import roots, tree
from sandbox.stripe.keys import account_keys
from tests.conftest import ROOT, Shop, end, serve
from tests.support.backstage import Staff
from tests.support.shopper import PATIENCE_SECONDS, Json, Shopper

AT_ONCE = {
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_BLRP_SCHEDULE_DELAY": "100",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
}
"""Milliseconds: nobody here waits for full batches."""
BUYER = {
    "email": "zebulon.quux@private.example",
    "shipping_address": {
        "name": "Zebulon Quux",
        "line1": "77 Whistledown Mews",
        "city": "Ambleford",
        "postcode": "SW1Y 4JH",
        "country": "GB",
    },
}
SPANS = {
    "checkout_start_checkout": "server",
    "POST /api/v1/checkouts": "server",
    "orchestration:checkout_v1": "internal",
    "checkout_prepare": "internal",
    "checkout_reserve": "internal",
    "checkout_request_payment": "internal",
    "send payment-requests": "producer",
    "process payment.create": "consumer",
    "POST /v1/payment_intents": "client",
    "receive payment_intent.succeeded": "consumer",
    "process stripe.event_received": "consumer",
    "process payment.succeeded": "consumer",
    "checkout_settle": "internal",
    "checkout_finish": "internal",
    "send orders": "producer",
    "process order.placed": "consumer",
    "POST /v2/shipments": "client",
    "process shipment.created": "consumer",
    "process mail.send": "consumer",
    "send mail": "client",
    "transaction orders": "client",
    "transaction payments": "client",
}


@dataclass
class Purchase:
    kept: Kept
    shop: Shop
    checkout: Json
    spans: list[Span]
    """Of the trace that the checkout began."""

    def shows(self, text: str) -> bool:
        """Whether any body that left the shop holds it."""
        return any(text.encode() in body for body in self.kept.bodies)


def observed(folder: Path, collector: Collector) -> Shop:
    return serve(
        folder / "state",
        "--no-covers",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        APPLICATIONINSIGHTS_CONNECTION_STRING=collector.connection_string,
        TMPDIR=str(folder),
        **AT_ONCE,
    )


def trace_of(kept: Kept, name: str) -> list[Span]:
    [trace_id] = {span.trace_id for span in kept.spans if span.name == name}
    return kept.trace(trace_id)


@pytest.fixture(scope="module")
def purchase(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Purchase]:
    folder = tmp_path_factory.mktemp("observed")
    with collecting() as collector, ExitStack() as leaving:
        shop = observed(folder, collector)
        leaving.callback(end, shop)
        staff = leaving.enter_context(closing(Staff(shop)))
        buyer = leaving.enter_context(closing(Shopper(shop, "zebulon")))
        isbn = staff.new_book()
        buyer.ask("GET", f"books/{isbn}")
        buyer.ask("GET", f"books/{isbn}")
        checkout = buyer.buy(isbn, **BUYER)

        def is_whole(kept: Kept) -> bool:
            found = {span.name for span in kept.spans}
            mailed = any(point.name == "bookstore.cache.lookups" for point in kept.points)
            return SPANS.keys() <= found and mailed and bool(kept.events())

        assert collector.kept.wait_for(is_whole, PATIENCE_SECONDS), SPANS.keys() - {
            span.name for span in collector.kept.spans
        }
        leaving.pop_all().close()
        yield Purchase(
            collector.kept, shop, checkout, trace_of(collector.kept, "POST /api/v1/checkouts")
        )


def test_an_order_is_one_connected_trace(purchase: Purchase) -> None:
    spans = purchase.spans
    assert {span.name: span.kind for span in spans}.items() >= SPANS.items()
    [root] = roots(spans)
    assert root.name == "checkout_start_checkout", "\n".join(tree(spans))
    assert not any(span.is_failed for span in spans)


def test_a_span_is_below_what_led_to_it(purchase: Purchase) -> None:
    by_id = {span.span_id: span for span in purchase.spans}

    def ancestors(name: str) -> set[str]:
        found: set[str] = set()
        [span, *_] = [span for span in purchase.spans if span.name == name]
        while (above := by_id.get(span.parent_id)) is not None:
            found.add(above.name)
            span = above
        return found

    assert ancestors("send mail") >= {
        "process mail.send",
        "process order.placed",
        "checkout_finish",
        "orchestration:checkout_v1",
        "POST /api/v1/checkouts",
    }
    assert ancestors("process payment.succeeded") >= {
        "receive payment_intent.succeeded",
        "process payment.create",
        "checkout_request_payment",
    }


def test_stripes_webhook_is_linked_to_the_order_that_it_is_about(purchase: Purchase) -> None:
    [received] = [one for one in purchase.spans if one.name == "receive payment_intent.succeeded"]
    webhooks = [one for one in purchase.kept.spans if one.name == "POST /api/v1/webhooks/stripe"]
    assert set(received.links) <= {one.trace_id for one in webhooks}
    assert len(received.links) == 1


def test_spans_say_what_opentelemetry_expects(purchase: Purchase) -> None:
    [http] = [one for one in purchase.spans if one.name == "POST /api/v1/checkouts"]
    assert http.attributes == {
        "http.request.method": "POST",
        "http.route": "/api/v1/checkouts",
        "http.response.status_code": 202,
    }
    [sent] = [one for one in purchase.spans if one.name == "send payment-requests"]
    assert sent.attributes == {
        "messaging.system": "servicebus",
        "messaging.destination.name": "payment-requests",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.batch.message_count": 1,
    }
    [asked] = [one for one in purchase.spans if one.name == "POST /v1/payment_intents"]
    assert asked.attributes["url.template"] == "/v1/payment_intents"


def test_log_lines_name_their_trace(purchase: Purchase) -> None:
    mailed = [line for line in purchase.kept.logs if line.body == "mail.sent"]
    trace_ids = {span.trace_id for span in purchase.spans}
    assert {line.trace_id for line in mailed} == trace_ids
    assert mailed[0].attributes["service"] == "notifications"
    assert mailed[0].severity == "INFO"


def test_metrics_count_and_measure(purchase: Purchase) -> None:
    found: dict[str, list[Any]] = {}
    for point in purchase.kept.points:
        found.setdefault(point.name, []).append(point)
    requests = found["http.server.request.duration"]
    assert {"http.request.method": "POST", "http.route": "/api/v1/checkouts",
            "http.response.status_code": 202} in [one.attributes for one in requests]  # fmt: skip
    assert requests[0].unit == "s"
    steps = {tuple(one.attributes.values()) for one in found["bookstore.saga.steps"]}
    assert ("checkout_finish", "placed") in steps
    assert {one.attributes["outcome"] for one in found["bookstore.cache.lookups"]} == {
        "hit",
        "miss",
    }


def test_domain_events_are_told_once(purchase: Purchase) -> None:
    events = purchase.kept.events()
    order_id = purchase.checkout["order_id"]
    ours = [(name, said, told) for name, said, told in events if order_id in said.values()]
    names = [name for name, *_ in ours]
    assert sorted(names) == sorted(set(names))
    assert set(names) >= {
        "book.reserved",
        "payment.pending",
        "payment.succeeded",
        "order.placed",
        "shipment.created",
    }
    said, measured = next((said, told) for name, said, told in ours if name == "order.placed")
    total = purchase.checkout["totals"]["total"]
    assert measured == {"total": total["amount"], "lines": 1}
    assert (said["currency"], said["country"]) == ("GBP", "GB")


def test_domain_events_belong_to_the_trace(purchase: Purchase) -> None:
    placed = [
        one["tags"]["ai.operation.id"]
        for one in purchase.kept.envelopes
        if one["data"]["baseData"].get("name") == "order.placed"
    ]
    assert placed == [purchase.spans[0].trace_id]


def test_application_insights_gets_spans_metrics_and_logs_too(purchase: Purchase) -> None:
    kinds = {one["name"].rpartition(".")[2] for one in purchase.kept.envelopes}
    assert kinds >= {"Request", "RemoteDependency", "Metric", "Message", "Event"}


def test_nothing_that_leaves_the_shop_is_secret_or_of_the_buyer(purchase: Purchase) -> None:
    keys = account_keys(purchase.shop.state)
    secrets = [
        keys.secret_key,
        keys.webhook_secret,
        (purchase.shop.state / "shop-secret").read_text("ascii"),
        purchase.checkout["id"],
        "_secret_",
        "Bearer ",
    ]
    personal = ["zebulon", "Zebulon", "quux", "Quux", "Whistledown", "Ambleford", "SW1Y"]
    assert [text for text in (*secrets, *personal) if purchase.shows(text)] == []
    assert purchase.shows(purchase.checkout["order_id"])  # what is looked for could be found


def test_a_collector_that_hangs_is_not_noticed(tmp_path: Path) -> None:
    asked, may_go_on = threading.Event(), threading.Event()

    def hang(path: str) -> None:
        asked.set()
        may_go_on.wait()

    with collecting(before=hang) as collector, ExitStack() as leaving:
        leaving.callback(may_go_on.set)
        shop = observed(tmp_path, collector)
        leaving.callback(end, shop)
        staff = leaving.enter_context(closing(Staff(shop)))
        buyer = leaving.enter_context(closing(Shopper(shop, "zebulon")))
        assert asked.wait(PATIENCE_SECONDS)
        assert buyer.buy(staff.new_book())["status"] == "confirmed"
        assert collector.kept.bodies == []
        may_go_on.set()


def test_the_documents_show_the_trace_that_is(purchase: Purchase) -> None:
    """Lines may come in another order: messages are worked on side by side."""
    shown = (ROOT / "docs/observability.md").read_text("utf-8").partition("```trace\n")[2]
    documented = {_name(line) for line in shown.partition("```")[0].splitlines()}
    real = {_name(line) for line in tree(purchase.spans)}
    assert documented <= real
    assert {name for name, *_ in SPANS.items()} <= documented


def _name(line: str) -> str:
    return re.split(r"  \[", line.strip())[0]
