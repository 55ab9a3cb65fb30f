"""Notifications' functions: what other services announce, the queue of mails, preferences, time."""

from typing import TYPE_CHECKING

import azure.functions as func

from functions.notifications.service.preferences import PreferenceBook
from functions.notifications.service.sending import Sending
from functions.notifications.service.telling import Telling
from functions.notifications.triggers import events, mails, preferences, unsubscribing
from shared.http.edge import Edge
from shared.kit.provider import Provider
from shared.messaging.timers import register_outbox

if TYPE_CHECKING:
    from shared.messaging.relay import Relay


def blueprint(
    edge: Edge,
    telling: Provider[Telling],
    sending: Provider[Sending],
    book: Provider[PreferenceBook],
    relay: "Provider[Relay]",
) -> func.Blueprint:
    api = edge.api("notifications")
    preferences.register(api, book)
    unsubscribing.register(api, book)
    events.register(api.blueprint, telling)
    mails.register(api.blueprint, sending)
    register_outbox(api.blueprint, "notifications", relay, lambda age: book().forget(age))
    return api.blueprint
