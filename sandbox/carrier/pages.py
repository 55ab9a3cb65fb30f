"""The carrier's own pages: all parcels, and where one of them is."""

from html import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.answers import Refused
from sandbox.carrier.admin import doom, latest
from sandbox.carrier.api import show_tracker
from sandbox.carrier.moving import FATES
from sandbox.carrier.state import Body, State
from sandbox.carrier.webhooks import Webhooks
from sandbox.html import Site, table

_SITE = Site("SandboxPost", "/carrier", "A stand-in for a carrier; no parcel moves here.")


def routes(state: State, webhooks: Webhooks) -> list[Route]:
    async def all_parcels(request: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(_all, state))

    async def parcel(request: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(_one, state, request.path_params["code"]))

    async def label(request: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(_label, state, request.path_params["code"]))

    async def decide(request: Request) -> Response:
        code, fate = request.path_params["code"], request.path_params["fate"]
        if fate not in FATES:
            raise Refused("invalid_request", f"A fate is one of {', '.join(FATES)}.")

        def work() -> None:
            with state.transaction() as transaction:
                doom(transaction, code, fate)

        await run_in_threadpool(work)
        webhooks.wake()
        return RedirectResponse(f"/carrier/parcels/{code}", 303)

    return [
        Route("/carrier", all_parcels, methods=["GET"]),
        Route("/carrier/parcels/{code}", parcel, methods=["GET"]),
        Route("/carrier/labels/{code}", label, methods=["GET"]),
        Route("/carrier/parcels/{code}/{fate}", decide, methods=["POST"]),
    ]


def _all(state: State) -> str:
    with state.transaction() as transaction:
        rows = [
            [
                f'<a href="/carrier/parcels/{one["tracking_code"]}">{one["tracking_code"]}</a>',
                escape(one["status"]),
                escape(one["updated_at"]),
                escape(one["est_delivery_date"]),
            ]
            for one in latest(transaction)
        ]
    shown = table(["Parcel", "Status", "Since", "Expected"], rows)
    empty = "<p class=empty>No label was bought yet.</p>"
    return _SITE.page("Parcels", f"<h1>Parcels</h1>{shown if rows else empty}")


def _one(state: State, code: str) -> str:
    tracker = _found(state, code)
    scans = [
        [escape(one["datetime"]), escape(one["message"]), _place(one)]
        for one in reversed(tracker["tracking_details"])
    ]
    buttons = "".join(
        f'<form method=post action="/carrier/parcels/{escape(code)}/{fate}">'
        f"<button>{fate}</button></form>"
        for fate in FATES
    )
    return _SITE.page(
        code,
        f"<h1>{escape(code)}</h1><p>{escape(tracker['status'])}, expected"
        f" {escape(tracker['est_delivery_date'])}</p>{table(['Time', 'What', 'Where'], scans)}"
        f"<h2>What becomes of it</h2>{buttons}",
    )


def _label(state: State, code: str) -> str:
    tracker = _found(state, code)
    with state.transaction() as transaction:
        shipment = transaction.shipment(tracker["shipment_id"])
    assert shipment is not None
    to = shipment["to_address"]
    lines = [to[part] for part in ("name", "street1", "street2", "city", "state", "zip", "country")]
    written = "<br>".join(escape(line) for line in lines if line)
    return _SITE.page(code, f"<h1>{escape(code)}</h1><p>{written}</p>")


def _found(state: State, code: str) -> Body:
    with state.transaction() as transaction:
        tracker = transaction.tracker(code)
        if tracker is not None:
            tracker = show_tracker(transaction, tracker["id"])
    if tracker is None:
        raise Refused("not_found", f"There is no parcel {code}.", 404)
    return tracker


def _place(scan: Body) -> str:
    return escape(scan["tracking_location"]["city"] or "")
