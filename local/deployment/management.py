"""Azure's management API, and Azure's data APIs by the same sign-in."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx

MANAGEMENT = "https://management.azure.com"
Token = Callable[[str], str]
"""A scope's access token."""

_TRIES = 12
_PAUSE_SECONDS = 15
_ROLES_ARE_UNDER_WAY = frozenset({401, 403})


class Stopped(Exception):
    """The deployment cannot go on; the message says why, and what to do."""


def azd_token(scope: str) -> str:
    """By whoever is signed in at azd: a person, or GitHub's federated identity."""
    from azure.identity import AzureDeveloperCliCredential

    return str(AzureDeveloperCliCredential().get_token(scope).token)


class Azure:
    """Calls are repeated while a role that was just granted is not yet known everywhere, which
    takes up to ten minutes, and while a service asks to wait; a last refusal raises Stopped.
    """

    def __init__(
        self,
        group: str,
        *,
        token: Token = azd_token,
        client: httpx.Client | None = None,
        pause: Callable[[float], None] = time.sleep,
        tries: int = _TRIES,
    ) -> None:
        """`group` is the resource group's id: /subscriptions/.../resourceGroups/..."""
        self._group = group
        self._token = token
        self._client = client or httpx.Client(timeout=60)
        self._pause = pause
        self._tries = tries

    def get(self, path: str, version: str) -> dict[str, Any] | None:
        """A resource of the group, such as `Microsoft.KeyVault/vaults/kv`; None: there is none."""
        answer = self._manage("GET", path, version)
        return None if answer.status_code == 404 else dict(answer.json())

    def list(self, path: str, version: str) -> Iterator[dict[str, Any]]:
        found = self.get(path, version) or {}
        yield from found.get("value", [])

    def put(self, path: str, version: str, body: Mapping[str, Any]) -> None:
        self._manage("PUT", path, version, body)

    def post(self, path: str, version: str) -> None:
        self._manage("POST", path, version)

    def send(
        self,
        method: str,
        url: str,
        scope: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Any answer but a 404 that is an error raises Stopped; bodies are never shown."""
        for attempt in range(1, self._tries + 1):
            sent = {"Authorization": f"Bearer {self._token(scope)}", **(headers or {})}
            answer = self._client.request(method, url, content=content, headers=sent)
            if answer.is_success or answer.status_code == 404:
                return answer
            waits = answer.status_code in _ROLES_ARE_UNDER_WAY | {429} or answer.is_server_error
            if not waits or attempt == self._tries:
                break
            self._pause(_PAUSE_SECONDS)
        place = url.partition("?")[0]
        raise Stopped(f"{method} {place} was answered with {answer.status_code}.")

    def _manage(
        self, method: str, path: str, version: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        url = f"{MANAGEMENT}{self._group}/providers/{path}?api-version={version}"
        answer = self.send(
            method,
            url,
            f"{MANAGEMENT}/.default",
            content=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        if answer.status_code == 404 and method != "GET":
            raise Stopped(f"{path} is not there.")
        return answer
