"""Where Stripe reports."""

from pydantic import BaseModel

from functions.payments.model import BadSignature
from functions.payments.service.webhooks import StripeEvents
from shared.http.calls import Answer, Call, Nothing, RawBody
from shared.http.edge import KIBIBYTE, Api
from shared.kit.provider import Provider


class Received(BaseModel):
    received: bool = True


def register(api: Api, events: Provider[StripeEvents]) -> None:
    @api.route(
        "POST",
        "v1/webhooks/stripe",
        summary="Take in an event from Stripe",
        body=RawBody,
        largest_body=512 * KIBIBYTE,
        answers={200: Received},
        problems=(BadSignature,),
    )
    def stripe_webhook(call: Call[Nothing, Nothing, RawBody]) -> Answer:
        """Signed by Stripe (`Stripe-Signature`) within the last five minutes. The event is kept and
        answered at once; what it changes happens afterwards, once, however often it comes."""
        events().take_in(call.body.content, call.headers.get("stripe-signature", ""))
        return Answer(Received())
