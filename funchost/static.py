"""Serves a folder of files below a URL prefix, as an ASGI app."""

import asyncio
import mimetypes
import os
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote_to_bytes

from starlette.types import Receive, Scope, Send

_CHUNK = 256 * 1024
_UTF8 = "; charset=utf-8"
_TYPES = {
    ".avif": "image/avif",
    ".epub": "application/epub+zip",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".otf": "font/otf",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
# Python's own table alone: the machine's would make the answers differ from one to the next.
_KNOWN_TYPES = mimetypes.MimeTypes().types_map[True]


class StaticMount:
    """GET and HEAD for the files in `directory`, and nothing outside it: a name that is not a plain
    path of existing folders, or a symbolic link that leads out, answers 404, and so does a folder
    unless `index` names the file to send for a path that ends in a slash. `not_found` names the
    file that is the body of a 404. Every answer carries `headers`."""

    def __init__(
        self,
        url_prefix: str,
        directory: Path,
        headers: Mapping[str, str] | None = None,
        *,
        index: str | None = None,
        not_found: str | None = None,
    ) -> None:
        self._prefix = f"/{url_prefix.strip('/')}/".replace("//", "/")
        self._directory = directory
        self._given_headers = dict(headers or {})
        self._index = index
        self._not_found = not_found

    def matches(self, raw_path: str) -> bool:
        """`raw_path` is percent-encoded, as it was sent."""
        return raw_path.startswith(self._prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A server need not give the path as it was sent.
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        if scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, {"allow": "GET, HEAD"})
            return
        opened = await asyncio.to_thread(self._open, raw_path.decode("latin-1"))
        if opened is not None:
            with closing(opened.file):
                await self._send(opened, scope["method"], _headers(scope["headers"]), send)
            return
        page = None
        if self._not_found is not None:
            page = await asyncio.to_thread(self._open, self._prefix + self._not_found)
        if page is None:
            await _answer(send, 404, {})
            return
        with closing(page.file):
            await self._send_whole(page, 404, scope["method"], send)

    async def _send(
        self, opened: "_Opened", method: str, request: Mapping[str, str], send: Send
    ) -> None:
        headers = {
            "etag": opened.etag,
            "last-modified": opened.last_modified,
            **self._given_headers,
        }
        if _is_not_modified(request, opened):
            await _answer(send, 304, headers)
            return
        headers |= {"accept-ranges": "bytes", "x-content-type-options": "nosniff"}
        first, last = 0, opened.size - 1
        status = 200
        wanted = _wanted_range(request, opened) if method == "GET" else None
        if wanted is not None:
            if not wanted:
                headers["content-range"] = f"bytes */{opened.size}"
                await _answer(send, 416, headers)
                return
            status, first, last = 206, wanted[0], wanted[-1]
            headers["content-range"] = f"bytes {first}-{last}/{opened.size}"
        headers["content-type"] = content_type(opened.name)
        headers["content-length"] = str(last - first + 1)
        await _start(send, status, headers)
        if method == "GET":
            await _send_file(opened.file, first, last - first + 1, send)
        else:
            await send({"type": "http.response.body", "body": b""})

    async def _send_whole(self, opened: "_Opened", status: int, method: str, send: Send) -> None:
        headers = {
            **self._given_headers,
            "x-content-type-options": "nosniff",
            "content-type": content_type(opened.name),
            "content-length": str(opened.size),
        }
        await _start(send, status, headers)
        await _send_file(opened.file, 0, opened.size if method == "GET" else 0, send)

    def _open(self, raw_path: str) -> "_Opened | None":
        names = self._names(raw_path)
        if names is None:
            return None
        try:
            root = self._directory.resolve(strict=True)
            path = root.joinpath(*names).resolve(strict=True)
            # Opening a pipe would wait for its other end, so the kind is looked at before.
            if not path.is_relative_to(root) or not path.is_file():
                return None
            file = path.open("rb")
        except (OSError, ValueError):
            return None
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            file.close()
            return None
        return _Opened(file, names[-1], status.st_size, status.st_mtime_ns)

    def _names(self, raw_path: str) -> list[str] | None:
        if not self.matches(raw_path):
            return None
        try:
            names = [
                unquote_to_bytes(name.encode("latin-1")).decode()
                for name in raw_path.removeprefix(self._prefix).split("/")
            ]
        except UnicodeDecodeError:
            return None
        if not names[-1] and self._index:
            names[-1] = self._index
        return names if all(map(_is_plain_name, names)) else None


@dataclass(frozen=True)
class _Opened:
    file: BinaryIO
    name: str
    size: int
    modified_ns: int

    @property
    def etag(self) -> str:
        return f'"{self.modified_ns:x}-{self.size:x}"'

    @property
    def last_modified(self) -> str:
        return formatdate(self.modified_ns // 10**9, usegmt=True)


def content_type(name: str) -> str:
    """By the ending of the name; text and JSON are taken to be UTF-8."""
    ending = os.path.splitext(name)[1].lower()
    kind = _TYPES.get(ending) or _KNOWN_TYPES.get(ending, "application/octet-stream")
    is_text = kind.startswith("text/") or re.search("json|xml$", kind)
    return kind + _UTF8 if is_text else kind


def _is_plain_name(name: str) -> bool:
    """Neither a step upwards nor anything that a file system may read as more than one name."""
    return name not in {"", ".", ".."} and not re.search(r"[/\\:\x00-\x1f]", name)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _is_not_modified(request: Mapping[str, str], opened: _Opened) -> bool:
    """RFC 9110, 13.2.2: If-Modified-Since counts only without If-None-Match."""
    if "if-none-match" in request:
        tags = re.findall(r'(?:W/)?("[^"]*")', request["if-none-match"])
        return request["if-none-match"].strip() == "*" or opened.etag in tags
    since = _seconds(request.get("if-modified-since"))
    return since is not None and opened.modified_ns // 10**9 <= since


def _wanted_range(request: Mapping[str, str], opened: _Opened) -> range | None:
    """None for the whole file: without Range, for several ranges or a bad one, or when the file is
    no longer the one of If-Range. An empty range cannot be met."""
    found = re.fullmatch(r"bytes=\s*(\d*)-(\d*)\s*", request.get("range", ""), re.ASCII)
    if found is None or found[0].endswith("=-") or max(map(len, found.groups())) > 18:
        return None
    condition = request.get("if-range")
    if condition is not None and condition not in {opened.etag, opened.last_modified}:
        return None
    if not found[1]:
        return range(max(opened.size - int(found[2]), 0), opened.size)
    first, last = int(found[1]), int(found[2] or opened.size)
    if found[2] and last < first:
        return None
    return range(first, min(last + 1, opened.size))


def _seconds(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None


async def _send_file(file: BinaryIO, first: int, length: int, send: Send) -> None:
    await asyncio.to_thread(file.seek, first)
    while length > 0:
        chunk = await asyncio.to_thread(file.read, min(length, _CHUNK))
        length -= len(chunk)
        # A file that shrank meanwhile ends the answer short, which the server reports as an error.
        if not chunk:
            break
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Send, status: int, headers: dict[str, str]) -> None:
    """Without a body; 304 has no content length, since it would be that of the file."""
    length = {} if status == 304 else {"content-length": "0"}
    await _start(send, status, {**headers, **length})
    await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
