"""The cart's cookie, and the rule that guards what a cookie alone may change.

Everything follows the shop's own public address and never a request header: whoever can choose a
header must not choose the cookie's name, its `Secure` flag, or which origin counts as ours.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from shared.kit.errors import AppError

_VALUE = re.compile(r"[A-Za-z0-9._~-]{1,256}")
_SEPARATOR = re.compile(r"[;,]")
_LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"
_USUAL_PORTS = {"http": 80, "https": 443}


class CrossOrigin(AppError):
    """A page of another site tried to change something with this browser's cookie."""

    status = 403
    kind = "cross-origin"
    title = "Another site may not do this"


class CartCookie:
    """`__Host-cart` with `Secure` behind https, `cart` behind http.

    Values are limited to characters that need no escaping (RFC 3986, 2.3), because the Functions
    host escapes what it sends and hands over what comes back as it is.
    """

    def __init__(self, public_base_url: str, lifetime: timedelta) -> None:
        self._origin = _origin(public_base_url)
        self._secure = urlsplit(public_base_url).scheme == "https"
        self._lifetime = int(lifetime.total_seconds())
        self.name = "__Host-cart" if self._secure else "cart"

    def read(self, headers: Mapping[str, str]) -> str | None:
        """The value; None when the cookie is missing or holds what `write` would never send.

        The header is split by hand, since `http.cookies` drops every cookie behind one that it
        cannot read. Hosts join repeated Cookie headers with commas.
        """
        for pair in _SEPARATOR.split(headers.get("cookie", "")):
            name, _, value = pair.strip().partition("=")
            if name == self.name:
                return value if _VALUE.fullmatch(value) else None
        return None

    def write(self, value: str) -> dict[str, str]:
        """The header that sets the cookie; sent with each answer, it starts its lifetime again."""
        if not _VALUE.fullmatch(value):
            raise ValueError("a cookie's value is 1 to 256 of the characters A-Z a-z 0-9 . _ ~ -")
        return {"Set-Cookie": f"{self.name}={value}; Max-Age={self._lifetime}{self._flags()}"}

    def forget(self) -> dict[str, str]:
        """The header that makes a browser drop the cookie."""
        empty = f"{self.name}=; Max-Age=0; Expires={_LONG_AGO}"
        return {"Set-Cookie": empty + self._flags()}

    def refuse_other_origins(self, headers: Mapping[str, str]) -> None:
        """For every call that changes something: raises CrossOrigin when a foreign page sent it.

        Browsers add Origin to each such request (Fetch, 3.2); programs other than browsers may
        leave it out, and hold no cookie that they did not ask for.
        """
        origin = headers.get("origin")
        if origin is not None and _origin(origin) != self._origin:
            raise CrossOrigin("The call comes from a page of another origin than the shop's.")

    def _flags(self) -> str:
        return "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if self._secure else "")


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port (RFC 6454, 4); None for `null` and for nonsense."""
    try:
        parts = urlsplit(url.strip())
        if not parts.hostname:
            return None
        port = parts.port or _USUAL_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return parts.scheme, parts.hostname, port
