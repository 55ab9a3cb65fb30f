"""The mailbox's HTTP API."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.answers import Refused, body_of
from sandbox.mailbox import pages
from sandbox.mailbox.store import Messages

_LARGEST_MAIL = 1024 * 1024
_TEXTS = ("id", "message_id", "from", "to", "to_name", "subject", "text", "html")
_FAULTS = ("down", "busy", "refuse", "lost_answer")
"""`lost_answer`: the mail is taken, and the answer says that nobody knows."""
_BUSY_SECONDS = 1


class Mailbox:
    def __init__(self, state: Path) -> None:
        self._messages = Messages(state)

    def close(self) -> None:
        self._messages.close()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/mailbox/messages", self._send_or_list, methods=["GET", "POST", "DELETE"]),
            Route("/mailbox/messages/{id}", self._one, methods=["GET"]),
            Route("/admin/mailbox/faults", self._faults, methods=["GET", "POST"]),
            *pages.routes(self._messages),
        ]

    async def _send_or_list(self, request: Request) -> Response:
        if request.method == "POST":
            said = _mail(await body_of(request, _LARGEST_MAIL))
            return self._take(said)
        if request.method == "DELETE":
            await run_in_threadpool(self._messages.empty)
            return Response(status_code=204)
        to = request.query_params.get("to")
        return JSONResponse({"items": await run_in_threadpool(self._messages.newest, to)})

    async def _one(self, request: Request) -> Response:
        found = await run_in_threadpool(self._messages.one, request.path_params["id"])
        if found is None:
            raise Refused("not_found", "There is no such mail.", 404)
        return JSONResponse(found)

    async def _faults(self, request: Request) -> Response:
        if request.method == "POST":
            said = _object(await body_of(request))
            if said == {"reset": True}:
                await run_in_threadpool(self._messages.mend)
            else:
                await run_in_threadpool(self._messages.order_fault, *_fault(said))
        return JSONResponse({"faults": await run_in_threadpool(self._messages.faults)})

    def _take(self, said: Mapping[str, Any]) -> Response:
        kind = self._messages.fault(said["to"])
        if kind == "down":
            raise Refused("unavailable", "The mailbox is down, as it was told to be.", 503)
        if kind == "busy":
            wait = {"Retry-After": str(_BUSY_SECONDS)}
            raise Refused("too_many_requests", "It is busy, as it was told to be.", 429, wait)
        if kind == "refuse":
            raise Refused("refused", "It refuses this mail, as it was told to.", 422)
        is_new = self._messages.take(said)
        if kind == "lost_answer":
            raise Refused("timeout", "The answer got lost, as it was told to.", 504)
        return JSONResponse({"id": said["id"]}, 201 if is_new else 200)


def _mail(body: str) -> dict[str, Any]:
    said = _object(body)
    for name in _TEXTS:
        if not isinstance(said.get(name), str):
            raise Refused("invalid_request", f"{name} must be a text.")
    for name in ("id", "from", "to", "subject"):
        if not said[name].strip():
            raise Refused("invalid_request", f"{name} is empty.")
    if "@" not in said["to"]:
        raise Refused("invalid_request", "to is not a mail address.", 422)
    headers = said.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(one, str) for one in headers.values()):
        raise Refused("invalid_request", "headers must be an object of texts.")
    reply_to = said.get("reply_to")
    if not (reply_to is None or isinstance(reply_to, str)):
        raise Refused("invalid_request", "reply_to must be a text or null.")
    if unknown := sorted(said.keys() - {*_TEXTS, "headers", "reply_to"}):
        raise Refused("invalid_request", f"{unknown[0]} is not known.")
    return said


def _fault(said: dict[str, Any]) -> tuple[str, int, str]:
    kind, calls, to = said.pop("kind", None), said.pop("calls", 1), said.pop("to", "")
    if kind not in _FAULTS:
        raise Refused("invalid_request", f"kind must be one of {', '.join(_FAULTS)}.")
    if type(calls) is not int or not 1 <= calls <= 100_000:
        raise Refused("invalid_request", "calls must be a count from 1.")
    if not isinstance(to, str):
        raise Refused("invalid_request", "to must be a part of an address.")
    if said:
        raise Refused("invalid_request", f"{min(said)} is not known.")
    return kind, calls, to


def _object(body: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Refused("invalid_request", "The body is not a JSON object.")
    return said
