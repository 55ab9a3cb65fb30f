"""A service's functions, called as a Functions worker calls them."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import azure.functions as func
from azure.functions.servicebus import ServiceBusMessage

from shared.auth import InvalidToken, Principal
from shared.http.edge import Edge
from shared.kit.provider import Provider
from tests.support.edge_app import encoded, segments


class NamesAsTokens:
    """A verifier for which a token is a subject and its roles: `anna-catalogue.write`."""

    def verify(self, token: str) -> Principal:
        subject, _, roles = token.partition("-")
        if not subject:
            raise InvalidToken("The token is not valid.")
        return Principal(subject, frozenset(roles.split("/")) - {""}, None)


class Caller:
    """Register routes on `api`, then `send` to them by the function's name; `deliver` to those
    that take messages."""

    def __init__(self, tag: str) -> None:
        self.edge = Edge(Provider(NamesAsTokens))
        self.api = self.edge.api(tag)
        self._functions: dict[str, Any] = {}

    def send(
        self,
        name: str,
        body: object = None,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        token: str | None = None,
        **headers: str,
    ) -> func.HttpResponse:
        """`body` is JSON, or bytes as they are; `if_match` sends If-Match, and so on."""
        operation = next(one for one in self.edge.operations if one.name == name)
        sent = {"content-type": "application/json"} if body is not None else {}
        sent |= {header.replace("_", "-"): value for header, value in headers.items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        request = func.HttpRequest(
            operation.method,
            f"http://shop.test/api/{segments(path)}?{encoded(query)}",
            headers=sent,
            params=query or {},
            route_params=path or {},
            body=body if isinstance(body, bytes) else _json(body),
        )
        trace = SimpleNamespace(trace_parent=None, trace_state=None)
        context = SimpleNamespace(trace_context=trace)
        response = self._function(name)(request, context)
        if inspect.iscoroutine(response):
            response = asyncio.run(response)
        assert isinstance(response, func.HttpResponse)
        return response

    def deliver(self, name: str, body: bytes) -> None:
        self._function(name)(
            ServiceBusMessage(
                body=body, message_id="1", application_properties={}, user_properties={}
            )
        )

    def _function(self, name: str) -> Any:
        if not self._functions:
            app = func.FunctionApp()
            app.register_functions(self.api.blueprint)
            self._functions = {str(f.get_function_name()): f for f in app.get_functions()}
        return self._functions[name].get_user_function()


def _json(body: object) -> bytes:
    return b"" if body is None else json.dumps(body).encode()
