"""Requests from checkout, each of them twice, late, or while Stripe is ill."""

from contextlib import suppress

import pytest

from functions.payments.model import OutcomeUnknown, PaymentMismatch, Unavailable
from tests.support.payments import Till, new_order


def test_a_payment_is_made_once_however_often_it_is_asked_for(till: Till) -> None:
    order = new_order()
    first = till.create(order)
    assert till.create(order) == first
    assert (first.state, first.amount, first.currency) == ("pending", 2500, "GBP")
    assert till.announced(order) == ["payment.pending"]
    view = till.views.view(order)
    assert view is not None
    assert (view.payment_intent, view.client_secret) == (first.intent, first.client_secret)
    assert view.api_base == till.stripe.url
    shown = till.stripe.client.v1.payment_intents.retrieve(view.payment_intent)
    assert shown.metadata.to_dict()["order_id"] == order
    assert (shown.amount, shown.currency) == (2500, "gbp")


def test_a_payment_is_shown_while_another_is_written(till: Till) -> None:
    order = new_order()
    created = till.create(order)
    with till.database.write():
        view = till.views.view(order)
        assert view is not None
        assert view.payment_intent == created.intent
        assert till.record(order).state == "pending"


def test_there_is_nothing_to_show_before_the_intent_exists(till: Till) -> None:
    assert till.views.view(new_order()) is None
    order = new_order()
    till.cancel(order)
    assert till.views.view(order) is None


def test_a_second_create_with_another_amount_is_refused(till: Till) -> None:
    order = new_order()
    till.stripe.order("faults", kind="rate_limit", method="POST")
    with pytest.raises(Unavailable):
        till.create(order)
    with pytest.raises(PaymentMismatch):
        till.create(order, amount=2501)
    assert till.create(order).state == "pending"


def test_a_cancel_before_its_create_leaves_a_tombstone(till: Till) -> None:
    order = new_order()
    till.cancel(order)
    till.cancel(order)
    assert till.create(order).state == "cancelled"
    assert till.payment(order).intent is None
    assert till.announced(order) == ["payment.cancelled"]
    assert till.record(order).calls == ()


