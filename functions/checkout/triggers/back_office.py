"""The staff's view of orders."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from functions.checkout.desk_model import Sales, WaitingOrders
from functions.checkout.model import (
    AlreadyDispatched,
    CannotBeCancelled,
    OrderStatus,
    UnknownOrder,
)
from functions.checkout.service.orders import STAFF, cursor_of, read_cursor
from functions.checkout.service.showing import ListedOrder, ListedOrders, ShownOrder, listed, shown
from functions.checkout.triggers.orders import OrderPath, cancelled
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.http.values import Cursor, PageSize
from shared.kit import cursors

if TYPE_CHECKING:
    from functions.checkout.triggers import Parts

_ROLE = "orders.refund"


class SearchQuery(BaseModel):
    """`q`: an order number, or a mail address, whole. `status`: of several, apart by commas."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    q: Annotated[str | None, Field(min_length=1, max_length=320)] = None
    status: Annotated[
        tuple[OrderStatus, ...],
        BeforeValidator(lambda text: tuple(str(text).split(",")) if text else ()),
        Field(max_length=14, default_factory=tuple),
        WithJsonSchema({"type": "string", "example": "placed,dispatched"}),
    ]
    limit: PageSize = 20
    cursor: Cursor | None = None


class SalesQuery(BaseModel):
    """Days of UTC, both included."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]


def register(api: Api, parts: "Parts") -> None:
    @api.route(
        "GET",
        "v1/admin/orders",
        summary="All orders, the newest first",
        query=SearchQuery,
        answers={200: ListedOrders},
        role=_ROLE,
    )
    def search_orders(call: Call[Nothing, SearchQuery, Nothing]) -> Answer:
        """Checkouts that are under way or came to nothing included."""
        asked = call.query
        made_for = cursors.fingerprint("admin orders", asked.q, ",".join(asked.status))
        after = None if asked.cursor is None else read_cursor(asked.cursor, made_for)
        text = None if asked.q is None else asked.q.strip()
        found = parts.back_office().listed(asked.status, text, after, asked.limit + 1)
        items: list[ListedOrder] = [listed(order) for order in found[: asked.limit]]
        cursor = None
        if len(found) > asked.limit:
            cursor = cursors.encode(made_for, cursor_of(found[asked.limit - 1]))
        return Answer(ListedOrders(items=items, next_cursor=cursor))

    @api.route(
        "GET",
        "v1/admin/orders/{id}",
        summary="Any order with all that happened to it",
        path_model=OrderPath,
        answers={200: ShownOrder},
        problems=(UnknownOrder,),
        role=_ROLE,
    )
    def look_at_order(call: Call[OrderPath, Nothing, Nothing]) -> Answer:
        return Answer(shown(parts.orders().detail(call.path.id, STAFF)))

    @api.route(
        "POST",
        "v1/admin/orders/{id}/cancel",
        summary="Cancel any order that is not dispatched yet",
        path_model=OrderPath,
        answers={202: ShownOrder},
        problems=(UnknownOrder, AlreadyDispatched, CannotBeCancelled),
        role=_ROLE,
        idempotent=True,
        durable_client=True,
    )
    async def cancel_any_order(call: Call[OrderPath, Nothing, Nothing], client: Any) -> Answer:
        """The money goes back in full. Sent twice, it cancels once."""
        return await cancelled(parts, call.path.id, STAFF, client)

    @api.route(
        "GET",
        "v1/admin/reports/sales",
        summary="Orders and revenue by day, and what sells",
        query=SalesQuery,
        answers={200: Sales},
        role=_ROLE,
    )
    def sales_report(call: Call[Nothing, SalesQuery, Nothing]) -> Answer:
        return Answer(parts.back_office().sales(call.query.first, call.query.last))

    @api.route(
        "GET",
        "v1/admin/reports/waiting-orders",
        summary="Orders that have not gone on for ten minutes",
        answers={200: WaitingOrders},
        role=_ROLE,
    )
    def waiting_orders(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        """Of those that the saga moves, and those whose time for payment is long over."""
        return Answer(parts.back_office().waiting())
