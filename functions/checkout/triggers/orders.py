"""Placed orders: their buyers', a guest's by a signed link, and the staff's refunds."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field

from functions.checkout.model import (
    AlreadyDispatched,
    CannotBeCancelled,
    Refund,
    RefundRequest,
    RefundTooLarge,
    UnknownOrder,
)
from functions.checkout.service.orders import Viewer, cursor_of, read_cursor
from functions.checkout.service.showing import (
    OrderPage,
    OrderSummary,
    ShownOrder,
    shown,
    summary,
)
from functions.checkout.triggers.durable import DurableSagas
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.http.values import Cursor, PageSize
from shared.kit import cursors
from shared.kit.errors import IdempotencyMismatch
from shared.kit.idempotency import Delivery

if TYPE_CHECKING:
    from functions.checkout.triggers import Parts

_MADE_FOR = cursors.fingerprint("orders")


class OrderPath(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class PageQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: PageSize = 20
    cursor: Cursor | None = None


class LinkQuery(BaseModel):
    """`token`: from the link in a guest's mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class LookupRequest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    order_number: Annotated[str, Field(min_length=1, max_length=20)]
    email: Annotated[str, Field(min_length=3, max_length=320)]


def register(api: Api, parts: "Parts") -> None:
    @api.route(
        "GET",
        "v1/orders",
        summary="Your orders, the newest first",
        query=PageQuery,
        answers={200: OrderPage},
        sign_in="required",
    )
    def list_orders(call: Call[Nothing, PageQuery, Nothing]) -> Answer:
        cursor = call.query.cursor
        after = None if cursor is None else read_cursor(cursor, _MADE_FOR)
        limit = call.query.limit
        found = parts.orders().listed(call.signed_in.subject, after, limit + 1)
        more = len(found) > limit
        items: list[OrderSummary] = [summary(order) for order in found[:limit]]
        cursor = cursors.encode(_MADE_FOR, cursor_of(found[limit - 1])) if more else None
        return Answer(OrderPage(items=items, next_cursor=cursor))

    @api.route(
        "GET",
        "v1/orders/{id:length(32)}",  # else it takes "lookup" as an id
        summary="One order with all that happened to it",
        path_model=OrderPath,
        query=LinkQuery,
        answers={200: ShownOrder, 303: None},
        problems=(UnknownOrder,),
        sign_in="optional",
    )
    def get_order(call: Call[OrderPath, LinkQuery, Nothing]) -> Answer:
        """Your own, or a guest's by the `token` of his link. A browser that followed the link is
        sent on to the page that shows it."""
        if "text/html" in call.headers.get("accept", ""):
            return Answer(status=303, headers={"Location": _page(call.path.id, call.query.token)})
        return Answer(shown(parts.orders().detail(call.path.id, _viewer(call))))

    @api.route(
        "POST",
        "v1/orders/{id}/cancel",
        summary="Cancel an order that is not dispatched yet",
        path_model=OrderPath,
        query=LinkQuery,
        answers={202: ShownOrder},
        problems=(UnknownOrder, AlreadyDispatched, CannotBeCancelled),
        sign_in="optional",
        durable_client=True,
    )
    async def cancel_order(call: Call[OrderPath, LinkQuery, Nothing], client: Any) -> Answer:
        """The money goes back in full."""
        viewer = await asyncio.to_thread(_viewer, call)
        return await cancelled(parts, call.path.id, viewer, client)

    @api.route(
        "POST",
        "v1/orders/lookup",
        summary="Have a link to an order sent to its buyer",
        body=LookupRequest,
        answers={202: None},
    )
    def look_up_order(call: Call[Nothing, Nothing, LookupRequest]) -> Answer:
        """Answers alike whether there is such an order or not."""
        parts.orders().ask_for_link(call.body.order_number.strip().upper(), call.body.email.strip())
        return Answer(status=202)

    @api.route(
        "POST",
        "v1/admin/orders/{id}/refunds",
        summary="Give money back, in full or in part",
        path_model=OrderPath,
        body=RefundRequest,
        answers={202: Refund},
        problems=(UnknownOrder, RefundTooLarge, IdempotencyMismatch),
        role="orders.refund",
        idempotent=True,
    )
    def refund_order(call: Call[OrderPath, Nothing, RefundRequest]) -> Answer:
        assert call.idempotency_key is not None
        route = "POST v1/admin/orders/refunds"
        delivery = Delivery.of(
            call.signed_in.subject, route, call.idempotency_key, call.path.id, call.body
        )
        return Answer(parts.orders().refund(call.path.id, call.body, delivery), 202)

    def _page(order_id: str, token: str | None) -> str:
        """Behind `#` no server's log sees the token."""
        page = f"/order.html?id={order_id}"
        return page if token is None else f"{page}#{urlencode({'token': token})}"

    def _viewer(call: Call[OrderPath, LinkQuery, Any]) -> Viewer:
        customer = None if call.principal is None else call.principal.subject
        token = call.query.token
        return Viewer(customer, None if token is None else parts.links().order_id(token))


async def cancelled(parts: "Parts", order_id: str, viewer: Viewer, client: Any) -> Answer:
    """The order as it is once its cancelling has begun; `client` starts the saga."""
    order = await asyncio.to_thread(parts.orders().cancel, order_id, viewer)
    if order.status == "cancelling":
        await DurableSagas(client).start_cancel(order.id)
    return Answer(shown(await asyncio.to_thread(parts.orders().detail, order_id, viewer)), 202)
