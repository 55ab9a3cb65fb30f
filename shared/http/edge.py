"""The one place where HTTP becomes typed calls, and answers and errors become HTTP.

A service's triggers register handlers on an `Api`; each registration is one function of the app and
one operation of the OpenAPI document. The edge checks the bearer token and its role, the headers a
route asks for, path, query and body against their models, and the body's type and size; it answers
304, renders every error as a problem document, and ties the correlation id and the trace to all
that is logged meanwhile. An error that nobody foresaw is logged with its stack and shown as a bare
500.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import azure.functions as func
from pydantic import BaseModel

from shared.auth import TokenVerifier
from shared.http.calls import Answer, B, Call, Look, Nothing, P, Q
from shared.http.exchange import Exchange
from shared.http.operations import (
    JSON_TYPE,
    Operation,
    SignIn,
    body_types,
    names_of,
    needs_body,
    refuse_open,
)
from shared.kit.errors import AppError
from shared.kit.provider import Provider

H = TypeVar("H", bound=Callable[..., Any])

KIBIBYTE = 1024


@dataclass
class Edge:
    """What all routes of the app share."""

    verifier: Provider[TokenVerifier]
    keys: bool = False
    """Whether callers must know the host's key, where no network keeps others from the app."""
    operations: list[Operation] = field(default_factory=list)

    def api(self, tag: str) -> "Api":
        return Api(self, tag, func.Blueprint())  # type: ignore[no-untyped-call]

    def durable_api(self, tag: str) -> "Api":
        """For a service with orchestrations: its handlers may take a durable client."""
        import azure.durable_functions as df

        return Api(self, tag, df.Blueprint())


class Api:
    """Registers the HTTP functions of one service on its blueprint."""

    def __init__(self, edge: Edge, tag: str, blueprint: func.Blueprint) -> None:
        self._edge = edge
        self._tag = tag
        self.blueprint = blueprint

    def route(
        self,
        method: str,
        path: str,
        *,
        summary: str,
        answers: Mapping[int, type[BaseModel] | None],
        path_model: type[P] = Nothing,  # type: ignore[assignment]
        query: type[Q] = Nothing,  # type: ignore[assignment]
        body: type[B] = Nothing,  # type: ignore[assignment]
        takes: tuple[str, ...] = (),
        json_body: type[BaseModel] | None = None,
        problems: tuple[type[AppError], ...] = (),
        sign_in: SignIn = "ignored",
        role: str | None = None,
        idempotent: bool = False,
        if_match: bool = False,
        etag: bool = False,
        largest_body: int = 1024 * KIBIBYTE,
        media_type: str = JSON_TYPE,
        look: Callable[[P, Q], Look] | None = None,
        durable_client: bool = False,
        open_to_all: bool = False,
    ) -> Callable[[H], H]:
        """Registers a handler, sync or async, that takes one Call and returns one Answer.

        `answers` maps each status of success to its model; None means no content, or, with another
        `media_type` than JSON, content of that type. `role` implies a required sign-in; where it is
        `ignored`, a token is not even looked at, so public reads outlive the issuer. `idempotent`
        asks for an Idempotency-Key, `if_match` for an If-Match header; `etag` says that the answer
        has one. `takes` are the content types of a `RawBody` (any, when empty); `json_body`
        describes the one in JSON, which the handler checks. `look` finds, for a path and a query,
        what an async handler of a public read need not be asked for. With `durable_client`, an
        async handler takes that client as its second argument. `open_to_all` is for what the
        platform asks, which knows no key. The function's name is the service's and the handler's:
        `inventory_list_books`.
        """

        refuse_open(query)
        refuse_open(body)
        if json_body is not None:
            refuse_open(json_body)
        if look is not None and (method != "GET" or role is not None or sign_in != "ignored"):
            raise TypeError(f"{path} is no public read, so nothing is at hand for all")

        def register(handler: H) -> H:
            operation = Operation(
                name=f"{self._tag}_{handler.__name__}",
                method=method,
                path=path,
                tag=self._tag,
                summary=summary,
                description=inspect.getdoc(handler) or "",
                path_model=path_model,
                query_model=query,
                query_names=names_of(query),
                body_model=body,
                body_types=body_types(method, body, takes),
                json_model=json_body,
                body_required=needs_body(body),
                answers=answers,
                problems=problems,
                sign_in="required" if role is not None else sign_in,
                role=role,
                idempotent=idempotent,
                if_match=if_match,
                etag=etag,
                largest_body=largest_body,
                media_type=media_type,
                look=look,
            )
            self._edge.operations.append(operation)
            function = _function(self._edge, operation, handler, takes_client=durable_client)
            if durable_client:
                function = self.blueprint.durable_client_input(client_name="client")(function)
            self.mount(operation.name, path, operation.methods, open_to_all=open_to_all)(function)
            return handler

        return register

    def mount(
        self, name: str, path: str, methods: list[str] | None, *, open_to_all: bool = False
    ) -> Callable[[H], Any]:
        """Registers a bare HTTP function; `route` is what a service uses."""
        keyed = self._edge.keys and not open_to_all
        level = func.AuthLevel.FUNCTION if keyed else func.AuthLevel.ANONYMOUS

        def register(function: H) -> Any:
            routed = self.blueprint.route(route=path, methods=methods, auth_level=level)(function)
            return self.blueprint.function_name(name)(routed)

        return register


def _function(
    edge: Edge, operation: Operation, handler: Callable[..., Any], *, takes_client: bool
) -> Callable[..., Any]:
    """As a Functions worker wants it: each parameter named, none variadic."""
    if takes_client:

        async def run_with_client(
            req: func.HttpRequest, context: func.Context, client: Any
        ) -> func.HttpResponse:
            run = _async_function(edge, operation, lambda call: handler(call, client))
            return await run(req, context)

        return run_with_client
    if inspect.iscoroutinefunction(handler):
        return _async_function(edge, operation, handler)

    def run(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        exchange = Exchange(edge.verifier, operation, req)
        with exchange.observed(context):
            try:
                response = exchange.answered(handler(exchange.call(exchange.principal())))
            except Exception as error:  # every error becomes an answer; ours is logged
                response = exchange.failed(error)
            exchange.report()
            return response

    return run


def _async_function(
    edge: Edge, operation: Operation, handler: Callable[[Call[Any, Any, Any]], Awaitable[Answer]]
) -> Callable[[func.HttpRequest, func.Context], Awaitable[func.HttpResponse]]:
    async def run(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        exchange = Exchange(edge.verifier, operation, req)
        if (answer := exchange.at_hand()) is not None:
            return exchange.answered(answer)
        with exchange.observed(context):
            try:
                principal = None
                if operation.sign_in != "ignored":
                    # Only a token can make the edge wait, and the event loop must not.
                    principal = (
                        await asyncio.to_thread(exchange.principal)
                        if exchange.brings_token
                        else exchange.principal()
                    )
                response = exchange.answered(await handler(exchange.call(principal)))
            except Exception as error:  # every error becomes an answer; ours is logged
                response = exchange.failed(error)
            exchange.report()
            return response

    return run
