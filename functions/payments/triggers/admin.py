"""The back office's view of payments."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from functions.payments.model import Mismatches, PaymentRecord, UnknownPayment
from functions.payments.service.views import PaymentViews
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.kit.provider import Provider

_ROLE = "orders.refund"


class OrderPath(BaseModel):
    model_config = ConfigDict(frozen=True)

    order_id: Annotated[str, Field(min_length=1, max_length=64)]


def register(api: Api, views: Provider[PaymentViews]) -> None:
    @api.route(
        "GET",
        "v1/admin/payments/{order_id}",
        summary="An order's payment and its ledger",
        path_model=OrderPath,
        answers={200: PaymentRecord},
        problems=(UnknownPayment,),
        role=_ROLE,
    )
    def get_payment(call: Call[OrderPath, Nothing, Nothing]) -> Answer:
        """With every call to Stripe, every event from it, and every entry of the ledger."""
        return Answer(views().record(call.path.order_id))

    @api.route(
        "GET",
        "v1/admin/reports/payments",
        summary="Payments whose money does not match Stripe's",
        answers={200: Mismatches},
        role=_ROLE,
    )
    def list_mismatches(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        """As the reconciliation found them last; one that matches again is left out."""
        return Answer(views().mismatched())
