"""What tests and people turn: a carrier that is down, parcels that go astray, webhooks that come
twice, late or never.

    POST /admin/carrier/faults     {"kind": "down", "calls": 3}      without calls: until the reset
    POST /admin/carrier/settings   {"fate": "lost"}                  of labels bought from now on
    POST /admin/carrier/parcels/{tracking code}  {"fate": "returned"}
    POST /admin/carrier/webhooks   {"duplicate": 1, "reorder": 0.3, "drop": 0.1, "paused": false,
                                    "endpoint": "http://...", "seed": 7}
    GET  /admin/carrier/parcels, /admin/carrier/deliveries?tracker=trk_...

`{"reset": true}` takes everything of that page back.
"""

import json
from datetime import datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.answers import Refused, body_of
from sandbox.carrier.moving import FATES, plan
from sandbox.carrier.state import Body, State, Transaction
from sandbox.carrier.webhooks import Webhooks
from sandbox.knobs import WEBHOOKS, Knobs, checked

FAULTS = ("down", "down_after")
"""`down_after`: the work is done, and the caller does not hear of it."""
_FAULT: Knobs = {
    "kind": (lambda value: value in FAULTS, f"one of {', '.join(FAULTS)}"),
    "calls": (lambda value: type(value) is int and 1 <= value <= 10_000, "a count from 1"),
}
_FATE: Knobs = {"fate": (lambda value: value in FATES, f"one of {', '.join(FATES)}")}


def routes(state: State, webhooks: Webhooks) -> list[Route]:
    def turn(request: Request, body: str) -> Response:
        said = checked(body, _FAULT)
        if said is not None and "kind" not in said:
            raise Refused("invalid_request", "kind is missing.")
        with state.transaction() as transaction:
            transaction.turn({"fault": said})
        return JSONResponse({"fault": said})

    def settle(request: Request, body: str) -> Response:
        said = checked(body, _FATE) or {}
        with state.transaction() as transaction:
            transaction.turn({"settings": said})
        return JSONResponse(said)

    def shake(request: Request, body: str) -> Response:
        said = checked(body, WEBHOOKS)
        with state.transaction() as transaction:
            return JSONResponse(transaction.turn_webhooks(said))

    def decide(request: Request, body: str) -> Response:
        said = checked(body, _FATE)
        with state.transaction() as transaction:
            tracker = doom(transaction, request.path_params["code"], (said or {}).get("fate"))
        return JSONResponse(tracker)

    def parcels(request: Request, body: str) -> Response:
        with state.transaction() as transaction:
            return JSONResponse({"parcels": latest(transaction)})

    def deliveries(request: Request, body: str) -> Response:
        with state.transaction() as transaction:
            return JSONResponse(_deliveries(transaction, request.query_params.get("tracker")))

    def route(path: str, method: str, act: Any) -> Route:
        async def run(request: Request) -> Response:
            answer: Response = await run_in_threadpool(act, request, await body_of(request))
            webhooks.wake()
            return answer

        return Route(f"/admin/carrier/{path}", run, methods=[method])

    return [
        route("faults", "POST", turn),
        route("settings", "POST", settle),
        route("webhooks", "POST", shake),
        route("parcels/{code}", "POST", decide),
        route("parcels", "GET", parcels),
        route("deliveries", "GET", deliveries),
    ]


def doom(transaction: Transaction, code: str, fate: str | None) -> Body:
    """Changes what becomes of a parcel from now on. Raises Refused."""
    tracker = transaction.tracker(code)
    if tracker is None:
        raise Refused("not_found", f"There is no parcel {code}.", 404)
    begun = datetime.fromisoformat(tracker["created_at"])
    shipment = transaction.shipment(tracker["shipment_id"])
    assert shipment is not None
    days = shipment["selected_rate"]["delivery_days"]
    if (transaction.now - begun).days >= days:
        days = (transaction.now - begun).days + 1
    plan(transaction, tracker, days, fate or "arrives")
    return tracker


def latest(transaction: Transaction) -> list[Body]:
    rows = transaction.sql.execute(
        "SELECT t.body, s.body AS shipment FROM trackers t JOIN shipments s ON s.tracker = t.id"
        " ORDER BY t.created DESC, t.id LIMIT 200"
    )
    return [
        json.loads(row["body"]) | {"reference": json.loads(row["shipment"])["reference"]}
        for row in rows
    ]


def _deliveries(transaction: Transaction, tracker: str | None) -> Body:
    """The latest first; with their bodies where they are of one tracker."""
    rows = transaction.sql.execute(
        "SELECT tracker, state, attempts, answer, iif(?1 IS NULL, NULL, body) AS body"
        " FROM deliveries WHERE ?1 IS NULL OR tracker = ?1 ORDER BY id DESC LIMIT 500",
        (tracker,),
    ).fetchall()
    waiting = transaction.sql.execute(
        "SELECT COUNT(*) FROM deliveries WHERE state = 'waiting'"
    ).fetchone()[0]
    return {"waiting": waiting, "deliveries": [dict(row) for row in rows]}
