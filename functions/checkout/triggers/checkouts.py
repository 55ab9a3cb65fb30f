"""From a cart, or from a list of items, to a paid order."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from functions.checkout.model import (
    CannotBeCancelled,
    NothingToBuy,
    Order,
    TooManyCheckouts,
    UnknownAddress,
    UnknownCheckout,
)
from functions.checkout.service.showing import Checkout, checkout
from functions.checkout.service.starting import CheckoutRequest
from functions.checkout.triggers.durable import DurableSagas
from shared.http.calls import Answer, Call, Nothing
from shared.http.cookies import CrossOrigin
from shared.http.edge import Api
from shared.http.values import WHOLE_NUMBER
from shared.kit.errors import IdempotencyMismatch
from shared.kit.idempotency import Delivery

if TYPE_CHECKING:
    from functions.checkout.triggers import Parts


class CheckoutPath(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=64)]


class WaitQuery(BaseModel):
    """`wait`: answer as soon as the checkout changes, or after so many seconds. `seen`: the
    `version` of the answer before, so that a change in between is answered at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wait: Annotated[int, WHOLE_NUMBER, Field(ge=0, le=20)] = 0
    seen: Annotated[int | None, WHOLE_NUMBER, Field(ge=1, le=2**31 - 1)] = None


def register(api: Api, parts: "Parts") -> None:
    @api.route(
        "POST",
        "v1/checkouts",
        summary="Check out the cart, or buy items in one call",
        body=CheckoutRequest,
        answers={200: Checkout, 202: Checkout},
        problems=(
            NothingToBuy,
            UnknownAddress,
            TooManyCheckouts,
            IdempotencyMismatch,
            CrossOrigin,
        ),
        sign_in="optional",
        idempotent=True,
        durable_client=True,
    )
    async def start_checkout(call: Call[Nothing, Nothing, CheckoutRequest], client: Any) -> Answer:
        """A cart has one open checkout: asked for again it comes back (200), asked for with
        another cart or address it is replaced."""
        parts.cookie().refuse_other_origins(call.headers)
        customer = None if call.principal is None else call.principal.subject
        cookie = cart = None
        if call.body.items is None:
            cookie = parts.cookie().read(call.headers)
            cart = await parts.carts().snapshot(cookie, customer)
        # Whoever sends the same key: a customer, a browser with a cart, or a guest by his address.
        sender = customer or (f"cart:{cookie}" if cookie else f"guest:{call.body.email}")
        assert call.idempotency_key is not None
        delivery = Delivery.of(sender, "POST v1/checkouts", call.idempotency_key, call.body)
        started = await asyncio.to_thread(
            parts.starting().start, call.body, customer, cart, delivery
        )
        sagas = DurableSagas(client)
        if started.to_wake is not None:
            await sagas.wake(started.to_wake)
        if started.is_new and not started.is_replayed:
            await sagas.begin_checkout(started.order.id)
        elif started.order.status == "validating":
            await sagas.start_checkout(started.order.id)
        checkout_id = parts.ids().of(started.order.id)
        shown = await _shown(started.order, checkout_id)
        headers = {"Location": f"/api/v1/checkouts/{checkout_id}"}
        if started.is_replayed:
            headers["Idempotency-Replayed"] = "true"
        return Answer(shown, 202 if started.is_new else 200, headers=headers)

    @api.route(
        "GET",
        "v1/checkouts/{id}",
        summary="How a checkout stands",
        path_model=CheckoutPath,
        query=WaitQuery,
        answers={200: Checkout},
        problems=(UnknownCheckout,),
        sign_in="optional",
    )
    async def get_checkout(call: Call[CheckoutPath, WaitQuery, Nothing]) -> Answer:
        """The id is the key: whoever knows it may look, pay and cancel."""
        hashed = parts.ids().hashed(call.path.id)
        order = await parts.watching().watched(hashed, call.query.seen, call.query.wait)
        return Answer(await _shown(order, call.path.id))

    @api.route(
        "POST",
        "v1/checkouts/{id}/cancel",
        summary="Give a checkout up",
        path_model=CheckoutPath,
        answers={200: Checkout},
        problems=(UnknownCheckout, CannotBeCancelled),
        sign_in="optional",
        durable_client=True,
    )
    async def cancel_checkout(call: Call[CheckoutPath, Nothing, Nothing], client: Any) -> Answer:
        """Copies go back on sale as soon as it is certain that no money was taken."""
        hashed = parts.ids().hashed(call.path.id)
        order = await asyncio.to_thread(parts.orders().cancel_checkout, hashed)
        await DurableSagas(client).wake(order.id)
        return Answer(await _shown(order, call.path.id))

    async def _shown(order: Order, checkout_id: str) -> Checkout:
        view = None
        if order.status == "awaiting_payment":
            view = await asyncio.to_thread(parts.payments().view, order.id)
        return checkout(order, checkout_id, view)
