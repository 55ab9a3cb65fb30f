"""The composition root: settings choose stores, stores make services, services get triggers.

Nothing connects here, and no SDK is imported: each part is built when it is first called.
"""

import azure.functions as func

from functions.ops import triggers as ops
from functions.ops.service import Check, Readiness
from shared.auth import TokenVerifier
from shared.config import Settings
from shared.http.edge import Edge
from shared.kit.clock import Clock, MachineClock, SharedOffsetClock
from shared.kit.errors import NotConfigured
from shared.kit.provider import Provider
from shared.telemetry import configure


def create_app(settings: Settings) -> func.FunctionApp:
    configure(settings)
    clock = business_clock(settings)
    edge = Edge(Provider(lambda: token_verifier(settings, clock)))
    checks: dict[str, Check] = {"settings": lambda: every_setting_is_there(settings)}
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    app.register_functions(ops.blueprint(edge, Readiness(checks)))
    return app


def business_clock(settings: Settings) -> Clock:
    """Time can be moved on a developer's machine alone; there a file holds the offset."""
    file = settings.SHOP_CLOCK_FILE
    return MachineClock() if file is None else SharedOffsetClock(file)


def token_verifier(settings: Settings, clock: Clock) -> TokenVerifier:
    from shared.auth.jwks import IssuerKeys
    from shared.auth.jwt import JwtVerifier

    issuer = settings.require("AUTH_ISSUER")
    keys = IssuerKeys(issuer, clock)
    return JwtVerifier(issuer, settings.require("AUTH_AUDIENCE"), keys, clock)


def every_setting_is_there(settings: Settings) -> None:
    if missing := settings.missing():
        raise NotConfigured(f"Missing: {', '.join(missing)}.")
