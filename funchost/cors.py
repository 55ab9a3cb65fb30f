"""CORS as `func start` sets it up: listed origins, any header, any method."""

from collections.abc import Mapping

from funchost.settings import SettingsError

__all__ = ["CorsPolicy"]

_PREFLIGHT = {
    "access-control-request-method": b"access-control-allow-methods",
    "access-control-request-headers": b"access-control-allow-headers",
}

Headers = list[tuple[bytes, bytes]]


class CorsPolicy:
    def __init__(self, origins: frozenset[str], *, with_credentials: bool) -> None:
        """Raises SettingsError: a browser refuses `*` together with credentials."""
        self._any = "*" in origins
        if self._any and with_credentials:
            raise SettingsError(
                "Cannot use '*' as a CORS origin together with CORS credentials: list the origins."
            )
        self._origins = origins
        self._with_credentials = with_credentials

    @classmethod
    def from_text(cls, origins: str | None, *, with_credentials: bool) -> "CorsPolicy | None":
        """`origins` is "*" or a comma-separated list; without one there is no policy."""
        listed = frozenset(
            origin.strip().rstrip("/").lower() for origin in (origins or "").split(",")
        ) - {""}
        return cls(listed, with_credentials=with_credentials) if listed else None

    def is_preflight(self, method: str, headers: Mapping[str, str]) -> bool:
        return (
            method == "OPTIONS"
            and "origin" in headers
            and "access-control-request-method" in headers
        )

    def headers(self, request: Mapping[str, str]) -> Headers:
        """None for an origin that is not allowed: the browser then refuses the call. A preflight
        gets back the method and the headers that it asked for."""
        origin = request.get("origin")
        if origin is None or not (self._any or origin.lower() in self._origins):
            return []
        allowed = [(b"access-control-allow-origin", b"*" if self._any else origin.encode())]
        if not self._any:
            allowed.append((b"vary", b"Origin"))
        if self._with_credentials:
            allowed.append((b"access-control-allow-credentials", b"true"))
        for wanted, answer in _PREFLIGHT.items():
            if value := request.get(wanted):
                allowed.append((answer, value.encode()))
        return allowed
