"""Apps that import `azurefunctions.extensions.http.fastapi`: streaming requests and responses.

The real worker runs a second server and proxies to it. Here the handler simply gets a request
object over the very ASGI call, and its response is sent as it is. The switch is per app: once the
extension is imported, all HTTP functions use it.
"""

import importlib
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["accepts_request", "accepts_response", "build_request", "is_enabled", "response_app"]

ASGIApp = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


def is_enabled() -> bool:
    base = _base()
    return base is not None and bool(base.HttpV2FeatureChecker.http_v2_enabled())


def accepts_request(python_type: Any) -> bool:
    return bool(_base().RequestTrackerMeta.check_type(python_type))


def accepts_response(python_type: Any) -> bool:
    return bool(_base().ResponseTrackerMeta.check_type(python_type))


def build_request(
    scope: MutableMapping[str, Any], receive: Any, route_params: dict[str, str]
) -> Any:
    tracker = _base().RequestTrackerMeta
    request = tracker.get_request_type()(scope, receive)
    tracker.get_synchronizer().sync_route_params(request, route_params)
    return request


def response_app(result: Any) -> ASGIApp:
    """An ASGI app that sends what a handler returned. Raises ValueError for None, which the worker
    cannot tell from a response that is missing."""
    if result is None:
        raise ValueError("No http response found: the function returned None")
    if callable(result):
        streamed: ASGIApp = result
        return streamed
    # Only an app that brought the extension, and with it FastAPI, comes here.
    encoders, responses = (
        importlib.import_module(f"fastapi.{name}") for name in ("encoders", "responses")
    )
    app: ASGIApp = responses.JSONResponse(encoders.jsonable_encoder(result))
    return app


def _base() -> Any:
    return sys.modules.get("azurefunctions.extensions.base")
