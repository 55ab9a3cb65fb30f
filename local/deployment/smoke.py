"""Whether a deployed shop serves: a few calls that change nothing."""

import time
from collections.abc import Callable, Iterator, Sequence

import httpx

from local.deployment.management import Stopped

_TRIES = 30
_PAUSE_SECONDS = 10

Found = tuple[bool, str]


def look(
    origin: str,
    *,
    closed: Sequence[str] = (),
    client: httpx.Client | None = None,
    pause: Callable[[float], None] = time.sleep,
    tries: int = _TRIES,
) -> list[str]:
    """What it looked at. A new Front Door takes minutes until it answers everywhere.

    `closed` are addresses behind Front Door, which must answer nobody who comes past it.
    """
    with client or httpx.Client(timeout=60) as opened:
        for attempt in range(1, tries + 1):
            found = [*_looks(origin, opened), *_closed(closed, opened)]
            wrong = [what for good, what in found if not good]
            if not wrong:
                return [what for _, what in found]
            if attempt < tries:
                pause(_PAUSE_SECONDS)
    raise Stopped("The shop does not serve as it should: " + "; ".join(wrong) + ".")


def _looks(origin: str, client: httpx.Client) -> Iterator[Found]:
    for method, path, status, needle in (
        ("GET", "/api/health/live", 200, ""),
        ("GET", "/api/health/ready", 200, '"ready"'),
        ("GET", "/api/v1/books?limit=1", 200, '"items"'),
        ("GET", "/api/openapi.json", 200, '"openapi"'),
        ("GET", "/", 200, "<!doctype html"),
        ("GET", "/problems/not-found", 302, ""),
        ("GET", "/api/v1/orders", 401, "/problems/unauthenticated"),
        ("POST", "/api/v1/admin/books", 401, "/problems/unauthenticated"),
        ("POST", "/api/v1/webhooks/stripe", 400, "/problems/bad-signature"),
        ("GET", "/api/no-such-address", 404, "application/problem+json"),
    ):
        try:
            answer = client.request(
                method, origin + path, content=b"{}" if method == "POST" else None
            )
        except httpx.HTTPError as error:
            yield False, f"{method} {path} failed ({type(error).__name__})"
            continue
        shown = answer.headers.get("content-type", "") + answer.text
        good = answer.status_code == status and needle.lower() in shown.lower()
        yield good, f"{method} {path} is answered with {answer.status_code}"


def _closed(addresses: Sequence[str], client: httpx.Client) -> Iterator[Found]:
    for address in addresses:
        try:
            status = client.get(address).status_code
        except httpx.HTTPError as error:
            yield True, f"GET {address} leads nowhere ({type(error).__name__})"
        else:
            yield status in (401, 403), f"GET {address}, past Front Door, is answered with {status}"
