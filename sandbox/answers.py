"""Reading requests and refusing them, the same for all stand-ins."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

_LARGEST_BODY = 64 * 1024


class Refused(Exception):
    """Answered as `{"error": code, "error_description": sentence}`, the form of RFC 6749, 5.2."""

    def __init__(
        self,
        error: str,
        description: str,
        status: int = 400,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
        self.headers = headers


async def body_of(request: Request, largest: int = _LARGEST_BODY) -> str:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > largest:
            raise Refused("too_large", f"At most {largest} bytes are taken.", 413)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("invalid_request", "The body is not UTF-8.") from None


def render_refusal(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return _rendered(error)


def render_http_error(request: Request, error: Exception) -> JSONResponse:
    """What the router itself refuses: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    headers = dict(error.headers) if error.headers else None
    return _rendered(Refused(code, error.detail, error.status_code, headers))


def _rendered(refused: Refused) -> JSONResponse:
    return JSONResponse(
        {"error": refused.error, "error_description": refused.description},
        refused.status,
        {"Cache-Control": "no-store", **(refused.headers or {})},
    )
