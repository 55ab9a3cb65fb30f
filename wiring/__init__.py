"""The composition root: settings choose stores, stores make services, services get triggers.

Nothing connects here, and no SDK is imported: each part is built when it is first called. Each
service's parts stand in a module of this package.
"""

import azure.functions as func

from functions.ops import triggers as ops_triggers
from functions.ops.model import ShopFacts, SignIn
from functions.ops.service import Check, Readiness
from shared.config import Settings
from shared.http.edge import Edge
from shared.kit.provider import Provider
from shared.messaging.telling import Telling
from shared.telemetry import configure
from wiring.cart import Cart
from wiring.checkout import Checkout
from wiring.common import (
    business_clock,
    dead_letters,
    domain_events,
    every_setting_is_there,
    token_verifier,
)
from wiring.health import bus_check, optional_checks
from wiring.inventory import Inventory
from wiring.notifications import Notifications
from wiring.payments import Payments
from wiring.shipping import Shipping

__all__ = ["create_app"]


def create_app(settings: Settings) -> func.FunctionApp:
    configure(settings)
    clock = business_clock(settings)
    keys = settings.SHOP_FUNCTION_KEYS == "required"
    edge = Edge(Provider(lambda: token_verifier(settings, clock)), keys)
    checks: dict[str, Check] = {"settings": lambda: every_setting_is_there(settings)}
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    events = domain_events(settings)
    told = Telling(events)
    inventory = Inventory(settings, clock, told)
    cart = Cart(settings, clock, inventory.shown_quotes)
    # Shipping and checkout ask each other, as checkout and notifications do; none is built before
    # it is asked.
    shipping = Shipping(
        settings,
        clock,
        inventory.shown_quotes,
        cart,
        Provider(lambda: checkout.orders()),
        Provider(lambda: checkout.access()),
        told,
    )
    payments = Payments(settings, clock, events)
    checkout = Checkout(
        settings,
        clock,
        inventory,
        cart,
        payments,
        shipping,
        Provider(lambda: notifications.preferences()),
        told,
    )
    notifications = Notifications(settings, clock, inventory, checkout)
    for name, parts, kept in (
        ("inventory", inventory, "database"),
        ("cart", cart, "documents"),
        ("shipping", shipping, "database"),
        ("payments", payments, "database"),
        ("checkout", checkout, "database"),
        ("notifications", notifications, "database"),
    ):
        if name in settings.SERVICES:
            checks[f"{name} {kept}"] = parts.check
            app.register_functions(parts.blueprint(edge))
    checks["service bus"] = bus_check(settings)
    readiness = Readiness(checks, optional_checks(settings, inventory))
    letters = Provider(lambda: dead_letters(settings))
    app.register_functions(ops_triggers.blueprint(edge, readiness, _facts(settings), letters))
    return app


def _facts(settings: Settings) -> ShopFacts:
    issuer, client = settings.AUTH_ISSUER, settings.AUTH_CLIENT_ID
    sign_in = None
    if issuer is not None and client is not None:
        sign_in = SignIn(issuer=issuer, client_id=client, scope=settings.AUTH_SCOPE)
    return ShopFacts(currency=settings.SHOP_CURRENCY, sign_in=sign_in)
