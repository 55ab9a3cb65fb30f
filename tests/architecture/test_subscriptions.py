"""A subscription lets through what its consumer takes, so that nobody is woken for nothing."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import azure.functions as func
import pytest
from azure.functions.servicebus import ServiceBusMessage

from functions.cart import triggers as cart
from functions.inventory.triggers import messages as inventory
from functions.notifications.triggers import events as notifications
from functions.shipping.triggers import messages as shipping
from shared.contracts import orders as orders_contract
from shared.contracts import payments as payments_contract
from shared.contracts import shipping as shipping_contract
from shared.contracts.envelope import Envelope, Payload, UnreadableMessage
from shared.kit.provider import Provider

DECLARED = Path(__file__).parents[2] / "infra" / "servicebus.json"
PUBLISHED = {
    module.TOPIC: sorted(
        payload.kind
        for payload in vars(module).values()
        if isinstance(payload, type) and issubclass(payload, Payload) and hasattr(payload, "kind")
    )
    for module in (orders_contract, payments_contract, shipping_contract)
}


def filters() -> Mapping[tuple[str, str], set[str]]:
    """What the rules of a subscription let through, by topic and subscription."""
    namespace = json.loads(DECLARED.read_text("utf-8"))["UserConfig"]["Namespaces"][0]
    return {
        (topic["Name"], one["Name"]): {
            rule["Properties"]["CorrelationFilter"]["Label"] for rule in one["Rules"]
        }
        for topic in namespace["Topics"]
        for one in topic["Subscriptions"]
        if topic["Name"] in PUBLISHED and "Rules" in one
    }


def consumers() -> Mapping[tuple[str, str], Any]:
    """The functions themselves, with services that cannot be called."""

    def nothing() -> NoReturn:
        raise AssertionError("no service is needed to find out what a consumer takes")

    none: Provider[Any] = Provider(nothing)
    blueprint = func.Blueprint()
    cart.register_consumer(blueprint, none, none)
    inventory.register_orders(blueprint, none)
    notifications.register(blueprint, none)
    shipping.register(blueprint, none, none, none)
    app = func.FunctionApp()
    app.register_functions(blueprint)
    found = {}
    for function in app.get_functions():
        trigger = function.get_trigger().get_dict_repr()  # type: ignore[union-attr]
        if "topicName" in trigger:
            place = trigger["topicName"], trigger["subscriptionName"]
            found[place] = function.get_user_function()
    return found


def is_taken(consumer: Any, kind: str) -> bool:
    """Whoever takes a kind misses what it should say; who does not take it never looks."""
    envelope = Envelope.model_validate(
        {
            "id": "1",
            "source": "/test",
            "type": kind,
            "subject": "s",
            "time": "2026-11-28T12:00:00Z",
            "data": {},
        }
    )
    message = ServiceBusMessage(
        body=envelope.body(), message_id="1", application_properties={}, user_properties={}
    )
    try:
        running = consumer(message)
        if inspect.isawaitable(running):
            asyncio.run(_until_done(running))
    except UnreadableMessage:
        return True
    return False


async def _until_done(running: Any) -> None:
    await running


@pytest.mark.parametrize("place", sorted(filters()), ids="/".join)
def test_rules_let_through_what_the_consumer_takes(place: tuple[str, str]) -> None:
    topic, _ = place
    consumer = consumers().get(place)
    assert consumer is not None
    taken = {kind for kind in PUBLISHED[topic] if is_taken(consumer, kind)}
    assert filters()[place] == taken
