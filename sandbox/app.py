"""All stand-ins as one web application."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import sandbox.clock.routes
import sandbox.oidc.routes
from sandbox.answers import Refused, render_http_error, render_refusal
from sandbox.carrier.routes import Carrier
from sandbox.clock.store import ClockFile
from sandbox.mailbox.routes import Mailbox
from sandbox.oidc.store import SigningKeys
from sandbox.stripe.routes import Stripe


class OpenToBrowsers:
    """Pages of other origins may read what Stripe's API and the issuer answer them, as they may of
    the real ones. What they send are plain forms, which browsers ask no leave for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def open_to_all(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Access-Control-Allow-Origin"] = "*"
            await send(message)

        is_open = scope["type"] == "http" and scope["path"].startswith(("/v1/", "/oidc/"))
        await self._app(scope, receive, open_to_all if is_open else send)


def create_app(
    state: Path,
    public_url: str,
    shop_url: str | None = None,
    shop_events: Collection[str] = ("*",),
) -> Starlette:
    """`public_url` is how others reach the sandbox; the issuer's name and links start with it.
    `shop_url` is where the shop takes webhooks; without it they wait. `shop_events` are the kinds
    of events that it is told, `*` being all."""
    here = public_url.rstrip("/")
    issuer = f"{here}/oidc"
    shop = shop_url.rstrip("/") if shop_url else None
    clock = ClockFile(state)
    stripe = Stripe(state, here, shop, shop_events)
    carrier = Carrier(state, here, shop, clock.offset)
    mailbox = Mailbox(state)

    async def health(request: Request) -> Response:
        return JSONResponse(
            {
                "status": "ok",
                "stand_ins": {
                    "oidc": {"issuer": issuer},
                    "clock": {},
                    "stripe": {"api_base": here, "page": f"{here}/stripe"},
                    "mailbox": {"api_base": f"{here}/mailbox", "page": f"{here}/mailbox"},
                    "carrier": {"api_base": f"{here}/carrier/v2", "page": f"{here}/carrier"},
                },
            }
        )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with stripe.serving(), carrier.serving():
            yield
        mailbox.close()

    return Starlette(
        routes=[
            Route("/", health, methods=["GET"]),
            *sandbox.oidc.routes.routes(SigningKeys(state), issuer, shop),
            *sandbox.clock.routes.routes(clock),
            *stripe.routes(),
            *mailbox.routes(),
            *carrier.routes(),
        ],
        middleware=[Middleware(OpenToBrowsers)],
        lifespan=lifespan,
        exception_handlers={Refused: render_refusal, HTTPException: render_http_error},
    )
