"""The Idempotency-Key of a request, and the one way to honour it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from pydantic import BaseModel

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as its sender marked it: sent again, it carries the same key and content."""

    id: str
    """A digest of who sent it, to which route, under which key."""
    request_hash: str

    @classmethod
    def of(cls, principal: str, route: str, key: str, *content: BaseModel | str) -> "Delivery":
        """`content` is all that the request says: its path values and its body."""
        said = [part if isinstance(part, str) else part.model_dump_json() for part in content]
        return cls(_digest(principal, route, key), _digest(*said))


class Deliveries(Protocol):
    """What was answered before, kept in the transaction that does the work."""

    def claim(self, delivery: Delivery) -> bytes | None:
        """The answer of an earlier delivery; None for the first, which must then `settle`.

        Another transaction with the same key is waited for. Raises IdempotencyMismatch where the
        key came with other content.
        """
        ...

    def settle(self, delivery: Delivery, answer: bytes) -> None: ...

    def forget(self, before: datetime) -> int:
        """Deletes the keys that are older and says how many."""
        ...


def once(
    deliveries: Deliveries, delivery: Delivery, model: type[M], effect: Callable[[], M]
) -> tuple[M, bool]:
    """The effect's answer and False, or at a repetition the first answer and True.

    An effect that raises leaves no trace, so that it may be tried again under its key.
    """
    answer = deliveries.claim(delivery)
    if answer is not None:
        return model.model_validate_json(answer), True
    value = effect()
    deliveries.settle(delivery, value.model_dump_json().encode())
    return value, False


def _digest(*parts: str) -> str:
    whole = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass")
        whole.update(len(content).to_bytes(8, "big") + content)
    return whole.hexdigest()
