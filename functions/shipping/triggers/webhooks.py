"""Where the carrier reports."""

from typing import TYPE_CHECKING

from pydantic import BaseModel

from functions.shipping.shipment_model import BadSignature
from shared.http.calls import Answer, Call, Nothing, RawBody
from shared.http.edge import KIBIBYTE, Api
from shared.kit.provider import Provider

if TYPE_CHECKING:
    from functions.shipping.service.carrier_events import CarrierEvents


class Received(BaseModel):
    received: bool = True


def register(api: Api, events: "Provider[CarrierEvents]") -> None:
    @api.route(
        "POST",
        "v1/webhooks/carrier",
        summary="Take in an event from the carrier",
        body=RawBody,
        largest_body=512 * KIBIBYTE,
        answers={200: Received},
        problems=(BadSignature,),
    )
    def carrier_webhook(call: Call[Nothing, Nothing, RawBody]) -> Answer:
        """Signed by EasyPost (`X-Hmac-Signature`). The event is kept and answered at once; what it
        changes happens afterwards, once, however often it comes."""
        events().take_in(call.body.content, call.headers)
        return Answer(Received())
