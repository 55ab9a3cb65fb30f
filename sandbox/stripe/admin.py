"""What tests and people turn: faults of the API, and webhooks that come twice, late or never.

    POST /admin/stripe/faults     {"kind": "timeout_after", "calls": 1, "path": "/v1/refunds"}
    POST /admin/stripe/webhooks   {"duplicate": 1, "delay": 0.5, "reorder": 0.3, "drop": 0.1,
                                   "paused": false, "endpoint": "http://...", "seed": 7}
    POST /admin/stripe/settings   {"autopay": "pm_card_visa", "search_lag_seconds": 0}
    POST /admin/stripe/events/{id}/resend
    GET  /admin/stripe/faults, /admin/stripe/deliveries

Shares are between 0 and 1, `delay` is the longest in seconds. What is left out stays as it was;
`{"reset": true}` takes everything of that page back.
"""

from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.answers import Refused, body_of
from sandbox.knobs import WEBHOOKS, Knobs, checked, is_seconds
from sandbox.stripe import cards
from sandbox.stripe.api import FaultKind
from sandbox.stripe.state import State
from sandbox.stripe.webhooks import Webhooks

_FAULT: Knobs = {
    "kind": (
        lambda value: value in get_args(FaultKind),
        f"one of {', '.join(get_args(FaultKind))}",
    ),
    "calls": (lambda value: type(value) is int and 1 <= value <= 10_000, "a count from 1"),
    "path": (lambda value: isinstance(value, str), "the beginning of a path"),
    "method": (lambda value: value in ("GET", "POST"), "GET or POST"),
    "seconds": (is_seconds, "seconds, up to an hour"),
}
_WEBHOOKS: Knobs = {**WEBHOOKS, "delay": (is_seconds, "seconds, up to an hour")}
_SETTINGS: Knobs = {
    "autopay": (
        lambda value: value is None or value in cards.METHODS,
        "null or a test PaymentMethod such as pm_card_visa",
    ),
    "search_lag_seconds": (is_seconds, "seconds, up to an hour"),
}


def routes(state: State, webhooks: Webhooks) -> list[Route]:
    async def faults(request: Request) -> Response:
        if request.method == "GET":
            return await run_in_threadpool(_faults_left, state)
        said = checked(await body_of(request), _FAULT)
        if said is not None and "kind" not in said:
            raise Refused("invalid_request", "kind is missing.")
        return await run_in_threadpool(_order_fault, state, said)

    async def shake(request: Request) -> Response:
        said = checked(await body_of(request), _WEBHOOKS)
        answer = await run_in_threadpool(_turn_webhooks, state, said)
        webhooks.wake()
        return answer

    async def settings(request: Request) -> Response:
        said = checked(await body_of(request), _SETTINGS)
        return await run_in_threadpool(_turn_settings, state, said)

    async def resend(request: Request) -> Response:
        event = request.path_params["event"]
        if not await run_in_threadpool(webhooks.resend, event):
            raise Refused("not_found", f"There is no event {event}.", 404)
        webhooks.wake()
        return JSONResponse({"event": event}, 202)

    async def deliveries(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_deliveries, state))

    return [
        Route("/admin/stripe/faults", faults, methods=["GET", "POST"]),
        Route("/admin/stripe/webhooks", shake, methods=["POST"]),
        Route("/admin/stripe/settings", settings, methods=["POST"]),
        Route("/admin/stripe/events/{event}/resend", resend, methods=["POST"]),
        Route("/admin/stripe/deliveries", deliveries, methods=["GET"]),
    ]


def _faults_left(state: State) -> Response:
    with state.transaction() as transaction:
        return JSONResponse({"faults": transaction.knob("faults", [])})


def _order_fault(state: State, said: dict[str, Any] | None) -> Response:
    with state.transaction() as transaction:
        ordered = [] if said is None else transaction.knob("faults", [])
        if said is not None:
            defaults = {"calls": 1, "path": "/v1/", "method": None, "seconds": 30}
            ordered.append(defaults | said)
        transaction.turn({"faults": ordered})
    return JSONResponse({"faults": ordered})


def _turn_webhooks(state: State, said: dict[str, Any] | None) -> Response:
    with state.transaction() as transaction:
        return JSONResponse(transaction.turn_webhooks(said))


def _turn_settings(state: State, said: dict[str, Any] | None) -> Response:
    with state.transaction() as transaction:
        if said is None:
            transaction.sql.execute(
                "DELETE FROM knobs WHERE name IN ('autopay', 'search_lag_seconds')"
            )
        else:
            transaction.turn(said)
    return JSONResponse(said or {})


def _deliveries(state: State) -> dict[str, Any]:
    with state.transaction() as transaction:
        rows = transaction.sql.execute(
            "SELECT d.event, json_extract(o.body, '$.type') AS type, o.intent, d.state, d.attempts,"
            " d.answer FROM deliveries d JOIN objects o ON o.id = d.event"
            " ORDER BY d.id DESC LIMIT 500"
        ).fetchall()
        waiting = transaction.sql.execute(
            "SELECT COUNT(*) FROM deliveries WHERE state = 'waiting'"
        ).fetchone()[0]
    return {"waiting": waiting, "deliveries": [dict(row) for row in rows]}
