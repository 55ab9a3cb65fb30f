"""Checkout's functions: HTTP, the sagas and their activities, events, timers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import azure.functions as func

from functions.checkout.service.back_office import BackOffice
from functions.checkout.service.customers import Customers
from functions.checkout.service.news import News
from functions.checkout.service.orders import GuestLinks, OrderBook
from functions.checkout.service.starting import CheckoutIds, Starting
from functions.checkout.service.steps import Steps
from functions.checkout.service.sweeping import Sweeping
from functions.checkout.service.watching import Watching
from functions.checkout.triggers import (
    back_office,
    checkouts,
    customers,
    events,
    orders,
    sagas,
    timers,
)
from shared.contracts.carts import Carts
from shared.contracts.payments import Payments
from shared.http.cookies import CartCookie
from shared.http.edge import Edge
from shared.kit.provider import Provider

if TYPE_CHECKING:
    from shared.messaging.relay import Relay


@dataclass(frozen=True)
class Parts:
    starting: Provider[Starting]
    watching: Provider[Watching]
    orders: Provider[OrderBook]
    back_office: Provider[BackOffice]
    customers: Provider[Customers]
    steps: Provider[Steps]
    news: Provider[News]
    sweeping: Provider[Sweeping]
    relay: "Provider[Relay]"
    ids: Provider[CheckoutIds]
    links: Provider[GuestLinks]
    carts: Provider[Carts]
    payments: Provider[Payments]
    cookie: Provider[CartCookie]


def blueprint(edge: Edge, parts: Parts) -> func.Blueprint:
    api = edge.durable_api("checkout")
    checkouts.register(api, parts)
    orders.register(api, parts)
    back_office.register(api, parts)
    customers.register(api, parts)
    sagas.register(api.blueprint, parts)
    events.register(api.blueprint, parts)
    timers.register(api.blueprint, parts)
    return api.blueprint
