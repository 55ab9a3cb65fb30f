"""Our response against the SDK's own, by the SDK's own eyes."""

from typing import Any

import azure.functions as func
import pytest
from azure.functions.http import HttpResponseConverter

from shared.http.responses import Response

HEADERS = {"x-correlation-id": "c1", "ETag": '"m1"', "Set-Cookie": "a=b; Path=/; HttpOnly"}


def sent(response: func.HttpResponse) -> Any:
    """What the worker sends to the host."""
    return HttpResponseConverter.encode(response, expected_type=None)


@pytest.mark.parametrize("media_type", ["application/json", "text/html"])
@pytest.mark.parametrize("headers", [{}, HEADERS, {"Content-Type": "text/csv"}])
@pytest.mark.parametrize("content", [b"", b"{}"])
def test_a_worker_sees_no_difference(
    content: bytes, headers: dict[str, str], media_type: str
) -> None:
    ours = Response(content, 201, headers, media_type)
    sdks = func.HttpResponse(content, status_code=201, headers=headers, mimetype=media_type)
    assert isinstance(ours, func.HttpResponse)
    assert list(ours.headers) == list(sdks.headers)
    assert isinstance(ours.headers, type(sdks.headers))
    assert list(ours.headers.copy()) == list(ours.headers[:]) == list(sdks.headers)
    assert sent(ours) == sent(sdks)


def test_all_that_the_sdks_response_shows_is_ours() -> None:
    shown = {name for name in vars(func.HttpResponse) if not name.startswith("_")}
    assert shown <= set(vars(Response))


def test_a_header_cannot_smuggle_in_another() -> None:
    with pytest.raises(ValueError, match="line break"):
        Response(b"", 200, {"x-correlation-id": "a\r\nx: y"}, "text/plain")
