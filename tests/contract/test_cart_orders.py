"""The cart's consumer of orders, from a message to a cart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from functions.cart.later import Later
from functions.cart.model import guests_cart
from functions.cart.service import Caller
from functions.cart.triggers import DELIVERIES, register_consumer
from shared.contracts.envelope import Envelope, Payload, UnreadableMessage
from shared.contracts.orders import OrderPlaced, OrderRefunded
from shared.documents.port import DocumentsUnavailable
from shared.kit.clock import ManualClock
from shared.kit.provider import Provider
from shared.messaging.publisher import Message, PublishFailed
from tests.support.cart import CartBench, cart_bench, placed
from tests.support.inventory import START, isbn


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[CartBench]:
    with cart_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def consumer(bench: CartBench) -> Any:
    return consumers(bench.service)["cart_orders"]


def consumers(carts: Any, later: Later | None = None, pause: Any = None) -> dict[str, Any]:
    def aside() -> Later:
        assert later is not None, "nothing is set aside here"
        return later

    app = func.FunctionApp()
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    register_consumer(blueprint, Provider(lambda: carts), Provider(aside), pause)
    app.register_functions(blueprint)
    return {str(one.get_function_name()): one for one in app.get_functions()}


class Away:
    """The carts' store does not answer."""

    async def take_out_bought(self, event_id: str, order: OrderPlaced) -> None:
        raise DocumentsUnavailable


@dataclass
class Kept:
    """What was published, or why nothing can be."""

    messages: list[Message] = field(default_factory=list)
    fault: PublishFailed | None = None

    def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
        assert destination == "cart-orders"
        if self.fault is not None:
            raise self.fault
        self.messages += messages


@dataclass
class Pauses:
    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Delivered(func.ServiceBusMessage):
    """As a worker hands it over, whose own class cannot be made by hand."""

    def __init__(self, body: bytes, delivery: int = 1) -> None:
        self._body = body
        self._delivery = delivery

    message_id = "m-1"

    @property
    def delivery_count(self) -> int:
        return self._delivery

    def get_body(self) -> bytes:
        return self._body


def message(payload: Payload, event_id: str = "event-1", delivery: int = 1) -> Delivered:
    envelope = Envelope(
        id=event_id,
        source="/checkout",
        type=payload.kind,
        subject="order-1",
        time=START,
        data=payload.model_dump(mode="json"),
    )
    return Delivered(envelope.body(), delivery)


def test_it_listens_to_orders_in_their_sessions(consumer: Any) -> None:
    [binding] = [one.get_dict_repr() for one in consumer.get_bindings()]
    assert binding["type"] == "serviceBusTrigger"
    assert (binding["topicName"], binding["subscriptionName"]) == ("orders", "cart")
    assert binding["connection"] == "ServiceBusConnection"
    assert binding["isSessionsEnabled"] is True


async def test_what_was_bought_leaves_the_cart_once(bench: CartBench, consumer: Any) -> None:
    shown = await bench.service.add(Caller(), isbn(1), 3)
    assert shown.token is not None
    take_in = consumer.get_user_function()
    order = placed(guests_cart(shown.token), (1, 2))
    for _ in range(2):
        await take_in(message(order))
    cart = (await bench.service.show(Caller(shown.token))).cart
    assert [item.quantity for item in cart.items] == [1]


async def test_other_news_of_orders_is_none_of_its_business(
    bench: CartBench, consumer: Any
) -> None:
    shown = await bench.service.add(Caller(), isbn(1), 3)
    refunded = OrderRefunded(
        order_id="order-1",
        order_number="B-1",
        customer_id=None,
        refund_id="r",
        amount=1,
        refunded=1,
        currency="GBP",
    )
    await consumer.get_user_function()(message(refunded))
    assert (await bench.service.show(Caller(shown.token))).cart.quantity == 3


@pytest.mark.parametrize(
    ("name", "waits"), [("cart_orders", [2, 4, 8, 16, 32]), ("cart_orders_later", [])]
)
async def test_while_the_carts_are_away_an_order_waits_and_is_then_set_aside(
    name: str, waits: list[float]
) -> None:
    """Once aside it goes there again at once, and holds up no others."""
    clock, kept, pauses = ManualClock(START), Kept(), Pauses()
    take_in = consumers(Away(), Later(kept, clock), pauses)[name].get_user_function()
    order = placed(guests_cart("t"), (1, 2))
    last = len(waits) + 1
    for delivery in range(1, last):
        with pytest.raises(DocumentsUnavailable):
            await take_in(message(order, delivery=delivery))
    assert pauses.seconds == waits
    await take_in(message(order, delivery=last))
    [aside] = kept.messages
    assert (aside.id, aside.type, aside.session) == ("event-1", "order.placed", None)
    assert aside.not_before == START + timedelta(minutes=2)


async def test_what_was_set_aside_leaves_the_cart_once_when_the_carts_are_back(
    bench: CartBench,
) -> None:
    shown = await bench.service.add(Caller(), isbn(1), 3)
    assert shown.token is not None
    kept = Kept()
    later = Later(kept, bench.clock)
    event = message(placed(guests_cart(shown.token), (1, 2)), delivery=DELIVERIES)
    await consumers(Away(), later)["cart_orders"].get_user_function()(event)
    back = consumers(bench.service)
    for name in ("cart_orders_later", "cart_orders", "cart_orders_later"):
        await back[name].get_user_function()(Delivered(kept.messages[0].body))
    cart = (await bench.service.show(Caller(shown.token))).cart
    assert [item.quantity for item in cart.items] == [1]


@pytest.mark.parametrize("why", ["too old", "not taken"])
async def test_what_cannot_be_set_aside_is_a_dead_letter_in_the_end(why: str) -> None:
    clock, kept, pauses = ManualClock(START), Kept(), Pauses()
    if why == "too old":
        clock.advance(timedelta(days=3, seconds=1))
    else:
        kept.fault = PublishFailed("the broker is away")
    take_in = consumers(Away(), Later(kept, clock), pauses)["cart_orders"].get_user_function()
    for delivery in range(1, 11):
        with pytest.raises(DocumentsUnavailable):
            await take_in(message(placed(guests_cart("t"), (1, 2)), delivery=delivery))
    assert kept.messages == []
    assert pauses.seconds == [2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


async def test_what_cannot_be_read_is_left_to_the_dead_letters(consumer: Any) -> None:
    with pytest.raises(UnreadableMessage):
        await consumer.get_user_function()(Delivered(b"not JSON"))
