"""Bearer tokens as JSON Web Tokens (RFC 7519), checked as RFC 8725 and RFC 9068 ask.

Only RS256 and ES256 are accepted. Times are judged by the machine's clock, never by business time:
a shop whose clock is moved by a year keeps its users signed in.
"""

import hashlib
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

from shared.auth import InvalidToken, Principal
from shared.auth.jwks import VerificationKey
from shared.kit.clock import Clock

ALGORITHMS: Final = frozenset({"RS256", "ES256"})
LEEWAY: Final = timedelta(seconds=60)
REMEMBERED: Final = timedelta(minutes=5)
"""A key that the issuer withdraws stops working at most this long after we learn of it."""

_LONGEST_TOKEN = 16 * 1024
_LONGEST_CLAIM = 320
_SUBJECT = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
"""At most 255 ASCII characters (OpenID Connect Core, 2). None is a space at the end, which SQL
Server's comparisons do not see: two customers would be one."""
_MOST_REMEMBERED = 2048


class KeySource(Protocol):
    def find(self, key_id: str) -> VerificationKey | None:
        """None for an unknown key; raises IdentityProviderUnavailable when that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: Principal
    until: float


class JwtVerifier:
    """Verifies tokens of one issuer for one audience; safe for threads.

    A verified token is remembered by its digest until it expires, five minutes at most, so that a
    caller's next request costs a hash instead of a signature.
    """

    def __init__(self, issuer: str, audience: str, keys: KeySource, clock: Clock) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._clock = clock
        self._lock = threading.Lock()
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()

    def verify(self, token: str) -> Principal:
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise InvalidToken("The token is not a JSON Web Token.")
        digest = hashlib.sha256(token.encode()).digest()
        now = self._clock.machine_now().timestamp()
        with self._lock:
            verified = self._verified.get(digest)
            if verified is not None and now < verified.until:
                self._verified.move_to_end(digest)
                return verified.principal
        claims = self._claims(token)
        expires = self._check_times(claims, now)
        principal = _principal(claims)
        until = min(expires + LEEWAY.total_seconds(), now + REMEMBERED.total_seconds())
        with self._lock:
            self._verified[digest] = _Verified(principal, until)
            self._verified.move_to_end(digest)
            if len(self._verified) > _MOST_REMEMBERED:
                self._verified.popitem(last=False)
        return principal

    def _claims(self, token: str) -> Mapping[str, Any]:
        import jwt

        key = self._key_for(token)
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                options={
                    "require": ["iss", "aud", "exp", "sub"],
                    # PyJWT would ask the machine directly; ours are checked against the Clock.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidIssuerError:
            raise InvalidToken("The token is of another issuer.") from None
        except jwt.InvalidAudienceError:
            raise InvalidToken("The token is for another audience.") from None
        except jwt.MissingRequiredClaimError as error:
            raise InvalidToken(f"The token has no {error.claim} claim.") from None
        except jwt.InvalidSignatureError:
            raise InvalidToken("The token's signature is wrong.") from None
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidToken("The token is not valid.") from None

    def _key_for(self, token: str) -> VerificationKey:
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidToken("The token is not a JSON Web Token.") from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise InvalidToken("The token's algorithm is not accepted.")
        if "crit" in header:
            raise InvalidToken("The token needs an extension that is not understood here.")
        if not isinstance(key_id, str) or not 0 < len(key_id) <= _LONGEST_CLAIM:
            raise InvalidToken("The token does not name its key.")
        key = self._keys.find(key_id)
        if key is None:
            raise InvalidToken("The token is signed with a key that the issuer does not have.")
        if key.algorithm != algorithm:
            raise InvalidToken("The token's algorithm is not its key's.")
        return key

    def _check_times(self, claims: Mapping[str, Any], now: float) -> float:
        """Returns the expiry; all are seconds since 1970 (NumericDate of RFC 7519)."""
        leeway = LEEWAY.total_seconds()
        expires = _numeric_date(claims, "exp")
        if expires is None or expires <= now - leeway:
            raise InvalidToken("The token has expired.")
        for claim in ("nbf", "iat"):
            moment = _numeric_date(claims, claim)
            if moment is not None and moment > now + leeway:
                raise InvalidToken("The token is not valid yet.")
        return expires


def _numeric_date(claims: Mapping[str, Any], claim: str) -> float | None:
    value = claims.get(claim)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"The token's {claim} claim is not a number.")
    try:
        moment = float(value)
    except OverflowError:
        moment = math.inf
    if not math.isfinite(moment):
        raise InvalidToken(f"The token's {claim} claim is not a number.")
    return moment


def _principal(claims: Mapping[str, Any]) -> Principal:
    """Roles come from `roles`, where Entra ID puts app roles, or the singular `role` of others.

    Scopes (`scp`) are no roles: they say what an application may do in a user's name, and would let
    consent to an application grant what the user does not have.
    """
    subject = claims["sub"]
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise InvalidToken("The token's sub claim is not usable.")
    email = claims.get("email")
    usable = isinstance(email, str) and 0 < len(email) <= _LONGEST_CLAIM
    return Principal(
        subject=subject,
        roles=_names(claims.get("roles")) | _names(claims.get("role")),
        email=email if usable and claims.get("email_verified") is not False else None,
    )


def _names(value: object) -> frozenset[str]:
    listed = value if isinstance(value, list) else [value]
    return frozenset(name for name in listed if isinstance(name, str) and name)
