"""All stand-ins as one web application."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import sandbox.clock.routes
import sandbox.oidc.routes
from sandbox.answers import Refused, render_http_error, render_refusal
from sandbox.clock.store import ClockFile
from sandbox.oidc.store import SigningKeys
from sandbox.stripe.routes import Stripe


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
    stripe = Stripe(state, here, shop_url.rstrip("/") if shop_url else None, shop_events)

    async def health(request: Request) -> Response:
        return JSONResponse(
            {
                "status": "ok",
                "stand_ins": {
                    "oidc": {"issuer": issuer},
                    "clock": {},
                    "stripe": {"api_base": here, "page": f"{here}/stripe"},
                },
            }
        )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with stripe.serving():
            yield

    return Starlette(
        routes=[
            Route("/", health, methods=["GET"]),
            *sandbox.oidc.routes.routes(SigningKeys(state), issuer),
            *sandbox.clock.routes.routes(ClockFile(state)),
            *stripe.routes(),
        ],
        lifespan=lifespan,
        exception_handlers={Refused: render_refusal, HTTPException: render_http_error},
    )
