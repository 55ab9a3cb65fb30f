"""Shipping's functions: addresses, what delivery costs, and consignments on their way."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import azure.functions as func

from functions.shipping.service.addresses import AddressBook
from functions.shipping.service.rates import ShippingRates
from functions.shipping.triggers import addresses, messages, rates, shipments, timers, webhooks
from shared.contracts.carts import Carts
from shared.http.cookies import CartCookie
from shared.http.edge import Edge
from shared.kit.provider import Provider

if TYPE_CHECKING:
    from functions.shipping.service.carrier_events import CarrierEvents
    from functions.shipping.service.shipments import Shipments
    from functions.shipping.service.watching import Watch
    from shared.messaging.relay import Relay


@dataclass(frozen=True, slots=True)
class Parts:
    book: Provider[AddressBook]
    offers: Provider[ShippingRates]
    shipments: "Provider[Shipments]"
    events: "Provider[CarrierEvents]"
    watch: "Provider[Watch]"
    relay: "Provider[Relay]"
    carts: Provider[Carts]
    cookie: Provider[CartCookie]


def blueprint(edge: Edge, parts: Parts) -> func.Blueprint:
    api = edge.api("shipping")
    addresses.register(api, parts.book)
    rates.register(api, parts.offers, parts.carts, parts.cookie)
    shipments.register(api, parts.shipments)
    webhooks.register(api, parts.events)
    messages.register(api.blueprint, parts.shipments, parts.watch, parts.events)
    timers.register(api.blueprint, parts.watch, parts.events, parts.relay)
    return api.blueprint
