"""Access tokens with the claims that Entra ID would send."""

import secrets
import time
from collections.abc import Iterable

from sandbox.oidc.store import SigningKeys

DEFAULT_AUDIENCE = "bookstore"
DEFAULT_LIFETIME = 3600


def issue(
    keys: SigningKeys,
    *,
    issuer: str,
    audience: str,
    subject: str,
    roles: Iterable[str] = (),
    email: str | None = None,
    nonce: str | None = None,
    lifetime: int = DEFAULT_LIFETIME,
) -> str:
    """`lifetime` in seconds of machine time; a negative one makes a token that has expired."""
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "roles": list(roles),
        "iat": now + min(lifetime, 0),
        "nbf": now + min(lifetime, 0),
        "exp": now + lifetime,
        "jti": secrets.token_urlsafe(16),
    }
    if email is not None:
        claims |= {"email": email, "email_verified": True}
    if nonce is not None:
        claims["nonce"] = nonce
    return keys.sign(claims)
