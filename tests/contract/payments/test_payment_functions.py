"""Payments' functions as a Functions worker calls them."""

import json
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.functions.servicebus import ServiceBusMessage

from functions.payments.model import STRIPE_EVENTS, StripeEventReceived, Unavailable
from functions.payments.triggers import admin, queues, webhooks
from shared.contracts.envelope import Payload, UnreadableMessage
from shared.contracts.payments import REQUESTS, CancelPayment, CreatePayment, RefundPayment
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.payments import Till, new_order


@pytest.fixture
def caller(till: Till) -> Caller:
    made = Caller("payments")
    webhooks.register(made.api, Provider(lambda: till.events))
    admin.register(made.api, Provider(lambda: till.views))
    return made


@pytest.fixture
def triggers(till: Till) -> dict[str, func.Function]:
    blueprint = func.Blueprint()
    queues.register(blueprint, Provider(lambda: till.requests), Provider(lambda: till.events))
    app = func.FunctionApp()
    app.register_functions(blueprint)
    return {str(one.get_function_name()): one for one in app.get_functions()}


def message(payload: Payload, subject: str, delivery: int = 1) -> ServiceBusMessage:
    envelope = {
        "specversion": "1.0",
        "id": f"{payload.kind}-{subject}"[:64],
        "source": "/checkout",
        "type": payload.kind,
        "subject": subject,
        "time": "2026-01-01T00:00:00Z",
        "data": payload.model_dump(mode="json"),
    }
    return received(json.dumps(envelope).encode(), delivery)


def received(body: bytes, delivery: int = 1) -> ServiceBusMessage:
    return ServiceBusMessage(
        body=body,
        message_id="m",
        application_properties={},
        user_properties={},
        delivery_count=delivery,
    )


def test_a_payments_life_through_its_functions(
    till: Till, caller: Caller, triggers: dict[str, func.Function]
) -> None:
    order = new_order()
    request = triggers["payments_handle_request"].get_user_function()
    apply = triggers["payments_apply_stripe_event"].get_user_function()
    request(
        message(
            CreatePayment(order_id=order, order_number="B-1", amount=900, currency="GBP"), order
        )
    )
    till.pay(order)
    for event in till.stripe_events(order):
        body, signature = till.stripe.sign(event)
        answer = caller.send("payments_stripe_webhook", body, stripe_signature=signature)
        assert answer.status_code == 200
        assert json.loads(answer.get_body()) == {"received": True}
    for event_id in till.queued():
        apply(message(StripeEventReceived(event_id=event_id), event_id))
    request(message(RefundPayment(order_id=order, refund_id="r", amount=400, reason="torn"), order))
    request(message(CancelPayment(order_id=order), order))
    assert till.announced(order) == ["payment.pending", "payment.succeeded", "payment.refunded"]


def test_the_queues_and_their_sessions_are_those_of_the_contract(
    triggers: dict[str, func.Function],
) -> None:
    bindings: dict[str, Any] = {
        name: json.loads(str(one))["bindings"][0] for name, one in triggers.items()
    }
    requests = bindings["payments_handle_request"]
    assert (requests["queueName"], requests["isSessionsEnabled"]) == (REQUESTS, True)
    events = bindings["payments_apply_stripe_event"]
    assert (events["queueName"], events.get("isSessionsEnabled")) == (STRIPE_EVENTS, None)


def test_a_message_that_is_none_of_ours_raises_for_the_dead_letters(
    triggers: dict[str, func.Function],
) -> None:
    request = triggers["payments_handle_request"].get_user_function()
    with pytest.raises(UnreadableMessage):
        request(received(b"{}"))


def test_a_request_that_stripe_does_not_answer_is_left_to_the_timer_and_not_to_the_dead_letters(
    till: Till, triggers: dict[str, func.Function]
) -> None:
    order = new_order()
    request = triggers["payments_handle_request"].get_user_function()
    create = CreatePayment(order_id=order, order_number="B-2", amount=900, currency="GBP")
    till.stripe.order("faults", kind="rate_limit", calls=1000)
    for delivery in (1, 2):
        with pytest.raises(Unavailable):
            request(message(create, order, delivery))
    request(message(create, order, 3))
    request(message(CancelPayment(order_id=order), order, 3))
    assert till.payment(order).state == "requested"
    till.stripe.order("faults", reset=True)
    till.clock.advance(timedelta(minutes=2))
    till.reconciliation.run()
    assert till.announced(order)[-1] == "payment.cancelled"


def test_a_webhook_with_a_wrong_signature_is_refused_and_leaves_nothing(
    till: Till, caller: Caller
) -> None:
    order = new_order()
    till.create(order)
    till.pay(order)
    event = till.stripe_events(order)[-1]
    body, signature = till.stripe.sign(event)
    other = signature[:-1] + ("1" if signature.endswith("0") else "0")
    for wrong in ("", other, "t=5,v1=abc"):
        answer = caller.send("payments_stripe_webhook", body, stripe_signature=wrong)
        assert answer.status_code == 400
        assert json.loads(answer.get_body())["type"].endswith("bad-signature")
    assert till.record(order).events == ()


def test_the_back_office_sees_a_payment_with_its_ledger(till: Till, caller: Caller) -> None:
    order = new_order()
    payment = till.paid(order)
    till.refund(order, f"{order}-r", 500)
    path = {"order_id": order}
    answer = caller.send("payments_get_payment", path=path, token="ada-orders.refund")
    shown = json.loads(answer.get_body())
    assert (answer.status_code, shown["state"], shown["received"]) == (200, "succeeded", 2500)
    assert (shown["refunded"], shown["balance"]) == (500, 2000)
    assert [one["account"] for one in shown["ledger"]].count("refunds") == 1
    assert sum(one["amount"] for one in shown["ledger"]) == 0
    assert {one["state"] for one in shown["calls"]} == {"done"}
    assert payment.client_secret is not None
    assert payment.client_secret not in answer.get_body().decode()


def test_only_the_role_opens_it_and_an_unknown_order_is_404(till: Till, caller: Caller) -> None:
    path = {"order_id": new_order()}
    assert caller.send("payments_get_payment", path=path).status_code == 401
    other = caller.send("payments_get_payment", path=path, token="ada-catalogue.write")
    assert other.status_code == 403
    unknown = caller.send("payments_get_payment", path=path, token="ada-orders.refund")
    assert unknown.status_code == 404
