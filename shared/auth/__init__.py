"""Who is calling: bearer tokens become principals.

Errors:

    AppError
    ├── Unauthenticated                401  no usable credentials were sent
    │   └── InvalidToken               401  a token was sent and is refused
    └── IdentityProviderUnavailable    503  its keys cannot be read, so no token can be judged
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from shared.kit.errors import AppError


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. `subject` is the issuer's stable id; `email` is shown, never trusted."""

    subject: str
    roles: frozenset[str]
    email: str | None


class TokenVerifier(Protocol):
    def verify(self, token: str) -> Principal:
        """Raises Unauthenticated or IdentityProviderUnavailable.

        May wait some seconds for the identity provider when its keys are not known yet: async code
        calls it through `asyncio.to_thread`.
        """
        ...


class Unauthenticated(AppError):
    """Carries the challenge of RFC 6750, section 3; without credentials it names no error code."""

    status = 401
    kind = "unauthenticated"
    title = "Sign in first"
    challenge: ClassVar[str] = "Bearer"

    def __init__(
        self, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(
            detail, headers={"WWW-Authenticate": self.challenge, **(headers or {})}, **more
        )


class InvalidToken(Unauthenticated):
    title = "The token is not accepted"
    challenge = 'Bearer error="invalid_token"'


class IdentityProviderUnavailable(AppError):
    status = 503
    kind = "identity-provider-unavailable"
    title = "Sign-in cannot be checked at the moment"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        """`retry_after` in seconds."""
        super().__init__(detail, headers={"Retry-After": str(retry_after)})
