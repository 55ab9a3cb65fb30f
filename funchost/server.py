"""The HTTP surface: which part of the host answers a request, and the way through a function."""

import asyncio
import functools
import re
import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from funchost import httpv2
from funchost.admin import AdminApi
from funchost.auth import AuthorizationLevel, Keys
from funchost.context import Invocation
from funchost.convert import Datum
from funchost.cors import CorsPolicy
from funchost.exchange import ClientGoneError, Exchange, Receive, Scope, Send
from funchost.hostjson import HostJson
from funchost.http_messages import (
    BadRequestError,
    Response,
    header_name,
    header_value,
    read_headers,
    read_request,
    respond,
)
from funchost.invoke import HTTP_REASON, InvocationFailedError, Invoker
from funchost.kinds import AdminPage, ASGIApp, HostedFunction, TriggerEvent
from funchost.protocol import answer_at_once, header_block
from funchost.routing import Match, PathError, RouteTable, decode_path
from funchost.settings import SettingsError

__all__ = ["FunctionServer", "HttpOptions"]

_NO_HOST = re.compile(r"[,/?#\\\s]")
_REMEMBERED_PATHS = 1024
_LONGEST_REMEMBERED = 256
_RESERVED_INITIALS = frozenset("aArR")
_EMPTY_404 = Response(404, [], b"")
_HTTP_EVENT = TriggerEvent(Datum(None, None), reason=HTTP_REASON)
_HOME_PAGE = (
    b"<!DOCTYPE html><html><head><title>Functions host</title></head>"
    b"<body><h1>Your Functions 4.0 app is up and running</h1></body></html>"
)


class HttpOptions:
    """host.json's `extensions.http`, and the app settings that change HTTP."""

    def __init__(
        self, host_json: HostJson, *, accepts_chunked: bool = False, has_home_page: bool = True
    ) -> None:
        section = ("extensions", "http")
        self.maximum_outstanding = host_json.number(*section, "maxOutstandingRequests", default=-1)
        concurrent = host_json.number(*section, "maxConcurrentRequests", default=-1)
        self.concurrency = asyncio.Semaphore(concurrent) if concurrent > 0 else None
        try:
            self.headers = [
                (header_name(str(name)), header_value(str(value)))
                for name, value in host_json.section(*section, "customHeaders").items()
            ]
        except ValueError as error:
            raise SettingsError(f"customHeaders in host.json is wrong: {error}") from error
        self.accepts_chunked = accepts_chunked
        self.has_home_page = has_home_page


