"""A shopper's browser: calls to the shop with a cart's cookie, and to the payment provider."""

import contextlib
import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

_PATIENCE_SECONDS = 60.0
_KEEPS_ASKING_SECONDS = 180.0
_PAUSE_SECONDS = 0.1
_NOT_NOW = (500, 502, 503)


@dataclass(frozen=True)
class Reply:
    """The names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class NoAnswerError(Exception):
    """The other side went away before it answered: whether it did what was asked is not known."""


class Browser:
    """`origins` are the shop's hosts: any of them may be asked. `seen` counts answers that say no
    more than that the shop cannot answer now, and those that never came."""

    def __init__(
        self, origins: Sequence[str], token: str | None = None, seen: Counter[str] | None = None
    ) -> None:
        self._origins = origins
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._cookies: dict[str, str] = {}
        self._seen = Counter[str]() if seen is None else seen

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """One call of `/api/{path}`. `headers` are written with underscores: Idempotency_Key.

        Raises NoAnswerError.
        """
        said = {name.replace("_", "-"): value for name, value in headers.items()} | self._headers
        if self._cookies:
            said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        content = None
        if body is not None:
            said["Content-Type"] = "application/json"
            content = json.dumps(body)
        reply = _call(method, f"{random.choice(self._origins)}/api/{path}", content, said)
        for morsel in SimpleCookie(reply.headers.get("set-cookie", "")).values():
            self._cookies[morsel.key] = morsel.value
        return reply

    def insist(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """Asks again for as long as no host answers, or one says that it cannot now."""
        last_call = time.monotonic() + _KEEPS_ASKING_SECONDS
        while True:
            try:
                reply = self.ask(method, path, body, **headers)
                if reply.status not in _NOT_NOW:
                    return reply
                problem = f"answer {reply.status}"
            except NoAnswerError:
                problem = "no answer"
            self._seen[problem] += 1
            if time.monotonic() > last_call:
                raise AssertionError(f"{method} {path} gets no better than: {problem}")
            time.sleep(_PAUSE_SECONDS)


def confirm(payment: Mapping[str, Any], card: str) -> dict[str, Any]:
    """What the provider's script does in the shopper's browser: the PaymentIntent, or `error`."""
    form = {
        "key": payment["publishable_key"],
        "client_secret": payment["client_secret"],
        "payment_method": card,
        "return_url": "https://shop.example/back",
    }
    address = f"{payment['api_base']}/v1/payment_intents/{payment['payment_intent']}/confirm"
    answer: dict[str, Any] = _submit(address, form).json
    return answer


def authenticate(payment: Mapping[str, Any], *, passes: bool) -> None:
    """Answers the bank's question (3-D Secure) on its page in the sandbox."""
    address = f"{payment['api_base']}/stripe/authenticate/{payment['client_secret']}"
    _submit(address, {"passes": "yes" if passes else "no"})


def turn(sandbox: str, page: str, **said: Any) -> None:
    """Turns a knob of the sandbox: `clock`, `stripe/webhooks`, `stripe/faults`."""
    reply = _call("POST", f"{sandbox}/admin/{page}", json.dumps(said), {})
    if reply.status != 200:
        raise ValueError(f"the sandbox refuses {said} for {page}: {reply.content!r}")


def _submit(address: str, form: Mapping[str, str]) -> Reply:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return _call("POST", address, urlencode(form), headers)


def _call(method: str, address: str, body: str | None, headers: Mapping[str, str]) -> Reply:
    """On a connection of its own, so that each call may meet another process."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE_SECONDS)
    with contextlib.closing(connection):
        try:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, target, body, dict(headers))
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"{method} {parts.path}: {error}") from error
