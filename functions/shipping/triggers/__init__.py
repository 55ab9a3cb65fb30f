"""Shipping's functions: a customer's addresses, and what delivery costs."""

import azure.functions as func

from functions.shipping.service.addresses import AddressBook
from functions.shipping.service.rates import ShippingRates
from functions.shipping.triggers import addresses, rates
from shared.contracts.carts import Carts
from shared.http.cookies import CartCookie
from shared.http.edge import Edge
from shared.kit.provider import Provider


def blueprint(
    edge: Edge,
    book: Provider[AddressBook],
    offers: Provider[ShippingRates],
    carts: Provider[Carts],
    cookie: Provider[CartCookie],
) -> func.Blueprint:
    api = edge.api("shipping")
    addresses.register(api, book)
    rates.register(api, offers, carts, cookie)
    return api.blueprint
