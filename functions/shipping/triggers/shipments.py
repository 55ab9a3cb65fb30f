"""Where an order's consignments are."""

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from functions.shipping.shipment_model import ShipmentList, UnknownOrder
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.kit.provider import Provider

if TYPE_CHECKING:
    from functions.shipping.service.shipments import Shipments

_STAFF = "orders.refund"


class OrderPath(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class LinkQuery(BaseModel):
    """`token`: from the link in a guest's mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: Annotated[str | None, Field(min_length=1, max_length=200)] = None


def register(api: Api, shipments: "Provider[Shipments]") -> None:
    @api.route(
        "GET",
        "v1/orders/{id}/shipments",
        summary="Where an order's parcels are",
        path_model=OrderPath,
        query=LinkQuery,
        answers={200: ShipmentList},
        problems=(UnknownOrder,),
        sign_in="optional",
    )
    def get_shipments(call: Call[OrderPath, LinkQuery, Nothing]) -> Answer:
        """Of your own order, or a guest's by the `token` of his link; with all that the carrier
        scanned. Staff who may refund see every order's."""
        principal = call.principal
        return Answer(
            shipments().shown(
                call.path.id,
                None if principal is None else principal.subject,
                call.query.token,
                is_staff=principal is not None and _STAFF in principal.roles,
            )
        )
