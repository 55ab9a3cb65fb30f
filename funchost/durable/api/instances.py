"""Instances over HTTP: start, look at, list, act upon, purge."""

import time
from collections.abc import Awaitable, Callable

from funchost.durable.api.messages import (
    CONTINUATION,
    NOT_FOUND,
    InvalidJsonError,
    ManagementRequest,
    accepted,
    empty,
    json_response,
    read_json,
    refusal,
)
from funchost.durable.api.shaping import shape_history, shape_status, stored_value
from funchost.durable.interface import (
    FINISHED,
    ArgumentError,
    DurableClient,
    InstanceFilter,
    InstanceStatus,
    RuntimeStatus,
)
from funchost.http_messages import Response

__all__ = [
    "PAGE_SIZE",
    "change",
    "list_instances",
    "purge",
    "purge_where",
    "raise_event",
    "restart",
    "show",
    "start",
]

PAGE_SIZE = 100
_STATUS_NAMES = [status.text for status in RuntimeStatus]
_INVALID_JSON = "Invalid JSON content"


async def start(request: ManagementRequest, function: str, instance_id: str | None) -> Response:
    try:
        given = read_json(request.body)
    except InvalidJsonError as error:
        return refusal(400, _INVALID_JSON, error)
    started = await request.client.start(
        function,
        instance_id=instance_id,
        input=given,
        version=request.parameters.text("version"),
        traceparent=request.headers.get("traceparent"),
    )
    return await _accepted_or_result(request, started)


async def restart(request: ManagementRequest, instance_id: str) -> Response:
    with_new_id = request.parameters.flag("restartWithNewInstanceId", default=True)
    try:
        started = await request.client.restart(instance_id, with_new_id=with_new_id)
    except ArgumentError as error:
        return refusal(400, "InstanceId does not match a valid orchestration instance.", error)
    return await _accepted_or_result(request, started)


async def _accepted_or_result(request: ManagementRequest, instance_id: str) -> Response:
    """The result, where the caller is ready to wait for it and it comes in time."""
    timeout = request.parameters.seconds("timeout")
    interval = request.parameters.seconds("pollingInterval")
    if timeout is None or interval is None:
        return accepted(request.links, instance_id)
    if interval > timeout:
        raise ArgumentError(
            f"Total timeout {timeout:g} should be bigger than retry timeout {interval:g}"
        )
    status = await _wait_for_end(request.client, instance_id, timeout)
    if status is None or not status.is_finished:
        return accepted(request.links, instance_id)
    if status.runtime_status is RuntimeStatus.COMPLETED:
        return json_response(stored_value(status.output))
    return _status_response(request, status, shape_status(status))


async def _wait_for_end(
    client: DurableClient, instance_id: str, seconds: float
) -> InstanceStatus | None:
    deadline = time.monotonic() + seconds
    status = await client.status(instance_id)
    while status is not None and not status.is_finished:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            break
        status = await client.wait_for_change(instance_id, status.revision, remaining)
    return status


async def show(request: ManagementRequest, instance_id: str) -> Response:
    status = await request.client.status(instance_id)
    if status is None:
        return NOT_FOUND
    parameters = request.parameters
    show_input = parameters.flag("showInput", default=True)
    history = None
    if parameters.flag("showHistory") and status.runtime_status is not RuntimeStatus.PENDING:
        history = shape_history(
            await request.client.history(instance_id),
            show_input=show_input,
            show_output=parameters.flag("showHistoryOutput"),
        )
    return _status_response(
        request, status, shape_status(status, show_input=show_input, history=history)
    )


def _status_response(
    request: ManagementRequest, status: InstanceStatus, shown: dict[str, object]
) -> Response:
    if not status.is_finished:
        location = request.links.management(status.instance_id)["statusQueryGetUri"]
        if request.method == "GET":
            location = request.url
        return json_response(shown, 202, [(b"location", location.encode()), (b"retry-after", b"5")])
    if status.runtime_status is RuntimeStatus.FAILED and request.parameters.flag(
        "returnInternalServerErrorOnFailure"
    ):
        return json_response(shown, 500)
    return json_response(shown)


async def list_instances(request: ManagementRequest) -> Response:
    parameters = request.parameters
    top = parameters.number("top")
    page = await request.client.query(
        _filter(request),
        top=PAGE_SIZE if top is None or top < 1 else top,
        continuation=request.continuation,
    )
    show_input = parameters.flag("showInput", default=True)
    return json_response(
        [shape_status(status, show_input=show_input) for status in page.items],
        headers=[(CONTINUATION.encode(), (page.continuation or "").encode())],
    )


def _filter(request: ManagementRequest) -> InstanceFilter:
    parameters = request.parameters
    names = parameters.choices("runtimeStatus", _STATUS_NAMES)
    return InstanceFilter(
        id_prefix=parameters.text("instanceIdPrefix"),
        statuses=frozenset(status for status in RuntimeStatus if status.text in names),
        created_from=parameters.moment("createdTimeFrom"),
        created_to=parameters.moment("createdTimeTo"),
    )


async def purge(request: ManagementRequest, instance_id: str) -> Response:
    if not await request.client.purge(instance_id):
        return NOT_FOUND
    return json_response({"instancesDeleted": 1})


async def purge_where(request: ManagementRequest) -> Response:
    wanted = _filter(request)
    if wanted.created_from is None:
        return json_response("Please provide value for 'createdTimeFrom' parameter.", 400)
    deleted = await request.client.purge_where(
        InstanceFilter(
            statuses=wanted.statuses,
            created_from=wanted.created_from,
            created_to=wanted.created_to,
        )
    )
    return json_response({"instancesDeleted": deleted}) if deleted else NOT_FOUND


async def change(request: ManagementRequest, instance_id: str, operation: str) -> Response:
    """Terminate, suspend, resume or rewind; 404 for any other operation."""
    client = request.client
    acts: dict[str, Callable[[str, str | None], Awaitable[None]]] = {
        "terminate": client.terminate,
        "suspend": client.suspend,
        "resume": client.resume,
        "rewind": client.rewind,
    }
    act = acts.get(operation.lower())
    if act is None:
        return NOT_FOUND
    await act(instance_id, request.parameters.text("reason"))
    return empty(202)


async def raise_event(request: ManagementRequest, instance_id: str, name: str) -> Response:
    status = await request.client.status(instance_id)
    if status is None:
        return NOT_FOUND
    if status.runtime_status in FINISHED:
        return empty(410)
    if not request.has_json:
        return refusal(400, "Only application/json request content is supported")
    try:
        given = read_json(request.body)
    except InvalidJsonError as error:
        return refusal(400, _INVALID_JSON, error)
    await request.client.raise_event(instance_id, name, given)
    return empty(202)
