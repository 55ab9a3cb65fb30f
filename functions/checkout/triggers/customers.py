"""A customer's own data."""

from typing import TYPE_CHECKING, Any

from functions.checkout.service.customers import CustomerExport
from functions.checkout.triggers.durable import DurableSagas
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api

if TYPE_CHECKING:
    from functions.checkout.triggers import Parts


def register(api: Api, parts: "Parts") -> None:
    @api.route(
        "GET",
        "v1/me/export",
        summary="All that the shop keeps of you",
        answers={200: CustomerExport},
        sign_in="required",
    )
    async def export_me(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        """Orders and checkouts with their timelines, addresses, and what is in the cart."""
        return Answer(
            await parts.customers().exported(call.signed_in.subject),
            cache="no-store",
            headers={"Content-Disposition": 'attachment; filename="my-data.json"'},
        )

    @api.route(
        "DELETE",
        "v1/me",
        summary="Have the shop forget you",
        answers={204: None},
        sign_in="required",
        durable_client=True,
    )
    async def erase_me(call: Call[Nothing, Nothing, Nothing], client: Any) -> Answer:
        """Cart and addresses go at once, and orders lose your name, address and email; their sums
        stay, as the law asks. What is paid is still sent to you, and forgotten then; a checkout
        that is not paid is given up."""
        sagas = DurableSagas(client)
        for order_id in await parts.customers().erase(call.signed_in.subject):
            await sagas.wake(order_id)
        return Answer(status=204)
