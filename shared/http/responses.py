"""The SDK's response, made in a third of its time."""

from collections.abc import Iterable, Mapping
from typing import Any

import azure.functions as func

_SdkHeaders: Any = type(func.HttpResponse().headers)


class _Headers(_SdkHeaders):  # type: ignore[misc]
    """As the SDK's, which looks at each value once more whenever one is put in."""

    def __init__(self, checked: Iterable[tuple[str, str]] = ()) -> None:
        self._list = list(checked)


class Response(func.HttpResponse):
    """Reads like any `func.HttpResponse`. That one puts its headers in one by one and looks at the
    type of each part, which took a fifth of all that the edge does for a cached read.

    Raises ValueError for a header with a line break, which would begin another header.
    """

    def __init__(
        self, content: bytes, status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        self._content = content
        self._status = status
        self._media_type = media_type
        values = "".join(headers.values())
        if "\n" in values or "\r" in values:
            raise ValueError("The value of a header holds a line break.")
        self._headers = _Headers(headers.items())

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
