"""Stripe's events: signed, twice, out of order, of unknown kinds, of others, of other money."""

import copy
import itertools
import json
import time
from typing import Any

import pytest
import stripe as sdk
from sqlalchemy import select

from functions.payments.model import STRIPE_EVENTS, BadSignature
from functions.payments.store.tables import outbox
from shared.kit.errors import BadInput
from shared.telemetry import span
from tests.support.payments import Till, new_order

PAID = ["payment.pending", "payment.succeeded"]


def test_a_paid_intent_becomes_a_succeeded_payment_with_balanced_entries(till: Till) -> None:
    order = new_order()
    payment = till.paid(order)
    assert (payment.state, payment.received) == ("succeeded", 2500)
    assert till.announced(order) == PAID
    entries = {(one.account, one.amount) for one in till.record(order).ledger}
    assert entries == {("stripe_clearing", 2500), ("customer", -2500)}


def test_each_event_counts_once_however_often_it_comes(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order, "pm_card_visa_chargeDeclined")
    till.pay(order)
    events = till.stripe_events(order)
    for event in [*events, *events, *reversed(events)]:
        till.receive(event)
    assert till.announced(order) == ["payment.pending", "payment.declined", "payment.succeeded"]
    assert len(till.record(order).ledger) == 2


def test_a_second_delivery_is_not_queued_again(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    (event,) = [one for one in till.stripe_events(order) if one["type"].endswith("t.succeeded")]
    till.events.take_in(*till.stripe.sign(event))
    till.events.take_in(*till.stripe.sign(event))
    assert till.queued() == [event["id"]]


def test_kinds_that_nobody_needs_are_kept_and_not_queued(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    events = {one["type"]: one for one in till.stripe_events(order)}
    invented = {**events["payment_intent.created"], "id": "evt_new", "type": "planet.discovered"}
    for event in (events["charge.succeeded"], events["payment_intent.created"], invented):
        till.receive(event)
    assert till.queued() == []
    assert till.payment(order).state == "pending"
    outcomes = {one.type: one.outcome for one in till.record(order).events}
    assert outcomes == {
        "charge.succeeded": "ignored",
        "payment_intent.created": "ignored",
        "planet.discovered": "ignored",
    }


def test_a_decline_that_comes_after_the_capture_changes_nothing(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order, "pm_card_visa_chargeDeclined")
    till.pay(order)
    for event in reversed(till.stripe_events(order)):
        till.receive(event)
    assert till.announced(order) == PAID
    assert till.payment(order).declined is None


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
        ),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ],
)
def test_a_declined_card_is_told_with_stripes_codes_and_is_not_final(
    till: Till, card: str, code: str, decline_code: str
) -> None:
    order = new_order()
    till.create(order)
    till.pay(order, card)
    till.hear(order)
    kind, said = till.said(order)[-1]
    assert (kind, said["code"], said["decline_code"]) == ("payment.declined", code, decline_code)
    view = till.views.view(order)
    assert view is not None
    assert view.declined == decline_code
    till.pay(order)
    till.hear(order)
    assert till.payment(order).state == "succeeded"
    view = till.views.view(order)
    assert view is not None
    assert view.declined is None


def test_a_card_that_asks_for_its_holder_waits_and_then_pays(till: Till) -> None:
    order = new_order()
    till.create(order)
    asked = till.pay(order, "pm_card_threeDSecure2Required")
    assert asked["status"] == "requires_action"
    till.hear(order)
    assert till.announced(order) == ["payment.pending"]
    page = asked["next_action"]["redirect_to_url"]["url"]
    till.stripe.http.post(page, data={"passes": "yes"})
    till.hear(order)
    assert till.announced(order) == PAID


def test_authentication_that_fails_is_a_decline(till: Till) -> None:
    order = new_order()
    till.create(order)
    asked = till.pay(order, "pm_card_threeDSecure2Required")
    till.stripe.http.post(asked["next_action"]["redirect_to_url"]["url"], data={"passes": "no"})
    till.hear(order)
    assert till.said(order)[-1][1]["code"] == "payment_intent_authentication_failure"


