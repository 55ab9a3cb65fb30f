"""The cart's functions: the routes, and what an order takes out of a cart."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ConfigDict

from functions.cart.later import QUEUE, Later
from functions.cart.model import (
    AnyIsbn,
    CartBusy,
    CartFull,
    CartView,
    NewItem,
    NewQuantity,
    NotForSale,
    NotInCart,
    QuantityLimit,
    UnknownTitle,
)
from functions.cart.service import Caller, CartService, Shown
from shared.contracts import orders
from shared.contracts.envelope import Envelope
from shared.contracts.orders import OrderPlaced
from shared.documents.port import DocumentsUnavailable
from shared.http.calls import Answer, Call, Nothing
from shared.http.cookies import CartCookie, CrossOrigin
from shared.http.edge import Api, Edge
from shared.kit.provider import Provider
from shared.messaging.consuming import consume_async

DELIVERIES = 6
"""With the pauses between them a minute; then the message is set aside."""
LONGEST_PAUSE_SECONDS = 60.0


class ItemPath(BaseModel):
    model_config = ConfigDict(frozen=True)

    isbn: AnyIsbn


def blueprint(
    edge: Edge,
    carts: Provider[CartService],
    cookie: Provider[CartCookie],
    later: Provider[Later],
) -> func.Blueprint:
    api = edge.api("cart")
    register(api, carts, cookie)
    register_consumer(api.blueprint, carts, later)
    return api.blueprint


def register(api: Api, carts: Provider[CartService], cookie: Provider[CartCookie]) -> None:
    @api.route(
        "GET",
        "v1/cart",
        summary="The cart",
        answers={200: CartView},
        problems=(CartBusy,),
        sign_in="optional",
    )
    async def get_cart(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        """At today's prices and availability, with what changed since a book was added.

        A signed-in caller has a cart of their own; the cart of the browser's cookie joins it at the
        first call that carries both.
        """
        return _shown(await carts().show(_caller(call, cookie())), cookie())

    @api.route(
        "POST",
        "v1/cart/items",
        summary="Put a book in the cart",
        body=NewItem,
        answers={200: CartView},
        problems=(UnknownTitle, NotForSale, QuantityLimit, CartFull, CartBusy, CrossOrigin),
        sign_in="optional",
    )
    async def add_item(call: Call[Nothing, Nothing, NewItem]) -> Answer:
        """Adds to the copies that are there. Stock is shown here and decided at checkout."""
        caller = _changing(call, cookie())
        return _shown(await carts().add(caller, call.body.isbn, call.body.quantity), cookie())

    @api.route(
        "PUT",
        "v1/cart/items/{isbn}",
        summary="Say how many copies",
        path_model=ItemPath,
        body=NewQuantity,
        answers={200: CartView},
        problems=(NotInCart, CartBusy, CrossOrigin),
        sign_in="optional",
    )
    async def set_item(call: Call[ItemPath, Nothing, NewQuantity]) -> Answer:
        """Today's price counts as seen from now on, so the same quantity again accepts it."""
        caller = _changing(call, cookie())
        changed = await carts().set_quantity(caller, call.path.isbn, call.body.quantity)
        return _shown(changed, cookie())

    @api.route(
        "DELETE",
        "v1/cart/items/{isbn}",
        summary="Take a book out of the cart",
        path_model=ItemPath,
        answers={200: CartView},
        problems=(CartBusy, CrossOrigin),
        sign_in="optional",
    )
    async def remove_item(call: Call[ItemPath, Nothing, Nothing]) -> Answer:
        """Harmless where it is not in it."""
        caller = _changing(call, cookie())
        return _shown(await carts().remove(caller, call.path.isbn), cookie())

    @api.route(
        "DELETE",
        "v1/cart",
        summary="Empty the cart",
        answers={204: None},
        problems=(CartBusy, CrossOrigin),
        sign_in="optional",
    )
    async def empty_cart(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        shown = await carts().empty(_changing(call, cookie()))
        return Answer(status=204, headers=_cookie_of(shown, cookie()))


def register_consumer(
    blueprint: func.Blueprint,
    carts: Provider[CartService],
    later: Provider[Later],
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    @blueprint.function_name("cart_orders")
    @blueprint.service_bus_topic_trigger(
        arg_name="message",
        topic_name=orders.TOPIC,
        subscription_name="cart",
        connection="ServiceBusConnection",
        is_sessions_enabled=True,
    )
    async def take_in_orders(message: func.ServiceBusMessage) -> None:
        """What was bought leaves the cart that it was ordered from."""
        await take_in(message, DELIVERIES)

    @blueprint.function_name("cart_orders_later")
    @blueprint.service_bus_queue_trigger(
        arg_name="message", queue_name=QUEUE, connection="ServiceBusConnection"
    )
    async def take_in_orders_later(message: func.ServiceBusMessage) -> None:
        """What was set aside while the carts were away."""
        await take_in(message, 1)

    async def take_in(message: func.ServiceBusMessage, deliveries: int) -> None:
        async def placed(envelope: Envelope, order: OrderPlaced) -> None:
            try:
                await carts().take_out_bought(envelope.id, order)
            except DocumentsUnavailable:
                delivery = message.delivery_count or 1
                if delivery >= deliveries and await asyncio.to_thread(later().set_aside, envelope):
                    return
                # The next delivery follows at once, and the last one would within a minute.
                await pause(min(2.0**delivery, LONGEST_PAUSE_SECONDS))
                raise

        await consume_async(message, {OrderPlaced: placed})


def _caller(call: Call[Any, Any, Any], cookie: CartCookie) -> Caller:
    customer = None if call.principal is None else call.principal.subject
    return Caller(cookie.read(call.headers), customer)


def _changing(call: Call[Any, Any, Any], cookie: CartCookie) -> Caller:
    """Raises CrossOrigin."""
    cookie.refuse_other_origins(call.headers)
    return _caller(call, cookie)


def _shown(shown: Shown, cookie: CartCookie) -> Answer:
    return Answer(shown.cart, headers=_cookie_of(shown, cookie))


def _cookie_of(shown: Shown, cookie: CartCookie) -> dict[str, str]:
    if shown.is_merged:
        return cookie.forget()
    return {} if shown.token is None else cookie.write(shown.token)
