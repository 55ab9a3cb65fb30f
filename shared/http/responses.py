"""The SDK's response, made in a third of its time."""

from collections.abc import Mapping
from typing import Any

import azure.functions as func

_Headers: Any = type(func.HttpResponse().headers)


class Response(func.HttpResponse):
    """Reads like any `func.HttpResponse`. That one puts its headers in one by one and looks at the
    type of each part, which took a fifth of all that the edge does for a cached read."""

    def __init__(
        self, content: bytes, status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        self._content = content
        self._status = status
        self._media_type = media_type
        self._headers = _Headers()
        self._headers[:] = headers.items()

    @property
    def status_code(self) -> int:
        return self._status

    @property
    def headers(self) -> Any:
        return self._headers

    @property
    def mimetype(self) -> str:
        return self._media_type

    @property
    def charset(self) -> str:
        return "utf-8"

    def get_body(self) -> bytes:
        return self._content
