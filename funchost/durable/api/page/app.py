"""Serves the pages. They exist only for a developer at this machine: the caller sees to it that the
host runs in development and listens on a loopback address, and here the name under which it was
called is checked, so that a page of another site cannot have its own name lead here."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

from funchost.durable.api.page.detail import instance_page
from funchost.durable.api.page.layout import Addresses, frame
from funchost.durable.api.page.lists import entities_page, instances_page
from funchost.durable.api.page.markup import Child, element
from funchost.durable.api.parameters import Parameters
from funchost.durable.interface import ArgumentError, TaskHubs
from funchost.exchange import Exchange
from funchost.http_messages import Response

__all__ = ["DurablePage"]

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_BASE_SEGMENTS = 2
_STYLE = Path(__file__).with_name("style.css")
_COMMON = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
]


class DurablePage:
    """`now` gives business time in UTC."""

    def __init__(self, hubs: TaskHubs, now: Callable[[], datetime]) -> None:
        self._hubs = hubs
        self._now = now

    async def answer(self, exchange: Exchange) -> Response:
        host = exchange.headers.get("host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() not in _LOOPBACK_NAMES or exchange.scope["method"] not in {"GET", "HEAD"}:
            return Response(404, [], b"")
        raw_path: str = exchange.scope["raw_path"].decode("ascii")
        path = [unquote(segment) for segment in raw_path.strip("/").split("/")[_BASE_SEGMENTS:]]
        if path == ["style.css"]:
            headers = [*_COMMON, (b"content-type", b"text/css; charset=utf-8")]
            return Response(200, headers, _STYLE.read_bytes())
        return await self._render(path, Parameters(exchange.query))

    async def _render(self, path: list[str], parameters: Parameters) -> Response:
        status = 200
        try:
            client = self._hubs.client(parameters.text("taskHub"))
        except ArgumentError as error:
            client = self._hubs.client()
            path, status, refused = [], 400, str(error)
        addresses = Addresses(
            client.hub,
            is_default_hub=client.hub.lower() == self._hubs.default_hub.lower(),
            key=parameters.text("code"),
        )
        title = "Durable Functions"
        body: list[Child] | None = None
        try:
            match path:
                case _ if status != 200:
                    body = [element("p", refused, class_="trouble")]
                case []:
                    body = await instances_page(client, parameters, addresses)
                case ["entities"]:
                    body = await entities_page(client, parameters, addresses)
                case ["instances", instance_id]:
                    title = f"{instance_id} · {title}"
                    body = await instance_page(client, instance_id, addresses, self._now())
        except ArgumentError as error:
            status, body = 400, [element("p", str(error), class_="trouble")]
        if body is None:
            status, body = 404, [element("p", "There is nothing here.", class_="none")]
        page = frame(title, addresses, list(self._hubs.known), *body)
        headers = [*_COMMON, (b"content-type", b"text/html; charset=utf-8")]
        return Response(status, headers, f"<!DOCTYPE html>{page}".encode())
