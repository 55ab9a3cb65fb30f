"""The page where a person signs in: authorization code flow with PKCE (RFC 6749, 4.1; RFC 7636).

Everybody may sign in as anybody, with any role: that is what a sandbox is for.
"""

import base64
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox import html
from sandbox.answers import Refused, body_of

ROLES = {
    "catalogue.write": "Catalogue: books, stock, covers, imports",
    "orders.refund": "Orders: see all, cancel, refund; payments and figures",
    "operations": "Operations: dead letters",
}
"""What the shop's staff may have, and how the page says it."""

_CODE_LIVES = 60.0
_SITE = html.Site(
    "Sandbox sign-in", "/", "A stand-in for the shop's identity provider; it asks no password."
)
_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.ASCII)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stands for."""

    subject: str
    email: str
    roles: tuple[str, ...]
    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str | None
    scope: str
    ends: float


class Codes:
    """Codes that were given out and not used yet. They live a minute, so a sandbox that is killed
    meanwhile costs a person one more click."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._grants: dict[str, Grant] = {}

    def give(self, grant: Grant) -> str:
        code = secrets.token_urlsafe(24)
        now = time.monotonic()
        with self._lock:
            self._grants = {key: one for key, one in self._grants.items() if one.ends > now}
            self._grants[code] = grant
        return code

    def take(self, form: Mapping[str, str]) -> Grant:
        """Each code once, with the verifier of its challenge. Raises Refused."""
        with self._lock:
            grant = self._grants.pop(form.get("code", ""), None)
        if grant is None or grant.ends <= time.monotonic():
            raise Refused("invalid_grant", "The code is unknown, used or older than a minute.")
        if (form.get("client_id"), form.get("redirect_uri")) != (
            grant.client_id,
            grant.redirect_uri,
        ):
            raise Refused("invalid_grant", "client_id and redirect_uri are not those of the code.")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge:
            raise Refused("invalid_grant", "code_verifier does not belong to the code.")
        return grant


def routes(codes: Codes, shop_url: str | None) -> list[Route]:
    """A browser is only sent back to `shop_url`, or to this machine where that is not known."""

    async def ask(request: Request) -> Response:
        return HTMLResponse(_page(_checked(dict(request.query_params), shop_url)))

    async def answer(request: Request) -> Response:
        pairs = parse_qsl(await body_of(request), max_num_fields=50)
        asked = _checked(dict(pairs), shop_url)
        if asked.get("answer") == "no":
            return _back(asked, {"error": "access_denied"})
        name = asked.get("name", "").strip()
        if not _NAME.fullmatch(name):
            raise Refused("invalid_request", "A name is 1 to 64 letters, digits, dots or dashes.")
        grant = Grant(
            subject=name,
            email=asked.get("email", "").strip() or f"{name}@example.org",
            roles=tuple(value for key, value in pairs if key == "role" and value in ROLES),
            client_id=asked["client_id"],
            redirect_uri=asked["redirect_uri"],
            challenge=asked["code_challenge"],
            nonce=asked.get("nonce"),
            scope=asked.get("scope", ""),
            ends=time.monotonic() + _CODE_LIVES,
        )
        return _back(asked, {"code": codes.give(grant)})

    async def leave(request: Request) -> Response:
        target = request.query_params.get("post_logout_redirect_uri", "")
        return RedirectResponse(target if _is_ours(target, shop_url) else "/", 303)

    return [
        Route("/oidc/authorize", ask, methods=["GET"]),
        Route("/oidc/authorize", answer, methods=["POST"]),
        Route("/oidc/logout", leave, methods=["GET"]),
    ]


def _checked(asked: dict[str, str], shop_url: str | None) -> dict[str, str]:
    """A wrong client or address must not be redirected to (RFC 6749, 4.1.2.1)."""
    if not asked.get("client_id"):
        raise Refused("invalid_request", "client_id is missing.")
    if not _is_ours(asked.get("redirect_uri", ""), shop_url):
        raise Refused("invalid_request", "redirect_uri is not an address of the shop.")
    if asked.get("response_type") != "code":
        raise Refused("unsupported_response_type", "response_type must be code.")
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(
        asked.get("code_challenge", "")
    ):
        raise Refused("invalid_request", "A code_challenge with the method S256 is wanted.")
    return asked


def _is_ours(address: str, shop_url: str | None) -> bool:
    if shop_url is not None:
        return address == shop_url or address.startswith(f"{shop_url}/")
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    # Browsers read a backslash as a slash, so that another host may stand before it.
    return parts.scheme in ("http", "https") and bool(_LOOPBACK.fullmatch(parts.netloc))


def _back(asked: Mapping[str, str], answer: Mapping[str, str]) -> Response:
    query = dict(answer)
    if "state" in asked:
        query["state"] = asked["state"]
    joint = "&" if urlsplit(asked["redirect_uri"]).query else "?"
    return RedirectResponse(f"{asked['redirect_uri']}{joint}{urlencode(query)}", 303)


_KEPT: Collection[str] = (
    "client_id",
    "redirect_uri",
    "response_type",
    "code_challenge",
    "code_challenge_method",
    "scope",
    "state",
    "nonce",
)


def _page(asked: Mapping[str, str]) -> str:
    hidden = "".join(
        f'<input type=hidden name={name} value="{escape(asked[name])}">'
        for name in _KEPT
        if name in asked
    )
    roles = "".join(
        f"<label><input type=checkbox name=role value={role}> {escape(said)}</label><br>"
        for role, said in ROLES.items()
    )
    name = escape(asked.get("login_hint", "ada"))
    return _SITE.page(
        "Sign in",
        f"""<h1>Who are you?</h1>
<form method=post action=/oidc/authorize style="display:block">{hidden}
<p><label>Name<br><input name=name value="{name}" required pattern="[A-Za-z0-9._\\-]+"
  autocomplete=username></label></p>
<p><label>Mail address (or name@example.org)<br><input name=email type=email
  autocomplete=email></label></p>
<fieldset><legend>For the back office</legend>{roles}</fieldset>
<p><button class=main name=answer value=yes>Sign in</button>
<button name=answer value=no formnovalidate>Back to the shop</button></p></form>""",
    )
