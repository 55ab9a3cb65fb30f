"""The management API below `/runtime/webhooks/durabletask`: from a request to its handler, and from
the engine's errors to statuses (`HttpApiHandler.cs` of the extension)."""

import traceback
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import unquote

from funchost.durable.api import entities, instances
from funchost.durable.api.links import DEFAULT_CONNECTION, Links
from funchost.durable.api.messages import NOT_FOUND, ManagementRequest, empty, refusal
from funchost.durable.api.parameters import Parameters
from funchost.durable.interface import (
    ArgumentError,
    DurableError,
    InstanceGoneError,
    InstanceNotFoundError,
    TaskHubs,
)
from funchost.exchange import Exchange
from funchost.http_messages import Response
from funchost.logs import ERROR, HostLog

__all__ = ["ManagementApi"]

_WRONG_ARGUMENT = "One or more of the arguments submitted is incorrect"
_WENT_WRONG = "Something went wrong while processing your request"


class ManagementApi:
    """`links` gives those of the default hub, from outside."""

    def __init__(self, hubs: TaskHubs, links: Callable[[], Links], log: HostLog) -> None:
        self._hubs = hubs
        self._links = links
        self._log = log

    async def answer(self, exchange: Exchange, base_segments: int, *, is_public: bool) -> Response:
        """`base_segments` of the path lead here. Links lead to where a public caller came from.
        Raises BadRequestError or ClientGoneError."""
        body = await exchange.read_body(accepts_chunked=True)
        try:
            request = self._read(exchange, base_segments, body, is_public=is_public)
            return await _dispatch(request)
        except ArgumentError as error:
            return refusal(400, _WRONG_ARGUMENT, error)
        except InstanceNotFoundError:
            return NOT_FOUND
        except InstanceGoneError:
            return empty(410)
        except DurableError as error:
            return refusal(500, _WENT_WRONG, error)
        except Exception as error:
            self._log.log("Host.Triggers.DurableTask", ERROR, traceback.format_exc().rstrip())
            return refusal(500, _WENT_WRONG, error)

    def _read(
        self, exchange: Exchange, base_segments: int, body: bytes, *, is_public: bool
    ) -> ManagementRequest:
        scope = exchange.scope
        parameters = Parameters(exchange.query)
        client = self._hubs.client(parameters.text("taskHub"))
        raw_path: str = scope["raw_path"].decode("ascii")
        segments = raw_path.strip("/").split("/")[base_segments:]
        connection = parameters.text("connection") or parameters.text("connectionName")
        links = replace(
            self._links(), task_hub=client.hub, connection=connection or DEFAULT_CONNECTION
        )
        origin = f"{scope['scheme']}://{exchange.headers.get('host', '')}"
        if is_public:
            links = replace(links, origin=origin)
        return ManagementRequest(
            method=scope["method"],
            path=tuple(unquote(segment) for segment in segments),
            parameters=parameters,
            headers=exchange.headers,
            body=body,
            url=f"{origin}{raw_path}" + (f"?{exchange.query}" if exchange.query else ""),
            client=client,
            links=links,
        )


async def _dispatch(request: ManagementRequest) -> Response:
    if not request.path or "" in request.path[1:]:
        return NOT_FOUND
    controller, *rest = request.path
    match controller.lower(), request.method, rest:
        case "orchestrators", "POST", [function]:
            return await instances.start(request, function, None)
        case "orchestrators", "POST", [function, instance_id]:
            return await instances.start(request, function, instance_id)
        case "entities", _, _:
            return await _dispatch_entities(request, rest)
        case "instances", _, _:
            return await _dispatch_instances(request, rest)
        case "makeprimary", _, []:
            # Only apps that share a lease need to be made that; a single one is it already.
            return empty(200)
    return NOT_FOUND


async def _dispatch_entities(request: ManagementRequest, rest: list[str]) -> Response:
    match request.method, rest:
        case "GET", []:
            return await entities.list_entities(request, None)
        case "GET", [name]:
            return await entities.list_entities(request, name)
        case "GET", [name, key]:
            return await entities.read_entity(request, name, key)
        case (("POST" | "DELETE"), []):
            return refusal(
                400,
                "Invalid entity id: entity name must not be a null or empty string. "
                "(Parameter 'entityName')",
            )
        case (("POST" | "DELETE"), [name]):
            return await entities.signal_entity(request, name, "")
        case (("POST" | "DELETE"), [name, key]):
            return await entities.signal_entity(request, name, key)
    return NOT_FOUND


async def _dispatch_instances(request: ManagementRequest, rest: list[str]) -> Response:
    match request.method, rest:
        case "GET", []:
            return await instances.list_instances(request)
        case "DELETE", []:
            return await instances.purge_where(request)
        case "GET", [instance_id]:
            return await instances.show(request, instance_id)
        case "DELETE", [instance_id]:
            return await instances.purge(request, instance_id)
        case "POST", [instance_id, operation] if operation.lower() == "restart":
            return await instances.restart(request, instance_id)
        case "POST", [instance_id, operation]:
            return await instances.change(request, instance_id, operation)
        case "POST", [instance_id, operation, name] if operation.lower() == "raiseevent":
            return await instances.raise_event(request, instance_id, name)
    return NOT_FOUND
