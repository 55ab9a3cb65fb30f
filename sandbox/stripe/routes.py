"""Stripe's API on the sandbox's port: `/v1/...`, as `api.stripe.com` has it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.answers import body_of
from sandbox.stripe import admin, pages
from sandbox.stripe.api import Fault, Reply, StripeApi, idempotency_key, refusal
from sandbox.stripe.errors import StripeError
from sandbox.stripe.keys import account_keys
from sandbox.stripe.state import State
from sandbox.stripe.webhooks import Webhooks


class Stripe:
    """The stand-in as a whole. `shop_url` is where the shop listens for webhooks, `shop_events` are
    the kinds of events that it asked for."""

    def __init__(
        self, folder: Path, public_url: str, shop_url: str | None, shop_events: Collection[str]
    ) -> None:
        keys = account_keys(folder)
        endpoint = f"{shop_url}/api/v1/webhooks/stripe" if shop_url else None
        self._state = State(folder, frozenset(shop_events))
        self._api = StripeApi(self._state, keys, public_url)
        self._webhooks = Webhooks(self._state, keys.webhook_secret, endpoint)
        self._public_url = public_url

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Webhooks are sent inside the block."""
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
            Route("/v1/{path:path}", self._call, methods=["GET", "POST", "DELETE"]),
            *admin.routes(self._state, self._webhooks),
            *pages.routes(self._state, self._webhooks, self._public_url),
        ]

    async def _call(self, request: Request) -> Response:
        body = await body_of(request)
        key = idempotency_key(request.method, request.headers)
        try:
            with self._api.holding(key):
                reply = await self._reply(request, body)
        except StripeError as in_use:
            reply = refusal(in_use)
        if request.method != "GET":
            self._webhooks.wake()
        return Response(reply.body, reply.status, dict(reply.headers), "application/json")

    async def _reply(self, request: Request, body: str) -> Reply:
        path = request.url.path
        call = (request.method, path, request.url.query, body, request.headers)
        reply, fault = self._api.answer_unless_faulty(*call)
        if reply is not None:
            return reply
        if fault is not None and fault.kind in ("timeout", "slow"):
            gone = await _wait(request, fault)
            if fault.kind == "timeout":
                return Reply(504, b"", {})
            if gone:
                fault = None
        reply = self._api.answer(*call, fault)
        if fault is not None and fault.kind == "timeout_after":
            self._webhooks.wake()
            await _wait(request, fault)
        return reply


async def _wait(request: Request, fault: Fault) -> bool:
    """For the fault's time, or until the caller has had enough: then True."""

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(left(), fault.seconds)
    except TimeoutError:
        return False
    return True
