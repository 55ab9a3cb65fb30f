"""GET and POST /admin/clock."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.answers import Refused, body_of
from sandbox.clock.durations import parse_duration
from sandbox.clock.store import ClockFile

_ONE_OF = 'Send one of {"advance": "P1D"}, {"set": "2027-01-31T12:00:00Z"}, {"reset": true}.'


def routes(clock: ClockFile) -> list[Route]:
    async def show_or_move(request: Request) -> Response:
        if request.method == "POST":
            return await _move(clock, await body_of(request))
        return await _show(clock)

    return [Route("/admin/clock", show_or_move, methods=["GET", "POST"])]


async def _show(clock: ClockFile) -> Response:
    try:
        return _shown(await run_in_threadpool(clock.offset))
    except ValueError as error:
        raise Refused("damaged_state", str(error), 500) from None


async def _move(clock: ClockFile, body: str) -> Response:
    try:
        return _shown(await run_in_threadpool(clock.move, _change(clock, body)))
    except ValueError as error:
        raise Refused("invalid_request", str(error)) from None


def _change(clock: ClockFile, body: str) -> Callable[[], timedelta]:
    """Raises ValueError with a sentence for the caller."""
    try:
        order = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(f"The body is not JSON. {_ONE_OF}") from None
    match order:
        case {"advance": str(text), **others} if not others:
            step = parse_duration(text)
            return lambda: clock.offset() + step
        case {"set": str(text), **others} if not others:
            target = _moment(text)
            return lambda: target - datetime.now(UTC)
        case {"reset": True, **others} if not others:
            return timedelta
        case _:
            raise ValueError(_ONE_OF)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("set takes an ISO 8601 time with its zone, such as 2027-01-31T12:00:00Z.")


def _shown(offset: timedelta) -> JSONResponse:
    now = datetime.now(UTC)
    return JSONResponse(
        {
            "offset_seconds": offset.total_seconds(),
            "business_now": (now + offset).isoformat(),
            "machine_now": now.isoformat(),
        },
        headers={"Cache-Control": "no-store"},
    )