def test_a_pending_payment_is_cancelled_at_stripe(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.cancel(order)
    till.cancel(order)
    till.hear(order)
    assert till.payment(order).state == "cancelled"
    assert till.announced(order) == ["payment.pending", "payment.cancelled"]
    assert till.pay(order)["error"]["code"] == "payment_intent_unexpected_state"


def test_a_cancel_that_comes_too_late_tells_of_the_capture_instead(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    till.cancel(order)
    assert till.announced(order) == ["payment.pending", "payment.succeeded"]
    till.hear(order)
    assert till.announced(order) == ["payment.pending", "payment.succeeded"]
    assert till.payment(order).received == 2500
    till.check()


def test_an_amount_that_stripe_refuses_fails_the_payment_for_good(till: Till) -> None:
    order = new_order()
    assert till.create(order, amount=29).state == "failed"
    assert till.said(order) == [
        (
            "payment.failed",
            {
                "order_id": order,
                "payment_id": till.payment(order).payment_id,
                "code": "amount_too_small",
            },
        )
    ]
    till.create(order, amount=29)
    assert till.announced(order) == ["payment.failed"]


@pytest.mark.parametrize("kind", ["error_500", "error_500_after"])
def test_after_a_stored_5xx_the_intent_is_looked_up_before_another_key_is_used(
    till: Till, kind: str
) -> None:
    order = new_order()
    till.stripe.order("faults", kind=kind, method="POST", path="/v1/payment_intents")
    payment = till.create(order)
    assert payment.state == "pending"
    keys = [call.key for call in till.record(order).calls]
    expected = [f"create:{order}:1", f"create:{order}:2"]
    assert keys == (expected if kind == "error_500" else expected[:1])
    assert intents_of(till, order) == [payment.intent]


@pytest.mark.parametrize("kind", ["timeout", "timeout_after"])
def test_an_unanswered_create_is_sent_again_with_the_same_key(till: Till, kind: str) -> None:
    order = new_order()
    till.stripe.order("faults", kind=kind, method="POST", path="/v1/payment_intents")
    with pytest.raises(OutcomeUnknown):
        till.impatient().create(order)
    assert till.payment(order).state == "requested"
    payment = till.create(order)
    assert payment.state == "pending"
    assert [call.key for call in till.record(order).calls] == [f"create:{order}:1"]
    assert intents_of(till, order) == [payment.intent]


def test_a_cancel_while_the_create_is_in_doubt_finds_the_intent_and_cancels_it(till: Till) -> None:
    order = new_order()
    till.stripe.order("faults", kind="timeout_after", method="POST", path="/v1/payment_intents")
    with pytest.raises(OutcomeUnknown):
        till.impatient().create(order)
    till.cancel(order)
    assert till.payment(order).state == "cancelled"
    assert till.announced(order) == ["payment.pending", "payment.cancelled"]
    (intent,) = intents_of(till, order)
    assert till.stripe.client.v1.payment_intents.retrieve(intent).status == "canceled"


def test_a_refund_goes_out_once_and_is_counted(till: Till) -> None:
    order = new_order()
    payment = till.paid(order)
    till.refund(order, f"{order}-r1", 400)
    till.refund(order, f"{order}-r1", 400)
    till.refund(order, f"{order}-r2", 600)
    till.hear(order)
    refunds = [data for kind, data in till.said(order) if kind == "payment.refunded"]
    assert [(one["refund_id"], one["amount"], one["refunded"]) for one in refunds] == [
        (f"{order}-r1", 400, 400),
        (f"{order}-r2", 600, 1000),
    ]
    assert till.payment(order).refunded == 1000
    assert payment.intent is not None
    assert till.gateway.intent(payment.intent).refunded == 1000
    assert till.record(order).balance == 1500
    till.check()


@pytest.mark.parametrize("kind", ["error_500", "error_500_after", "timeout_after"])
def test_a_refund_in_doubt_is_looked_up_and_never_sent_twice(till: Till, kind: str) -> None:
    order = new_order()
    payment = till.paid(order)
    till.stripe.order("faults", kind=kind, path="/v1/refunds", method="POST")
    with suppress(OutcomeUnknown):
        till.impatient().refund(order, f"{order}-r", 700)
    till.refund(order, f"{order}-r", 700)
    assert payment.intent is not None
    assert till.gateway.intent(payment.intent).refunded == 700
    assert till.payment(order).refunded == 700
    till.check()


def test_no_more_is_refunded_than_was_received(till: Till) -> None:
    order = new_order()
    till.paid(order)
    till.refund(order, f"{order}-r1", 2000)
    till.refund(order, f"{order}-r2", 501)
    till.refund(order, f"{order}-r2", 501)
    till.refund(order, f"{order}-r3", 500)
    failed = [data for kind, data in till.said(order) if kind == "payment.refund_failed"]
    assert [(one["refund_id"], one["code"]) for one in failed] == [
        (f"{order}-r2", "amount_too_large")
    ]
    assert till.payment(order).refunded == 2500
    assert till.record(order).balance == 0
    till.check()


def test_a_refund_that_stripe_refuses_is_told_and_gives_its_money_free_again(till: Till) -> None:
    order = new_order()
    payment = till.paid(order)
    assert payment.intent is not None
    # Somebody refunds by hand, and its webhook has not come yet.
    till.stripe.client.v1.refunds.create({"payment_intent": payment.intent})
    till.refund(order, f"{order}-r", 2500)
    assert till.announced(order)[-1] == "payment.refund_failed"
    assert till.payment(order).refunding == 0
    till.hear(order)
    assert till.payment(order).refunded == 2500
    till.check()


def test_a_refund_of_what_was_never_captured_fails(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.refund(order, f"{order}-r", 100)
    assert till.said(order)[-1][1]["code"] == "payment_not_captured"


def intents_of(till: Till, order: str) -> list[str]:
    """All that Stripe has for the order, whatever we know of it."""
    listed = till.stripe.client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
    return [one.id for one in listed if one.metadata.to_dict().get("order_id") == order]
