"""Entities over HTTP: read one, list them, send a signal."""

import json
from typing import Any

from funchost.durable.api.instances import PAGE_SIZE
from funchost.durable.api.messages import (
    CONTINUATION,
    NOT_FOUND,
    InvalidJsonError,
    ManagementRequest,
    empty,
    json_response,
    read_json,
    refusal,
)
from funchost.durable.api.shaping import moment_text, stored_value
from funchost.durable.interface import ArgumentError, EntityFilter, EntityId, EntityStatus
from funchost.http_messages import Response

__all__ = ["list_entities", "read_entity", "signal_entity"]

_EMPTY_KEY = "$"


async def read_entity(request: ManagementRequest, name: str, key: str) -> Response:
    found = await request.client.entity(_entity_id(name, key))
    if found is None or not found.exists:
        return NOT_FOUND
    return json_response(stored_value(found.state))


async def list_entities(request: ManagementRequest, name: str | None) -> Response:
    parameters = request.parameters
    with_state = parameters.flag("fetchState")
    top = parameters.number("top")
    page = await request.client.entities(
        EntityFilter(
            name=name,
            last_operation_from=parameters.moment("lastOperationTimeFrom"),
            last_operation_to=parameters.moment("lastOperationTimeTo"),
            with_state=with_state,
        ),
        top=PAGE_SIZE if top is None or top < 1 else top,
        continuation=request.continuation,
    )
    return json_response(
        [_shape(entity, with_state=with_state) for entity in page.items],
        headers=[(CONTINUATION.encode(), (page.continuation or "").encode())],
    )


async def signal_entity(request: ManagementRequest, name: str, key: str) -> Response:
    operation = "delete"
    if request.method == "POST":
        operation = request.parameters.text("op") or ""
    try:
        given = _operation_input(request)
    except InvalidJsonError as error:
        return refusal(400, f"Could not parse JSON content: {error}")
    try:
        await request.client.signal_entity(_entity_id(name, key), operation, given)
    except ArgumentError as error:
        return refusal(400, str(error))
    return empty(202)


def _operation_input(request: ManagementRequest) -> str | None:
    if not request.body:
        return None
    if request.has_json:
        return read_json(request.body)
    return json.dumps(request.body.decode(errors="replace"))


def _entity_id(name: str, key: str) -> EntityId:
    return EntityId(name, "" if key == _EMPTY_KEY else key)


def _shape(entity: EntityStatus, *, with_state: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "entityId": {"name": entity.id.name, "key": entity.id.key},
        "lastOperationTime": moment_text(entity.last_operation),
    }
    if with_state:
        shown["state"] = stored_value(entity.state)
    return shown
