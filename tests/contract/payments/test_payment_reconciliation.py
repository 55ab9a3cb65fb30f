"""What webhooks, queues and processes lose is found by asking Stripe, to the cent."""

from datetime import timedelta

import pytest

from functions.payments.model import GatewayError, Intent, OutcomeUnknown, Posting, Refund
from functions.payments.ports import Transaction
from tests.support.payments import Till, new_order

A_WHILE = timedelta(minutes=3)


def settle(till: Till) -> None:
    till.clock.advance(A_WHILE)
    till.reconciliation.run()


def test_a_payment_whose_webhook_was_lost_is_found(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    till.reconciliation.run()
    assert till.payment(order).state == "pending", "it is not late yet"
    settle(till)
    assert till.announced(order) == ["payment.pending", "payment.succeeded"]
    till.hear(order)
    assert till.announced(order) == ["payment.pending", "payment.succeeded"]


def test_a_cancelled_intent_whose_webhook_was_lost_is_found(till: Till) -> None:
    order = new_order()
    payment = till.create(order)
    assert payment.intent is not None
    till.stripe.client.v1.payment_intents.cancel(payment.intent)
    settle(till)
    assert till.payment(order).state == "cancelled"


def test_a_create_that_nobody_sends_again_is_taken_up(till: Till) -> None:
    order = new_order()
    till.stripe.order("faults", kind="timeout_after", method="POST", path="/v1/payment_intents")
    with pytest.raises(OutcomeUnknown):
        till.impatient().create(order)
    settle(till)
    assert till.payment(order).state == "pending"
    assert len(till.record(order).calls) == 1


def test_a_cancel_that_got_stuck_is_taken_up(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.stripe.order("faults", kind="rate_limit", method="POST")
    with pytest.raises(GatewayError):
        till.cancel(order)
    settle(till)
    assert till.payment(order).state == "cancelled"


def test_a_refund_that_got_stuck_is_taken_up(till: Till) -> None:
    order = new_order()
    till.paid(order)
    till.stripe.order("faults", kind="timeout_after", method="POST", path="/v1/refunds")
    with pytest.raises(OutcomeUnknown):
        till.impatient().refund(order, f"{order}-r", 500)
    settle(till)
    assert till.payment(order).refunded == 500
    assert till.announced(order)[-1] == "payment.refunded"


def test_an_event_whose_message_was_lost_is_applied_from_the_inbox(till: Till) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    for event in till.stripe_events(order):
        till.events.take_in(*till.stripe.sign(event))
    till.clock.advance(timedelta(seconds=61))
    till.reconciliation.run()
    assert till.payment(order).state == "succeeded"


def test_refunds_made_by_hand_whose_webhooks_were_lost_are_booked(till: Till) -> None:
    order = new_order()
    payment = till.paid(order)
    assert payment.intent is not None
    till.stripe.client.v1.refunds.create({"payment_intent": payment.intent, "amount": 800})
    settle(till)
    assert till.payment(order).refunded == 800
    assert till.reports.found == []
    assert till.record(order).mismatch is None


def test_a_cent_that_does_not_match_is_reported_once_and_shown(till: Till) -> None:
    order = new_order()
    till.paid(order)
    cent = Posting("cent", order, "GBP", (("stripe_clearing", 1), ("customer", -1)))
    till.transactions.run(lambda transaction: transaction.ledger.post(cent))
    settle(till)
    settle(till)
    ((reported, what, details),) = till.reports.found
    assert (reported, what) == (order, "the ledger and Stripe do not agree")
    assert (details["ledger"], details["received"]) == (2501, 2500)
    assert till.record(order).mismatch == "ledger 2501, Stripe 2500 GBP"


def test_what_agrees_is_not_asked_for_again_until_money_moves(till: Till) -> None:
    order = new_order()
    till.paid(order)
    settle(till)
    till.stripe.order("faults", kind="rate_limit", calls=1)
    settle(till)
    assert till.stripe.faults_left() == 1, "nobody called"


def test_one_that_stripe_does_not_answer_keeps_none_of_the_others_back(till: Till) -> None:
    first, second = new_order(), new_order()
    for order in (first, second):
        till.create(order)
        till.pay(order)
    till.stripe.order("faults", kind="rate_limit", method="GET", calls=1)
    settle(till)
    states = {till.payment(first).state, till.payment(second).state}
    assert states == {"pending", "succeeded"}
    settle(till)
    assert {till.payment(one).state for one in (first, second)} == {"succeeded"}


def test_of_many_payments_one_waits_for_a_stripe_that_says_nothing(till: Till) -> None:
    orders = [new_order() for _ in range(5)]
    for order in orders:
        till.create(order)
        till.pay(order)
    till.clock.advance(A_WHILE)
    till.stripe.order("faults", kind="timeout_after", method="GET", calls=1000)
    till.impatient().reconciliation.run()
    assert till.stripe.faults_left() == 999
    till.stripe.order("faults", reset=True)
    settle(till)
    assert {till.payment(order).state for order in orders} == {"succeeded"}


def test_an_event_that_cannot_be_applied_keeps_nothing_else_waiting(till: Till) -> None:
    order = new_order()
    payment = till.create(order)
    refund = {"object": "refund", "id": "re_0", "payment_intent": payment.intent, "amount": 0}
    about = {**refund, "currency": "gbp", "status": "succeeded"}
    event = {"id": f"evt_{order}", "object": "event", "livemode": False, "type": "refund.created"}
    till.events.take_in(*till.stripe.sign({**event, "data": {"object": about}}))
    till.clock.advance(timedelta(seconds=1))
    till.pay(order)
    for told in till.stripe_events(order):
        till.events.take_in(*till.stripe.sign(told))
    till.clock.advance(timedelta(seconds=61))
    till.reconciliation.run()
    assert till.payment(order).state == "succeeded"


def test_payments_that_stripe_does_not_know_keep_no_other_waiting(till: Till) -> None:
    def lose(transaction: Transaction) -> None:
        for number in range(60):
            lost = transaction.payments.open(new_order(), "B-0", 100, "GBP")
            gone = Intent(f"pi_gone_{number}", "s", 100, "GBP", "processing", 0, None)
            transaction.payments.pend(lost.order_id, gone)

    till.transactions.run(lose)
    till.clock.advance(timedelta(seconds=1))
    order = new_order()
    till.create(order)
    till.pay(order)
    settle(till)
    settle(till)
    assert till.payment(order).state == "succeeded"


def test_refunds_that_a_bank_sits_on_keep_no_other_waiting(till: Till) -> None:
    order = new_order()
    paid = till.paid(order)
    assert paid.intent is not None

    def sit_on(transaction: Transaction) -> None:
        for number in range(60):
            transaction.refunds.open(
                Refund(
                    id=f"{order}-{number}",
                    order_id=order,
                    payment_id=paid.payment_id,
                    intent=paid.intent or "",
                    amount=1,
                    currency="GBP",
                    reason="a torn page",
                    state="pending",
                    provider_id=None,
                    counts=False,
                )
            )

    till.transactions.run(sit_on)
    till.clock.advance(timedelta(hours=1))
    till.stripe.order("faults", kind="rate_limit", method="POST", path="/v1/refunds")
    with pytest.raises(GatewayError):
        till.refund(order, f"{order}-r", 500)
    settle(till)
    settle(till)
    assert till.payment(order).refunded == 500
