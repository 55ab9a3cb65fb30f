"""What a handler is given and what it gives back."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from shared.auth import Principal
from shared.http import entity_tags


class Nothing(BaseModel):
    """No path values, no query, or no body."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RawBody(BaseModel):
    """A body that is taken as it came: a picture, or what a signature was made over."""

    model_config = ConfigDict(frozen=True)

    media_type: str
    content: bytes


P = TypeVar("P", bound=BaseModel)
Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel)


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


# Both are made for each request, and a tuple is made in a quarter of a frozen dataclass's time.
class Call(NamedTuple, Generic[P, Q, B]):
    """One request, checked. `headers` is looked up in any case."""

    path: P
    query: Q
    body: B
    headers: Mapping[str, str]
    principal: Principal | None
    idempotency_key: str | None

    @property
    def signed_in(self) -> Principal:
        """The caller, on a route that asks for one."""
        assert self.principal is not None
        return self.principal

    @property
    def if_match(self) -> frozenset[str]:
        """The strong entity tags of `If-Match`, quotes included, or `*`; empty without the header.

        Weak tags are left out, since they never match here (RFC 9110, 13.1.1).
        """
        return entity_tags.strong(self.headers.get("if-match", ""))


class Answer(NamedTuple):
    """`body` is a model, or content that is ready to send; None sends none.

    With an `etag` (quotes included), a GET whose `If-None-Match` holds it is answered 304. Without
    `cache`, what a signed-in caller was shown is kept from shared caches.
    """

    body: BaseModel | bytes | None = None
    status: int = 200
    etag: str | None = None
    cache: str | None = None
    headers: Mapping[str, str] = _NO_HEADERS
    media_type: str = "application/json"


Look = Callable[[], Answer | None]
"""Gives one answer where it is at hand, as it is at this moment; neither waits nor fails."""
