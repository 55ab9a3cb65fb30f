"""Durable Functions' part of a host that faces the app and its users: the client binding, the web
hook and the listener of the SDK."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from funchost.convert import Datum
from funchost.durable.api.links import DEFAULT_CONNECTION, WEB_HOOK_PATH, Links
from funchost.durable.api.local_rpc import LocalRpc
from funchost.durable.api.web_hook import ManagementApi
from funchost.durable.interface import TaskHubs
from funchost.exchange import ClientGoneError, Exchange, Receive, Scope, Send
from funchost.http_messages import BadRequestError, Response, read_headers
from funchost.kinds import TriggerEvent
from funchost.logs import HostLog

__all__ = ["EXTENSION", "DurableApi"]

EXTENSION = "durabletask"
_BASE_SEGMENTS = WEB_HOOK_PATH.count("/")


class DurableApi:
    """`origin` is where the app is reached from outside; `code` the key of the web hook, None
    where the host checks no keys, for it has been checked before `web_hook` is called."""

    def __init__(
        self, hubs: TaskHubs, log: HostLog, *, origin: str, code: str | None = None
    ) -> None:
        self._hubs = hubs
        self._links = Links(origin, hubs.default_hub, code=code)
        self._api = ManagementApi(hubs, self._links, log)
        self._rpc = LocalRpc(self._api)
        self._bindings: dict[tuple[str, str | None], str] = {}

    async def open(self) -> None:
        await self._rpc.open()

    async def close(self) -> None:
        """After the last function has ended."""
        await self._rpc.close()

    async def client_binding(self, binding: Mapping[str, Any], event: TriggerEvent) -> Datum:
        """The source of a `durableClient` input."""
        key = (str(binding.get("taskHub") or ""), binding.get("connectionName") or None)
        text = self._bindings.get(key)
        if text is None:
            text = self._bindings[key] = self._binding_text(*key)
        return Datum(text, "string")

    async def web_hook(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, read_headers(scope["headers"]), "")
        try:
            response = await self._api.answer(exchange, _BASE_SEGMENTS, is_public=True)
        except BadRequestError as error:
            response = Response(error.status, [], b"")
        except ClientGoneError:
            return
        headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    def _binding_text(self, task_hub: str, connection: str | None) -> str:
        hub = self._hubs.client(task_hub).hub
        links = replace(self._links, task_hub=hub, connection=connection or DEFAULT_CONNECTION)
        return json.dumps(
            {
                "taskHubName": hub,
                "connectionName": connection,
                "creationUrls": links.creation(),
                "managementUrls": links.management(),
                "baseUrl": links.base,
                "requiredQueryStringParameters": links.required_query,
                "rpcBaseUrl": self._rpc.base_url,
                "httpBaseUrl": None,
            }
        )