def test_a_capture_after_the_order_was_closed_is_told_as_well(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    events = {one["type"]: one for one in till.stripe_events(order)}
    succeeded = events["payment_intent.succeeded"]
    cancelled = forged(succeeded, "payment_intent.canceled", status="canceled", amount_received=0)
    till.receive(cancelled)
    till.receive(succeeded)
    assert till.announced(order) == [
        "payment.pending",
        "payment.cancelled",
        "payment.succeeded",
    ]
    assert till.record(order).balance == 2500


def test_an_event_that_overtakes_its_own_create_brings_the_intent_along(till: Till) -> None:
    order = new_order()
    till.stripe.order("settings", autopay="pm_card_visa")
    till.stripe.order("faults", kind="timeout_after", method="POST", path="/v1/payment_intents")
    with pytest.raises(Exception, match="no answer"):
        till.impatient().create(order)
    intent = next(
        one.id
        for one in till.stripe.client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
        if one.metadata.to_dict().get("order_id") == order
    )
    for event in till.stripe.events(intent):
        till.receive(event)
    assert till.payment(order).intent == intent
    assert till.announced(order) == PAID
    till.create(order)
    assert till.announced(order) == PAID


def test_events_of_unknown_intents_are_kept_and_change_nothing(till: Till) -> None:
    stranger = till.stripe.client.v1.payment_intents.create(
        {"amount": 900, "currency": "gbp", "metadata": {"order_id": "nobody"}}
    )
    till.stripe.pay(stranger.id, str(stranger.client_secret))
    order = new_order()
    till.create(order)
    for event in till.stripe.events(stranger.id):
        till.receive(event)
    assert till.announced("nobody") == []
    assert till.reports.found == []


@pytest.mark.parametrize("change", [{"account": "acct_other"}, {"livemode": True}])
def test_events_of_another_account_or_mode_change_nothing(
    till: Till, change: dict[str, Any]
) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    succeeded = till.stripe_events(order)[-1]
    assert succeeded["type"] == "payment_intent.succeeded"
    till.receive({**succeeded, **change})
    assert till.payment(order).state == "pending"
    assert [one.outcome for one in till.record(order).events] == ["foreign"]


@pytest.mark.parametrize(
    "change",
    [{"amount_received": 2499}, {"amount_received": 2501}, {"currency": "eur"}],
)
def test_another_amount_or_currency_fails_the_payment_and_goes_back(
    till: Till, change: dict[str, Any]
) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    succeeded = till.stripe_events(order)[-1]
    wrong = forged(succeeded, "payment_intent.succeeded", **change)
    till.receive(wrong)
    till.receive({**wrong, "id": "evt_again"})
    assert till.announced(order) == ["payment.pending", "payment.failed"]
    assert till.announced(order, "payment-requests") == ["payment.refund"]
    ((reported, what, details),) = till.reports.found
    assert (reported, what) == (order, "money came that was not asked for")
    assert details["received"] == wrong["data"]["object"]["amount_received"]


def test_money_of_a_second_intent_for_an_order_goes_back_and_the_first_stays(till: Till) -> None:
    order = new_order()
    till.paid(order)
    second = till.stripe.client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "gbp",
            "metadata": {"order_id": order},
            "payment_method_types": ["card"],
        }
    )
    till.stripe.pay(second.id, str(second.client_secret))
    for event in till.stripe.events(second.id):
        till.receive(event)
    assert till.record(order).balance == 3500
    till.handle_own_requests(order)
    till.handle_own_requests(order)
    assert till.gateway.intent(second.id).refunded == 1000
    assert till.record(order).balance == 2500
    assert till.announced(order) == PAID, "checkout has nothing to do with it"
    assert len(till.reports.found) == 1


@pytest.mark.parametrize("order_of_events", list(itertools.permutations(range(3))))
def test_a_refund_that_fails_later_is_taken_back_in_whatever_order_it_is_told(
    till: Till, order_of_events: tuple[int, ...]
) -> None:
    order = new_order()
    till.create(order)
    till.pay(order, "pm_card_refundFail")
    till.hear(order)
    till.refund(order, f"{order}-r", 900)
    assert till.announced(order)[-1] == "payment.refunded"
    accepted = next(one for one in till.stripe_events(order) if one["type"] == "refund.created")
    failed = forged(
        accepted, "refund.failed", status="failed", failure_reason="lost_or_stolen_card"
    )
    updated = forged(accepted, "refund.updated", status="failed")
    events = [accepted, failed, updated]
    for place in order_of_events:
        till.receive(events[place])
    assert till.announced(order)[2:] == ["payment.refunded", "payment.refund_failed"]
    _, told = till.said(order)[-1]
    assert (told["refund_id"], told["amount"], told["currency"]) == (f"{order}-r", 900, "GBP")
    assert till.payment(order).refunded == 0
    assert till.record(order).balance == 2500


