"""The carrier's routes: its API under /carrier/v2, its knobs, its pages."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.answers import body_of
from sandbox.carrier import admin, api, pages
from sandbox.carrier.api import ApiError
from sandbox.carrier.keys import carrier_keys
from sandbox.carrier.state import Body, State, Transaction
from sandbox.carrier.webhooks import Webhooks

Act = Callable[[Transaction, str, Any], Body]


class Carrier:
    """The stand-in as a whole. `offset` is how far business time is moved; `shop_url` where the
    shop listens for webhooks."""

    def __init__(
        self,
        folder: Path,
        public_url: str,
        shop_url: str | None,
        offset: Callable[[], timedelta],
    ) -> None:
        keys = carrier_keys(folder)
        endpoint = f"{shop_url}/api/v1/webhooks/carrier" if shop_url else None
        self._key = keys.api_key
        self._public_url = public_url
        self._state = State(folder, lambda: datetime.now(UTC) + offset())
        self._webhooks = Webhooks(self._state, keys.webhook_secret, endpoint)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Parcels move, and webhooks are sent, inside the block."""
        sender = asyncio.create_task(self._webhooks.run())
        try:
            yield
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            self._state.close()

    def routes(self) -> list[BaseRoute]:
        return [
            self._route("POST", "shipments", lambda t, _, said: api.create(t, said), 201),
            self._route("GET", "shipments/{id}", lambda t, name, _: api.show(t, name)),
            self._route("POST", "shipments/{id}/buy", self._buy),
            self._route("POST", "shipments/{id}/refund", lambda t, name, _: api.refund(t, name)),
            self._route("GET", "trackers/{id}", lambda t, name, _: api.show_tracker(t, name)),
            *admin.routes(self._state, self._webhooks),
            *pages.routes(self._state, self._webhooks),
        ]

    def _buy(self, transaction: Transaction, name: str, said: Any) -> Body:
        return api.buy(transaction, name, said, self._public_url)

    def _route(self, method: str, path: str, act: Act, status: int = 200) -> Route:
        async def run(request: Request) -> Response:
            body = await body_of(request)
            answer = self._answer(request, body, act, status)
            self._webhooks.wake()
            return answer

        return Route(f"/carrier/v2/{path}", run, methods=[method])

    def _answer(self, request: Request, body: str, act: Act, status: int) -> Response:
        try:
            self._check_key(request)
            said = _parsed(body)
            with self._state.transaction() as transaction:
                fault = _fault(transaction)
                if fault == "down":
                    return _down()
                shown = act(transaction, request.path_params.get("id", ""), said)
        except ApiError as error:
            return JSONResponse(error.body, error.status)
        return _down() if fault == "down_after" else JSONResponse(shown, status)

    def _check_key(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self._key}":
            raise ApiError(401, "APIKEY.INACTIVE", "This api key is no longer active.")


def _parsed(body: str) -> Any:
    try:
        said = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ApiError(400, "PARSE.ERROR", "The body is not a JSON object.")
    return said


def _fault(transaction: Transaction) -> str | None:
    """Takes the fault that was ordered, as often as it was."""
    ordered = transaction.knob("fault", None)
    if ordered is None:
        return None
    if "calls" in ordered:
        ordered["calls"] -= 1
        transaction.turn({"fault": ordered if ordered["calls"] else None})
    kind: str = ordered["kind"]
    return kind


def _down() -> Response:
    error = {"code": "SERVICE_UNAVAILABLE", "message": "Down for an hour.", "errors": []}
    return JSONResponse({"error": error}, 503)
