"""The issuer's public keys, found by OpenID Connect Discovery 1.0 and kept while they are useful.

Keys are read again every hour, and at once when a token names a key that is not known, so that a
rotation needs no restart. An issuer that is away does not sign anybody out: the keys last read go
on serving for a day.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from shared.auth import IdentityProviderUnavailable
from shared.kit.clock import Clock
from shared.telemetry import get_logger

log = get_logger("auth")

FRESH: Final = timedelta(hours=1)
USABLE: Final = timedelta(hours=24)
REFETCH_PAUSE: Final = timedelta(seconds=30)
"""Neither tokens with invented key ids nor an outage may make us hammer the issuer."""
FIRST_FETCH_PAUSE: Final = timedelta(seconds=5)
"""Without any keys nobody can sign in, so we look more often whether the issuer is back."""

_SMALLEST_RSA_BITS = 2048
_PUBLIC_MEMBERS = frozenset({"kty", "crv", "n", "e", "x", "y"})
_LARGEST_ANSWER = 256 * 1024
REQUEST_SECONDS = 3.0
_LONGEST_WAIT_SECONDS = 2 * REQUEST_SECONDS + 1
"""For another thread's fetch, which is two requests."""

FetchJson = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """`key` is a public key of `cryptography`; it verifies tokens of this one algorithm."""

    algorithm: str
    key: Any


@dataclass(frozen=True, slots=True)
class _State:
    keys: Mapping[str, VerificationKey] = field(default_factory=dict)
    read_at: datetime | None = None
    tried_at: datetime | None = None
    last_try_failed: bool = False


class IssuerKeys:
    """`fetch` is given an address and returns the JSON object there; raises OSError or ValueError.

    Safe for threads: one of them fetches at a time, and the others use what is there or wait.
    """

    def __init__(self, issuer: str, clock: Clock, fetch: FetchJson | None = None) -> None:
        self._issuer = issuer
        self._clock = clock
        self._fetch = fetch or _fetch_over_http
        self._fetching = threading.Lock()
        self._state = _State()

    def find(self, key_id: str) -> VerificationKey | None:
        """None where the issuer has no such key.

        Raises IdentityProviderUnavailable where that cannot be known at the moment.
        """
        state, now = self._state, self._clock.machine_now()
        key = state.keys.get(key_id)
        if key is not None and _age(state.read_at, now) < FRESH:
            return key
        if key is not None and _age(state.read_at, now) < USABLE:
            # Serve what we have while one thread, this or another, asks for newer keys.
            if self._fetching.acquire(blocking=False):
                try:
                    self._refresh()
                finally:
                    self._fetching.release()
            return self._state.keys.get(key_id)
        return self._find_after_waiting(key_id)

    def _find_after_waiting(self, key_id: str) -> VerificationKey | None:
        if not self._fetching.acquire(timeout=_LONGEST_WAIT_SECONDS):
            raise _unavailable()
        try:
            state, now = self._state, self._clock.machine_now()
            known = key_id in state.keys and _age(state.read_at, now) < FRESH
            if not known:
                self._refresh()
            state = self._state
        finally:
            self._fetching.release()
        key = state.keys.get(key_id)
        too_old = key is not None and _age(state.read_at, now) >= USABLE
        if too_old or (key is None and state.last_try_failed):
            raise _unavailable()
        return key

    def _refresh(self) -> None:
        """Reads the keys anew unless the last try is too recent. Only under the lock."""
        before, now = self._state, self._clock.machine_now()
        pause = REFETCH_PAUSE if _age(before.read_at, now) < USABLE else FIRST_FETCH_PAUSE
        if _age(before.tried_at, now) < pause:
            return
        try:
            keys = self._read()
        except (OSError, ValueError) as error:
            self._state = _State(before.keys, before.read_at, now, last_try_failed=True)
            log.warning(
                "identity_provider.unreachable",
                issuer=self._issuer,
                reason=str(error),
                keys_in_use=len(before.keys),
            )
        else:
            self._state = _State(keys, now, now)

    def _read(self) -> Mapping[str, VerificationKey]:
        discovery = self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if discovery.get("issuer") != self._issuer:
            raise ValueError("the discovery document names another issuer")
        address = discovery.get("jwks_uri")
        if not isinstance(address, str) or not _is_as_safe(address, self._issuer):
            raise ValueError("the discovery document has no usable jwks_uri")
        listed = self._fetch(address).get("keys")
        if not isinstance(listed, list):
            raise ValueError("the key set has no list of keys")
        keys = {
            key_id: key
            for jwk in listed
            if isinstance(jwk, dict)
            and isinstance(key_id := jwk.get("kid"), str)
            and (key := _verification_key(jwk)) is not None
        }
        if not keys:
            raise ValueError("the key set has no key that can verify a token")
        return keys


def _age(moment: datetime | None, now: datetime) -> timedelta:
    return timedelta.max if moment is None else now - moment


def _unavailable() -> IdentityProviderUnavailable:
    return IdentityProviderUnavailable(
        "The identity provider cannot be reached. Please try again shortly.",
        retry_after=int(FIRST_FETCH_PAUSE.total_seconds()),
    )


def _is_as_safe(address: str, issuer: str) -> bool:
    """Plain http is accepted from an issuer that is itself plain http: the local one."""
    scheme = urlsplit(address).scheme
    return scheme == "https" or (scheme == "http" == urlsplit(issuer).scheme)


def _verification_key(jwk: dict[str, Any]) -> VerificationKey | None:
    """None for a key that is not for us: another use, another algorithm, too small, or damaged.

    The algorithm follows from the key alone, never from a token, so that a public key can not be
    taken for an HMAC secret (RFC 8725, section 2.1).
    """
    import jwt

    match jwk.get("kty"), jwk.get("crv"):
        case "RSA", _:
            algorithm = "RS256"
        case "EC", "P-256":
            algorithm = "ES256"
        case _:
            return None
    operations = jwk.get("key_ops", ["verify"])
    verifies = isinstance(operations, list) and "verify" in operations
    if jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig" or not verifies:
        return None
    public = {name: value for name, value in jwk.items() if name in _PUBLIC_MEMBERS}
    try:
        key = jwt.PyJWK(public, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if algorithm == "RS256" and key.key_size < _SMALLEST_RSA_BITS:
        return None
    return VerificationKey(algorithm, key)


def _fetch_over_http(address: str) -> Mapping[str, Any]:
    """GETs a JSON object of bounded size in bounded time."""
    import httpx

    deadline = time.monotonic() + REQUEST_SECONDS
    content = b""
    try:
        with httpx.stream("GET", address, timeout=REQUEST_SECONDS) as response:
            if response.status_code != httpx.codes.OK:
                raise OSError(f"{address} answered {response.status_code}")
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _LARGEST_ANSWER:
                    raise OSError(f"{address} answered more than {_LARGEST_ANSWER} bytes")
                if time.monotonic() > deadline:
                    raise OSError(f"{address} answered too slowly")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OSError(f"{address}: {type(error).__name__}") from error
    try:
        found = json.loads(content)
    except RecursionError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"{address} did not answer a JSON object")
    return found