class FunctionServer:
    """The ASGI app of the host."""

    def __init__(
        self,
        routes: RouteTable[HostedFunction],
        invoker: Invoker,
        options: HttpOptions,
        *,
        admin: AdminApi,
        webhooks: Mapping[str, ASGIApp],
        admin_pages: Mapping[str, AdminPage],
        mounts: Sequence[tuple[str, ASGIApp]] = (),
        site: ASGIApp | None = None,
        keys: Keys | None = None,
        cors: CorsPolicy | None = None,
    ) -> None:
        self._routes = routes
        self._match_again = functools.lru_cache(_REMEMBERED_PATHS)(routes.match)
        self._invoker = invoker
        self._options = options
        self._admin = admin
        self._webhooks = webhooks
        self._admin_pages = admin_pages
        self._mounts = mounts
        self._site = site
        self._keys = keys
        self._cors = cors
        self._streams = httpv2.is_enabled()
        self._outstanding = 0
        self._is_limited = options.maximum_outstanding >= 0 or options.concurrency is not None
        self.is_available = True
        self.set_default_headers([])

    def set_default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        """The host's own, such as the date; to be called once a second."""
        self._headers = headers + self._options.headers
        self._header_block = header_block(self._headers)
        names = {name for name, _ in self._headers}
        self._is_block_whole = b"connection" not in names
        self._contested = names | {b"connection"}
        """Of these the function's own count, and `connection` is for the server to interpret."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers: dict[str, str] = {}
        try:
            headers = read_headers(scope["headers"])
            host = headers.get("host")
            if _NO_HOST.search(host) if host is not None else scope["http_version"] == "1.1":
                # Two of them, one that would reach into the path, or none where HTTP/1.1 wants one.
                raise BadRequestError(400)
            path: str = scope["raw_path"].decode("ascii")
            if "%" in path or "/." in path:
                path = decode_path(path)
            response = await self._answer(Exchange(scope, receive, send, headers, path))
        except PathError:
            response = Response(400, [], b"")
        except BadRequestError as refusal:
            response = Response(refusal.status, [], b"")
        except ClientGoneError:
            return
        if response is not None:
            await self._send(response, headers, send)

    async def _answer(self, exchange: Exchange) -> Response | None:
        """None when the response has been sent already."""
        scope, path = exchange.scope, exchange.path
        method: str = scope["method"]
        if self._cors is not None and self._cors.is_preflight(method, exchange.headers):
            return Response(204, [], b"")
        # Only these two need the path in lower case.
        if path[1:2] in _RESERVED_INITIALS:
            lowered = path.lower()
            if lowered.startswith("/admin/"):
                page = self._admin_pages.get(lowered.split("/")[2])
                if page is not None:
                    if self._keys is not None and not self._keys.is_master(exchange.key):
                        return Response(401, [], b"")
                    return await page(exchange)
                body = await exchange.read_body(accepts_chunked=self._options.accepts_chunked)
                return await self._admin(method, path, exchange.key, body)
            if lowered.startswith("/runtime/webhooks/"):
                return await self._web_hook(lowered.split("/")[3], exchange)
        for prefix, mount in self._mounts:
            if path == prefix or path.startswith(f"{prefix}/"):
                await mount(scope, exchange.receive, self._with_extra_headers(exchange))
                return None
        found = self._match(method, scope["raw_path"].decode("ascii"))
        if found is None:
            if self._site is None:
                return self._unmatched(path)
            await self._site(scope, exchange.receive, self._with_extra_headers(exchange))
            return None
        if not self.is_available:
            return Response(503, [], b"")
        if self._is_limited:
            return await self._call_within_limits(found, exchange)
        return await self._call(found, exchange)

    def _match(self, method: str, raw_path: str) -> Match[HostedFunction] | None:
        """What was asked for lately is remembered: most requests are for few paths."""
        if len(raw_path) > _LONGEST_REMEMBERED:
            return self._routes.match(method, raw_path)
        return self._match_again(method, raw_path)

    async def _call_within_limits(
        self, found: Match[HostedFunction], exchange: Exchange
    ) -> Response | None:
        options = self._options
        if 0 <= options.maximum_outstanding <= self._outstanding:
            return Response(429, [], b"")
        self._outstanding += 1
        try:
            if options.concurrency is None:
                return await self._call(found, exchange)
            async with options.concurrency:
                return await self._call(found, exchange)
        finally:
            self._outstanding -= 1

    async def _call(self, found: Match[HostedFunction], exchange: Exchange) -> Response | None:
        hosted = found.target
        function = hosted.function
        headers = exchange.headers
        if (self._keys is not None or function.is_disabled) and (
            refusal := self._refusal(hosted, exchange)
        ):
            return refusal
        invocation = Invocation(
            function.name,
            time.perf_counter(),
            headers.get("traceparent", ""),
            headers.get("tracestate", ""),
        )
        if self._streams:
            request = httpv2.build_request(exchange.scope, exchange.receive, dict(found.params))
        else:
            body = b""
            if "content-length" in headers or "transfer-encoding" in headers:
                body = await exchange.read_body(accepts_chunked=self._options.accepts_chunked)
            request = read_request(exchange.scope, exchange.path, headers, found.params, body)

        try:
            answer = await self._invoker.run(
                hosted,
                invocation,
                _HTTP_EVENT,
                self._conclude,
                {hosted.trigger["name"]: request},
            )
        except InvocationFailedError:
            return Response(500, [], b"")
        if self._streams:
            await answer(exchange.scope, exchange.receive, self._with_extra_headers(exchange))
            return None
        assert isinstance(answer, Response)
        return answer

    def _conclude(self, hosted: HostedFunction, result: Any, arguments: Mapping[str, Any]) -> Any:
        if self._streams:
            return httpv2.response_app(result)
        if hosted.http_output == "$return":
            return respond(result)
        given = None if hosted.http_output is None else arguments[hosted.http_output].get()
        return Response(200, [], b"") if given is None else respond(given)

    def _refusal(self, hosted: HostedFunction, exchange: Exchange) -> Response | None:
        level = None
        if self._keys is not None:
            level = self._keys.level(exchange.key, hosted.function.name)
        if hosted.function.is_disabled and level is not AuthorizationLevel.ADMIN:
            return _EMPTY_404
        needed = AuthorizationLevel.of(hosted.trigger.get("authLevel"))
        return Response(401, [], b"") if level is not None and level < needed else None

    async def _web_hook(self, extension: str, exchange: Exchange) -> Response | None:
        hook = self._webhooks.get(extension)
        if hook is None:
            return _EMPTY_404
        if self._keys is not None and not self._keys.is_system_key(exchange.key, extension):
            return Response(401, [], b"")
        await hook(exchange.scope, exchange.receive, self._with_extra_headers(exchange))
        return None

    def _unmatched(self, path: str) -> Response:
        if path != "/":
            return _EMPTY_404
        if not self._options.has_home_page:
            return Response(204, [], b"")
        return Response(200, [(b"content-type", b"text/html")], _HOME_PAGE)

    async def _send(self, response: Response, request: Mapping[str, str], send: Send) -> None:
        status, given, body = response
        if status >= 200 and status != 204 and status != 304:
            given = [*given, (b"content-length", b"%d" % len(body))]
        is_plain = (
            self._is_block_whole
            and (self._cors is None or "origin" not in request)
            and self._contested.isdisjoint([name for name, _ in given])
        )
        if is_plain and answer_at_once(send, status, self._header_block, given, body):
            return
        headers = self._merged(given, request)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _merged(
        self, given: list[tuple[bytes, bytes]], request: Mapping[str, str]
    ) -> list[tuple[bytes, bytes]]:
        """The function's own `date` or `server` replaces the host's; of CORS the policy decides."""
        by_name = dict(given)
        host_headers = [header for header in self._headers if header[0] not in by_name]
        if self._cors is None or "origin" not in request:
            return host_headers + given
        cors = self._cors.headers(request)
        names = {name for name, _ in cors} - {b"vary"}
        return host_headers + [header for header in given if header[0] not in names] + cors

    def _with_extra_headers(self, exchange: Exchange) -> Send:
        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = [(name.lower(), value) for name, value in message.get("headers", [])]
                message = {**message, "headers": self._merged(given, exchange.headers)}
            await exchange.send(message)

        return send_with_headers
