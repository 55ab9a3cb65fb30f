"""What a customer wants to be told."""

from functions.notifications.model import Preferences
from functions.notifications.service.preferences import PreferenceBook
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.kit.provider import Provider


def register(api: Api, book: Provider[PreferenceBook]) -> None:
    @api.route(
        "GET",
        "v1/me/notifications",
        summary="Which news of your deliveries you get",
        answers={200: Preferences},
        sign_in="required",
    )
    def get_preferences(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        """All, until you switch some off."""
        return Answer(book().of(call.signed_in.subject))

    @api.route(
        "PUT",
        "v1/me/notifications",
        summary="Choose which news of your deliveries you get",
        body=Preferences,
        answers={200: Preferences},
        sign_in="required",
    )
    def replace_preferences(call: Call[Nothing, Nothing, Preferences]) -> Answer:
        """What is left out is on. Mails about the order itself always come: its confirmation, its
        cancelling, refunds, and a parcel that cannot be delivered."""
        return Answer(book().replace(call.signed_in.subject, call.body))