def test_a_refund_by_hand_at_stripe_is_booked_and_told(till: Till) -> None:
    order = new_order()
    payment = till.paid(order)
    assert payment.intent is not None
    made = till.stripe.client.v1.refunds.create({"payment_intent": payment.intent, "amount": 300})
    till.hear(order)
    kind, said = till.said(order)[-1]
    assert (kind, said["refund_id"], said["refunded"]) == ("payment.refunded", made.id, 300)
    till.refund(order, f"{order}-r", 2201)
    assert till.said(order)[-1][1]["code"] == "amount_too_large"
    till.refund(order, f"{order}-r2", 2200)
    assert till.record(order).balance == 0


def test_a_pending_refund_counts_at_once_and_succeeds_quietly(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order, "pm_card_pendingRefund")
    till.hear(order)
    till.refund(order, f"{order}-r", 900)
    (refund,) = till.record(order).refunds
    assert refund.state == "pending"
    created = next(one for one in till.stripe_events(order) if one["type"] == "refund.created")
    till.receive(forged(created, "refund.updated", status="succeeded"))
    till.receive(created)
    (refund,) = till.record(order).refunds
    assert refund.state == "succeeded"
    assert till.announced(order) == [*PAID, "payment.refunded"]


def test_a_dispute_is_reported_to_people(till: Till) -> None:
    order = new_order()
    payment = till.paid(order)
    dispute = {"id": "dp_1", "object": "dispute", "payment_intent": payment.intent, "amount": 2500}
    event = till.stripe_events(order)[-1]
    till.receive(
        {**event, "id": "evt_d", "type": "charge.dispute.created", "data": {"object": dispute}}
    )
    assert [what for _, what, _ in till.reports.found] == ["a dispute moves money"]


def test_a_wrong_missing_or_old_signature_is_refused_before_anything_else(till: Till) -> None:
    body, good = till.stripe.sign({"id": "evt_1"})
    old = int(time.time()) - 301
    too_old = sdk.WebhookSignature.generate_signature_header(
        body.decode(), till.stripe.keys.webhook_secret, old
    )
    other_key = sdk.WebhookSignature.generate_signature_header(body.decode(), "whsec_other")
    for content, signature in [
        (body, ""),
        (body, "t=1"),
        (body, f"t={int(time.time())},v1=\xe9"),
        (body, "nonsense"),
        (body, too_old),
        (body, other_key),
        (body + b" ", good),
        (b"\xff", good),
    ]:
        with pytest.raises(BadSignature):
            till.events.take_in(content, signature)


@pytest.mark.parametrize(
    "content",
    [
        *("[]", "{}", "5", "null", "not JSON", "[" * 5000),
        json.dumps({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": []}}),
        json.dumps({"id": "", "type": "x", "data": {"object": {}}}),
        json.dumps({"id": "evt_1", "type": 5, "data": {"object": {}}}),
        json.dumps({"id": 1, "type": "x", "data": {"object": {}}}),
        *(
            json.dumps(
                {
                    "id": "evt_1",
                    "type": "payment_intent.succeeded",
                    "data": {
                        "object": {
                            "object": "payment_intent",
                            "id": "pi_1",
                            "amount": 1,
                            "amount_received": amount,
                            "currency": "gbp",
                            "status": "succeeded",
                        }
                    },
                }
            )
            for amount in (1.0, "1", True, -1, 10**30, None)
        ),
        json.dumps(
            {
                "id": "evt_1",
                "type": "payment_intent.succeeded",
                "data": {"object": {"object": "payment_intent", "id": "pi_1"}},
            }
        ),
    ],
)
def test_a_signed_body_that_is_no_event_is_bad_input(till: Till, content: str) -> None:
    with pytest.raises(BadInput, match="not a Stripe event"):
        till.events.take_in(*till.stripe.sign(content))


def forged(event: dict[str, Any], kind: str, **change: Any) -> dict[str, Any]:
    """Another event about the object, as it would be after that change."""
    other = copy.deepcopy(event)
    other["data"]["object"] |= change
    return {**other, "id": f"{event['id']}_{kind[-8:]}", "type": kind}


def test_what_stripe_says_goes_on_with_the_trace_of_the_payment(till: Till) -> None:
    order = new_order()
    with span("checkout") as checkout:
        till.create(order)
    till.pay(order)
    with span("webhook") as webhook:
        till.hear(order)
    with till.database.primary() as connection:
        bodies = connection.scalars(
            select(outbox.c.body).where(outbox.c.destination == STRIPE_EVENTS)
        )
        traces = {json.loads(body)["traceparent"].split("-")[1] for body in bodies}
    assert traces == {checkout.context.trace_id}
    assert webhook.context.trace_id not in traces
