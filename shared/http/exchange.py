"""One request on its way through the edge."""

import random
import re
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import azure.functions as func
from pydantic import BaseModel, ValidationError

from shared.auth import Principal, TokenVerifier, Unauthenticated
from shared.http import entity_tags, problems
from shared.http.bodies import check_json
from shared.http.calls import Answer, Call, Look, Nothing, RawBody
from shared.http.operations import Operation
from shared.http.queries import check_raw_query, text_fault
from shared.http.responses import Response
from shared.kit.errors import AppError, BadInput, FieldError, Place, PreconditionRequired
from shared.kit.provider import Provider
from shared.telemetry import Span, bind_correlation_id, get_logger, is_measuring, is_traced
from shared.telemetry.metrics import HTTP_DURATION

log = get_logger("http")

_CORRELATION_ID = re.compile(r"[A-Za-z0-9_.:@/+=-]{1,128}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_LONGEST_REMEMBERED = 256
_MOST_REMEMBERED = 2048
_NOTHING = Nothing()


class Exchange:
    __slots__ = (
        "correlation_id",
        "headers",
        "kind",
        "operation",
        "request",
        "span",
        "started",
        "status",
        "verifier",
    )

    def __init__(
        self, verifier: Provider[TokenVerifier], operation: Operation, request: func.HttpRequest
    ) -> None:
        self.verifier = verifier
        self.operation = operation
        self.request = request
        self.headers: Mapping[str, str] = request.headers
        self.correlation_id = correlation_id_of(self.headers)
        self.status = 500
        self.kind: str | None = None
        self.span: Span
        self.started = time.perf_counter() if is_measuring() else 0.0

    def at_hand(self) -> Answer | None:
        """What can be answered at once. None also where this URL was not found right before, and
        where a span or a metric is to tell of the request."""
        url = self.request.url
        checked = self.operation.checked.get(url)
        look = None if checked is None else checked[2]
        if look is None or self.started or is_traced() or self._lacks_query(url):
            return None
        return look()

    def observed(self, context: func.Context) -> Span:
        bind_correlation_id(self.correlation_id)
        self.span = Span(
            self.operation.span_name,
            "server",
            partial(_caller, context, self.headers),
            {"http.request.method": self.request.method, "http.route": self.operation.route},
        )
        return self.span

    def _header(self, name: str) -> str | None:
        """`name` in lower case. Asking first is cheap; the mapping's own `get` raises within."""
        return self.headers[name] if name in self.headers else None  # noqa: SIM401

    @property
    def brings_token(self) -> bool:
        return self.operation.sign_in != "ignored" and "authorization" in self.headers

    def principal(self) -> Principal | None:
        """May wait for the identity provider."""
        if not self.brings_token:
            if self.operation.sign_in == "required":
                raise Unauthenticated("Sign in: send a bearer token.")
            return None
        token = _BEARER.fullmatch(self.headers["authorization"])
        if token is None:
            raise Unauthenticated("The Authorization header must be `Bearer` and one token.")
        principal = self.verifier().verify(token.group(1))
        role = self.operation.role
        if role is not None and role not in principal.roles:
            raise problems.Forbidden(f"This needs the role {role}.")
        return principal

    def call(self, principal: Principal | None) -> Call[Any, Any, Any]:
        """Everything else that can be wrong with a request is found here, before the handler."""
        operation = self.operation
        key = self._idempotency_key() if operation.idempotent else None
        if operation.if_match:
            self._check_if_match()
        url = self.request.url
        checked = operation.checked.get(url)
        if checked is None or self._lacks_query(url):
            checked = self._check_url(url)
        path, query, _ = checked
        body = self._body() if operation.takes_body else _NOTHING
        return Call(path, query, body, self.headers, principal, key)

    def _lacks_query(self, url: str) -> bool:
        """Whether the host keeps the query out of the URL, which else can mean one thing only."""
        return "?" not in url and bool(self.request.params)

    def _check_url(self, url: str) -> tuple[BaseModel, BaseModel, Look | None]:
        operation, request = self.operation, self.request
        path = _checked(operation.path_model, request.route_params, "path")
        check_raw_query(url.partition("?")[2], operation.query_names)
        query = _checked(operation.query_model, request.params, "query")
        look = None if operation.look is None else operation.look(path, query)
        if len(url) <= _LONGEST_REMEMBERED and not self._lacks_query(url):
            if len(operation.checked) >= _MOST_REMEMBERED:
                operation.checked.clear()
            operation.checked[url] = path, query, look
        return path, query, look

    def _idempotency_key(self) -> str:
        key = self.headers.get("idempotency-key")
        if key is None:
            raise BadInput.at("Idempotency-Key", "is missing", "header")
        if not _IDEMPOTENCY_KEY.fullmatch(key):
            raise BadInput.at("Idempotency-Key", "must be 1 to 255 visible characters", "header")
        return key

    def _check_if_match(self) -> None:
        given = self.headers.get("if-match")
        if given is None:
            raise PreconditionRequired("Send the ETag that you last read as If-Match.")
        if not entity_tags.is_list(given):
            raise BadInput.at("If-Match", 'must be an ETag in quotes, such as "m1", or *', "header")

    def _body(self) -> BaseModel:
        operation = self.operation
        content = self.request.get_body()
        if len(content) > operation.largest_body:
            raise problems.BodyTooLarge(f"At most {operation.largest_body} bytes are taken here.")
        if not content:
            if operation.body_required:
                raise BadInput("The body is missing.", errors=[FieldError("#", "is missing")])
            content = b"{}"
        else:
            self._check_content_type()
        if operation.body_model is RawBody:
            return RawBody(media_type=self._media_type(), content=content)
        check_json(content)
        try:
            return operation.body_model.model_validate_json(content)
        except ValidationError as error:
            raise problems.from_validation(error, "body") from None

    def _media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def _check_content_type(self) -> None:
        taken = self.operation.body_types
        if taken and self._media_type() not in taken:
            raise problems.UnsupportedMediaType(f"Send the body as {' or '.join(taken)}.")
        if self.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise problems.UnsupportedMediaType("Send the body without a Content-Encoding.")

    def answered(self, answer: Answer) -> func.HttpResponse:
        headers = {"x-correlation-id": self.correlation_id, **answer.headers}
        self.status = answer.status
        body = answer.body
        etag = answer.etag
        if etag is not None:
            headers["ETag"] = etag
            known = self._header("if-none-match")
            if (
                known is not None
                and self.operation.method == "GET"
                and entity_tags.is_named(known, etag)
            ):
                self.status, body = 304, None
        if answer.cache is not None:
            headers["Cache-Control"] = answer.cache
        elif self.operation.sign_in != "ignored":
            headers["Cache-Control"] = "no-store" if etag is None else "private, no-cache"
        if isinstance(body, BaseModel):
            body = body.model_dump_json().encode()
        return Response(body or b"", self.status, headers, answer.media_type)

    def failed(self, error: Exception) -> func.HttpResponse:
        if not isinstance(error, AppError):
            log.error("http.failed", exc_info=error, route=self.operation.path)
            error = problems.Unexpected()
        self.status, self.kind = error.status, error.kind
        return problem_response(error, self.correlation_id)

    def report(self) -> None:
        """Reads that went well are the host's to log; the rest is worth a line of our own."""
        self.span.set_attribute("http.response.status_code", self.status)
        if self.status >= 500:
            self.span.set_failed(str(self.status))
        if self.started:
            self._measure()
        if self.status >= 400 or not self.operation.is_read:
            write = log.warning if self.status >= 500 else log.info
            write(
                "http.answered",
                method=self.request.method,
                route=self.operation.path,
                status=self.status,
                problem=self.kind,
            )

    def _measure(self) -> None:
        HTTP_DURATION.record(
            time.perf_counter() - self.started,
            {
                "http.request.method": self.request.method,
                "http.route": self.operation.route,
                "http.response.status_code": self.status,
            },
        )


def _caller(context: func.Context, headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    trace = context.trace_context
    if trace.trace_parent:
        return trace.trace_parent, trace.trace_state
    return headers.get("traceparent"), headers.get("tracestate")


def problem_response(error: AppError, correlation_id: str) -> func.HttpResponse:
    headers = {"x-correlation-id": correlation_id, "Cache-Control": "no-store", **error.headers}
    document = problems.document(error, correlation_id)
    return Response(document, error.status, headers, problems.MEDIA_TYPE)


def correlation_id_of(headers: Mapping[str, str]) -> str:
    """The caller's, where it is harmless to log; else a new one of 128 random bits."""
    if "x-correlation-id" in headers:
        given = headers["x-correlation-id"]
        if _CORRELATION_ID.fullmatch(given):
            return given
    return f"{random.getrandbits(128):032x}"


def _checked(model: type[BaseModel], values: Mapping[str, str], place: Place) -> BaseModel:
    if not values and model is Nothing:
        return _NOTHING
    given = dict(values)
    for name, value in given.items():
        fault = text_fault(value)
        if fault is not None:
            raise BadInput.at(name, fault, place)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise problems.from_validation(error, place) from None
