"""A small app on the HTTP edge, called as a Functions worker calls it."""

import asyncio
import json
import threading
from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import azure.functions as func
from pydantic import BaseModel, ConfigDict, Field

from shared.auth import InvalidToken, Principal
from shared.http.calls import Answer, Call, Nothing, RawBody
from shared.http.edge import Edge
from shared.kit.errors import Conflict
from shared.kit.provider import Provider


class Isbn(BaseModel):
    isbn: Annotated[str, Field(max_length=20)]


class Listing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    q: str | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sku: str
    quantity: Annotated[int, Field(ge=1, le=99)]


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lines: list[Line]
    wanted_on: date | None = None
    note: Any = None


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = "none"


class OnlyAlice:
    """A verifier for which the token is the caller's name."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def verify(self, token: str) -> Principal:
        self.threads.append(threading.get_ident())
        if token not in {"alice", "bob"}:
            raise InvalidToken("The token is not valid.")
        roles = frozenset({"catalogue.write"} if token == "alice" else ())
        return Principal(subject=token, roles=roles, email=None)


class App:
    """A small app on one edge; `send` is one request to one of its functions."""

    def __init__(self) -> None:
        self.verifier = OnlyAlice()
        self.edge = Edge(Provider(lambda: self.verifier))
        self.api = self.edge.api("shop")
        self._functions: dict[str, Any] | None = None

    def send(
        self,
        name: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        path: Mapping[str, str] | None = None,
        body: bytes = b"",
        raw_query: str = "",
        hides_query: bool = False,
    ) -> func.HttpResponse:
        """With `hides_query`, as a host that keeps the query out of the URL."""
        asked = "" if hides_query else f"?{raw_query or encoded(query)}"
        request = func.HttpRequest(
            method,
            f"http://shop.example/api/{segments(path)}{asked}",
            headers=headers or {},
            params=query or {},
            route_params=path or {},
            body=body,
        )
        context = SimpleNamespace(
            trace_context=SimpleNamespace(trace_parent=None, trace_state=None)
        )
        result = self._function(name)(request, context)
        if asyncio.iscoroutine(result):
            result = asyncio.run(result)
        assert isinstance(result, func.HttpResponse)
        return result

    def post(self, name: str, body: bytes, **more: Any) -> func.HttpResponse:
        headers = {"content-type": "application/json", **more.pop("headers", {})}
        return self.send(name, method="POST", headers=headers, body=body, **more)

    def _function(self, name: str) -> Any:
        if self._functions is None:
            app = func.FunctionApp()
            app.register_functions(self.api.blueprint)
            self._functions = {str(f.get_function_name()): f for f in app.get_functions()}
        return self._functions[name].get_user_function()


def an_app() -> App:
    app = App()
    route = app.api.route

    @route("GET", "books", summary="List", query=Listing, answers={200: Listing})
    def books(call: Call[Nothing, Listing, Nothing]) -> Answer:
        return Answer(call.query)

    @route("GET", "books/{isbn}", summary="One", path_model=Isbn, answers={200: Isbn}, etag=True)
    def book(call: Call[Isbn, Nothing, Nothing]) -> Answer:
        return Answer(call.path, etag='"m1-s1"', cache="max-age=5")

    @route(
        "POST", "orders", summary="Order", body=Order, answers={201: Order}, largest_body=200_000
    )
    def order(call: Call[Nothing, Nothing, Order]) -> Answer:
        return Answer(call.body, status=201)

    @route("POST", "cancel", summary="Cancel", body=Reason, answers={200: Reason})
    def cancel(call: Call[Nothing, Nothing, Reason]) -> Answer:
        return Answer(call.body)

    @route("PUT", "cover", summary="Cover", body=RawBody, takes=("image/png",), answers={204: None})
    def cover(call: Call[Nothing, Nothing, RawBody]) -> Answer:
        return Answer(status=204, headers={"x-size": str(len(call.body.content))})

    @route("PATCH", "admin", summary="Admin", answers={200: Reason}, role="catalogue.write",
           body=Reason, idempotent=True, if_match=True)  # fmt: skip
    def admin(call: Call[Nothing, Nothing, Reason]) -> Answer:
        seen = f"{call.signed_in.subject} {call.idempotency_key} {sorted(call.if_match)}"
        return Answer(Reason(reason=seen))

    @route("GET", "me", summary="Me", answers={200: Reason}, sign_in="optional")
    async def me(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        return Answer(Reason(reason=call.principal.subject if call.principal else "nobody"))

    @route("GET", "broken", summary="Broken", answers={200: None})
    def broken(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        raise RuntimeError("password=hunter2")

    @route("GET", "conflict", summary="Conflict", answers={200: None})
    async def conflict(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        raise Conflict("No.", extensions={"available": 3}, headers={"Retry-After": "1"})

    return app


def problem(response: func.HttpResponse, status: int, kind: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(response.get_body())
    assert (response.status_code, content["type"]) == (status, f"/problems/{kind}"), content
    assert response.mimetype == "application/problem+json"
    assert content["status"] == status
    assert content["correlation_id"] == response.headers["x-correlation-id"]
    return content


def pointers(response: func.HttpResponse) -> list[tuple[str, str]]:
    return [(item["in"], item["pointer"]) for item in problem(response, 400, "bad-input")["errors"]]


def segments(path: Mapping[str, str] | None) -> str:
    """The values of a route as parts of a URL, which differs where they do."""
    return "/".join(
        quote(value, safe="", errors="surrogatepass") for value in (path or {}).values()
    )


def encoded(query: Mapping[str, str] | None) -> str:
    """As a browser sends it; what is no text, as the bytes that it would be."""
    return urlencode(query or {}, errors="surrogatepass")
