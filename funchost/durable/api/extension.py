"""Durable Functions' part of a host that faces the app and its users: the client binding, the web
hook and the listener of the SDK."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from funchost.convert import Datum
from funchost.durable.api.links import DEFAULT_CONNECTION, WEB_HOOK_PATH, Links
from funchost.durable.api.local_rpc import LocalRpc
from funchost.durable.api.messages import send_response
from funchost.durable.api.web_hook import ManagementApi
from funchost.durable.interface import TaskHubs
from funchost.durable.options import is_hub_name
from funchost.exchange import ClientGoneError, Exchange, Receive, Scope, Send
from funchost.http_messages import BadRequestError, Response, read_headers
from funchost.kinds import BindingError, BindingKinds, HostedFunction, TriggerEvent
from funchost.logs import HostLog

__all__ = ["EXTENSION", "DurableApi"]

EXTENSION = "durabletask"
_BASE_SEGMENTS = WEB_HOOK_PATH.count("/")


class DurableApi:
    """`links` gives those of the default hub from outside, with the key of the web hook where the
    host checks keys; that has been checked before `web_hook` is called."""

    def __init__(self, hubs: TaskHubs, links: Callable[[], Links], log: HostLog) -> None:
        self._hubs = hubs
        self._links = links
        self._api = ManagementApi(hubs, links, log)
        self._rpc = LocalRpc(self._api)
        self._bindings: dict[Links, str] = {}

    def register(self, kinds: BindingKinds) -> None:
        # The second is the name that it had before version 2 of the extension.
        for kind in ("durableclient", "orchestrationclient"):
            kinds.inputs[kind] = self.client_binding
        kinds.webhooks[EXTENSION] = self.web_hook
        kinds.extensions.append(self)

    def check(self, hosted: HostedFunction) -> None:
        for name in self._named_hubs(hosted):
            if not is_hub_name(name):
                raise BindingError(f"'{name}' is not the name of a task hub.")

    async def start(self, hosted: Sequence[HostedFunction]) -> None:
        for function in hosted:
            for name in self._named_hubs(function):
                self._hubs.declare(name)

    def _named_hubs(self, hosted: HostedFunction) -> Iterator[str]:
        for _, _, binding, source in hosted.inputs:
            if source == self.client_binding and (name := binding.get("taskHub")):
                yield str(name)

    async def close(self) -> None:
        await self._rpc.close()

    async def client_binding(self, binding: Mapping[str, Any], event: TriggerEvent) -> Datum:
        """The source of a `durableClient` input."""
        connection = binding.get("connectionName") or None
        links = replace(
            self._links(),
            task_hub=self._hubs.client(str(binding.get("taskHub") or "")).hub,
            connection=connection or DEFAULT_CONNECTION,
        )
        text = self._bindings.get(links)
        if text is None:
            text = _binding_text(links, connection, await self._rpc.open())
            self._bindings[links] = text
        return Datum(text, "string")

    async def web_hook(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, read_headers(scope["headers"]), "")
        try:
            response = await self._api.answer(exchange, _BASE_SEGMENTS, is_public=True)
        except BadRequestError as error:
            response = Response(error.status, [], b"")
        except ClientGoneError:
            return
        await send_response(send, response)


def _binding_text(links: Links, connection: str | None, rpc_base_url: str) -> str:
    return json.dumps(
        {
            "taskHubName": links.task_hub,
            "connectionName": connection,
            "creationUrls": links.creation(),
            "managementUrls": links.management(),
            "baseUrl": links.base,
            "requiredQueryStringParameters": links.required_query,
            "rpcBaseUrl": rpc_base_url,
            "httpBaseUrl": None,
        }
    )
