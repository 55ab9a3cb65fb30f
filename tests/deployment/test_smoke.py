"""The smoke test, the last step of a deployment, against shops that serve and that do not."""

import httpx
import pytest

from local.deployment import smoke
from local.deployment.management import Stopped
from tests.support.answers import client, no_pause


class Shop:
    """Answers as a deployed shop does; `broken` names a path that does not."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == self.broken:
            return httpx.Response(200, text="?")
        problem = {"content-type": "application/problem+json"}
        answers = {
            "/api/health/live": (200, "", {}),
            "/api/health/ready": (200, '{"status": "ready"}', {}),
            "/api/v1/books": (200, '{"items": []}', {}),
            "/api/openapi.json": (200, '{"openapi": "3.0.3"}', {}),
            "/": (200, "<!DOCTYPE html>", {}),
            "/problems/not-found": (302, "", {"location": "/api/docs#problem-not-found"}),
            "/api/v1/orders": (401, '{"type": "/problems/unauthenticated"}', problem),
            "/api/v1/admin/books": (401, '{"type": "/problems/unauthenticated"}', problem),
            "/api/v1/webhooks/stripe": (400, '{"type": "/problems/bad-signature"}', problem),
        }
        status, text, headers = answers.get(path, (404, "{}", problem))
        return httpx.Response(status, text=text, headers=headers)


def test_a_shop_that_serves_passes_the_smoke_test() -> None:
    assert len(smoke.look("https://shop", client=client(Shop()), pause=no_pause, tries=1)) == 10


@pytest.mark.parametrize(("status", "good"), [(403, True), (401, True), (0, True), (200, False)])
def test_whoever_comes_past_front_door_must_be_turned_away(status: int, good: bool) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "shop":
            return Shop()(request)
        if status == 0:
            raise httpx.ConnectError("no way", request=request)
        return httpx.Response(status)

    def look() -> list[str]:
        behind = ["https://apim/api/v1/books"]
        return smoke.look(
            "https://shop", closed=behind, client=client(answer), pause=no_pause, tries=1
        )

    if good:
        assert len(look()) == 11
    else:
        with pytest.raises(Stopped, match="past Front Door, is answered with 200"):
            look()


@pytest.mark.parametrize(
    "path", ["/api/health/ready", "/", "/api/v1/orders", "/problems/not-found"]
)
def test_a_shop_that_does_not_serve_is_noticed(path: str) -> None:
    with pytest.raises(Stopped, match=path):
        smoke.look("https://shop", client=client(Shop(path)), pause=no_pause, tries=2)


def test_a_shop_that_cannot_be_reached_is_noticed() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no way", request=request)

    with pytest.raises(Stopped, match="ConnectError"):
        smoke.look("https://shop", client=client(fail), pause=no_pause, tries=1)
