"""Health, the API's own description, and the answer to addresses that nobody serves."""

import hashlib
import re
from collections.abc import Iterable

import azure.functions as func

from functions.ops.model import (
    Alive,
    ApiDocument,
    DeadLetters,
    Replayed,
    Report,
    ShopFacts,
    UnknownDeadLetter,
)
from functions.ops.service import Readiness
from shared.http import docs, openapi
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Edge
from shared.http.exchange import correlation_id_of, problem_response
from shared.http.operations import Operation
from shared.http.problems import MethodNotAllowed, NoRoute
from shared.kit.errors import Unavailable
from shared.kit.provider import Provider
from shared.messaging.dead_letters import ServiceBusDeadLetters
from shared.telemetry import bind_correlation_id

FALLBACK = "zz_fallback"
"""Hosts try functions in the order of their names, so this one must come last."""

_ROLE = "operations"
_MOST_SHOWN = 20
_REVALIDATE = "no-cache"
_PLACEHOLDER = re.compile(r"\{(\*?)[^{}]*\}")

Plain = Call[Nothing, Nothing, Nothing]


def blueprint(
    edge: Edge,
    readiness: Readiness,
    facts: ShopFacts,
    dead_letters: Provider[ServiceBusDeadLetters],
) -> func.Blueprint:
    api = edge.api("ops")
    # Made at the first call, when the blueprints of all services are registered.
    description = Provider(lambda: openapi.render(edge.operations))
    description_etag = Provider(lambda: _etag(description()))
    page = Provider(lambda: docs.page(openapi.document(edge.operations)))
    page_etag = Provider(lambda: _etag(page().html))
    addresses = Provider(lambda: _Addresses(edge.operations))

    @api.route(
        "GET", "health/live", summary="Is the app running?", answers={200: Alive}, open_to_all=True
    )
    async def live(call: Plain) -> Answer:
        """Touches no dependency: a restart would not mend any."""
        # Async, so that it answers while every thread is busy with other calls.
        return Answer(Alive(), cache="no-store")

    @api.route(
        "GET",
        "health/ready",
        summary="Can the app do its work?",
        answers={200: Report, 503: Report},
    )
    def ready(call: Plain) -> Answer:
        """Names each dependency and each setting that is missing. Asked anew once a second."""
        report = readiness.report()
        status = 503 if report.status == "not-ready" else 200
        return Answer(report, status=status, cache="no-store")

    @api.route("GET", "v1/shop", summary="What a shop window must know", answers={200: ShopFacts})
    async def shop(call: Plain) -> Answer:
        """How to sign in, and what prices are in."""
        return Answer(facts, cache="public, max-age=300")

    @api.route(
        "GET",
        "openapi.json",
        summary="This API as an OpenAPI document",
        answers={200: ApiDocument},
        etag=True,
    )
    def openapi_document(call: Plain) -> Answer:
        return Answer(description(), etag=description_etag(), cache=_REVALIDATE)

    @api.route(
        "GET",
        "docs",
        summary="This API as a page to read and try",
        answers={200: None},
        etag=True,
        media_type="text/html",
    )
    def read_docs(call: Plain) -> Answer:
        shown = page()
        return Answer(
            shown.html,
            etag=page_etag(),
            cache=_REVALIDATE,
            headers={"Content-Security-Policy": shown.content_security_policy},
            media_type="text/html",
        )

    @api.route(
        "GET",
        "v1/admin/dead-letters",
        summary="Messages that no consumer could deal with",
        answers={200: DeadLetters},
        problems=(Unavailable,),
        role=_ROLE,
    )
    async def list_dead_letters(call: Plain) -> Answer:
        """The oldest of each queue and subscription."""
        return Answer(DeadLetters(items=tuple(await dead_letters().look(_MOST_SHOWN))))

    @api.route(
        "POST",
        "v1/admin/dead-letters/replay",
        summary="Send a dead letter again",
        body=Replayed,
        answers={204: None},
        problems=(UnknownDeadLetter, Unavailable),
        role=_ROLE,
        idempotent=True,
    )
    async def replay_dead_letter(call: Call[Nothing, Nothing, Replayed]) -> Answer:
        """With its CloudEvents `id` unchanged, so that a consumer who knows it does nothing. Where
        it was sent again before, it is no longer there: 404."""
        if not await dead_letters().replay(call.body.entity, call.body.sequence_number):
            raise UnknownDeadLetter("It is not there; it may have been sent again already.")
        return Answer(status=204)

    def fallback(req: func.HttpRequest) -> func.HttpResponse:
        """Functions hosts answer 404 with an empty body, even where only the method is wrong."""
        correlation_id = correlation_id_of(req.headers)
        bind_correlation_id(correlation_id)
        return problem_response(
            addresses().refusal(req.method, req.route_params.get("path", "")), correlation_id
        )

    api.mount(FALLBACK, "{*path}", None)(fallback)
    return api.blueprint


def _etag(content: bytes) -> str:
    return f'"{hashlib.blake2b(content, digest_size=9).hexdigest()}"'


class _Addresses:
    """Which methods each address takes, as a router would match it."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._literal: dict[str, set[str]] = {}
        self._patterns: dict[str, tuple[re.Pattern[str], list[str]]] = {}
        for operation in operations:
            if "{" not in operation.path:
                self._literal.setdefault(operation.path.lower(), set()).update(operation.methods)
                continue
            source = _pattern(operation.path)
            known = self._patterns.setdefault(source, (re.compile(source, re.IGNORECASE), []))
            known[1].extend(operation.methods)

    def refusal(self, method: str, path: str) -> NoRoute | MethodNotAllowed:
        """A method that is taken has come here only because a route's constraint was not met: so
        an address that is spelled out takes what it says, whatever a placeholder would."""
        path = path.strip("/")
        taken = self._literal.get(path.lower()) or {
            name
            for pattern, methods in self._patterns.values()
            if pattern.fullmatch(path)
            for name in methods
        }
        if not taken or method in taken:
            return NoRoute("Nothing is served at this address. See /api/docs for what is.")
        allowed = ", ".join(sorted(taken))
        return MethodNotAllowed(f"It takes {allowed}.", headers={"Allow": allowed})


def _pattern(route: str) -> str:
    parts = []
    at = 0
    for found in _PLACEHOLDER.finditer(route):
        parts += [re.escape(route[at : found.start()]), ".*" if found.group(1) else "[^/]+"]
        at = found.end()
    return "".join([*parts, re.escape(route[at:])]).strip("/")
