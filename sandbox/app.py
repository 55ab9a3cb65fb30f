"""All stand-ins as one web application."""

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


def create_app(state: Path, public_url: str) -> Starlette:
    """`public_url` is how others reach the sandbox; the issuer's name and links start with it."""
    issuer = f"{public_url.rstrip('/')}/oidc"

    async def health(request: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "stand_ins": {"oidc": {"issuer": issuer}, "clock": {}}}
        )

    return Starlette(
        routes=[
            Route("/", health, methods=["GET"]),
            *sandbox.oidc.routes.routes(SigningKeys(state), issuer),
            *sandbox.clock.routes.routes(ClockFile(state)),
        ],
        exception_handlers={Refused: render_refusal, HTTPException: render_http_error},
    )
