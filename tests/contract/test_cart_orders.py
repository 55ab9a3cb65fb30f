"""The cart's consumer of orders, from a message to a cart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from functions.cart.model import guests_cart
from functions.cart.service import Caller
from functions.cart.triggers import register_consumer
from shared.contracts.envelope import Envelope, Payload, UnreadableMessage
from shared.contracts.orders import OrderPlaced, OrderRefunded
from shared.documents.port import DocumentsUnavailable
from shared.kit.provider import Provider
from tests.support.cart import CartBench, cart_bench, placed
from tests.support.inventory import START, isbn


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[CartBench]:
    with cart_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def consumer(bench: CartBench) -> Any:
    app = func.FunctionApp()
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    register_consumer(blueprint, Provider(lambda: bench.service))
    app.register_functions(blueprint)
    [consumer] = app.get_functions()
    return consumer


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


async def test_while_the_carts_are_away_deliveries_wait_longer_and_longer() -> None:
    class Away:
        async def take_out_bought(self, event_id: str, order: OrderPlaced) -> None:
            raise DocumentsUnavailable

    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    app = func.FunctionApp()
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    register_consumer(blueprint, Provider(Away), pause)  # type: ignore[arg-type]
    app.register_functions(blueprint)
    [consumer] = app.get_functions()
    take_in: Any = consumer.get_user_function()
    for delivery in range(1, 11):
        with pytest.raises(DocumentsUnavailable):
            await take_in(message(placed(guests_cart("t"), (1, 2)), delivery=delivery))
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


async def test_what_cannot_be_read_is_left_to_the_dead_letters(consumer: Any) -> None:
    with pytest.raises(UnreadableMessage):
        await consumer.get_user_function()(Delivered(b"not JSON"))
