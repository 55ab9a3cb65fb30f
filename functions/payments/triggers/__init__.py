"""Payments' functions: requests from checkout, Stripe's webhooks, the back office, time."""

from typing import TYPE_CHECKING

import azure.functions as func

from functions.payments.service.reconcile import Reconciliation
from functions.payments.service.requests import Requests
from functions.payments.service.views import PaymentViews
from functions.payments.service.webhooks import StripeEvents
from functions.payments.triggers import admin, queues, timers, webhooks
from shared.http.edge import Edge
from shared.kit.provider import Provider
from shared.messaging.timers import register_outbox

if TYPE_CHECKING:
    from shared.messaging.relay import Relay


def blueprint(
    edge: Edge,
    requests: Provider[Requests],
    events: Provider[StripeEvents],
    views: Provider[PaymentViews],
    reconciliation: Provider[Reconciliation],
    relay: "Provider[Relay]",
) -> func.Blueprint:
    api = edge.api("payments")
    webhooks.register(api, events)
    admin.register(api, views)
    queues.register(api.blueprint, requests, events)
    timers.register(api.blueprint, reconciliation)
    register_outbox(api.blueprint, "payments", relay, lambda age: events().forget(age))
    return api.blueprint
