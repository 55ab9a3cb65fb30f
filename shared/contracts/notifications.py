"""What checkout asks notifications, for a customer's export."""

from datetime import datetime
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class SentMail(BaseModel):
    """`about` is the order's id. `state` is `sent`, `waiting`, `failed`, `unwanted` (switched off)
    or `dropped` (no news any more)."""

    model_config = ConfigDict(frozen=True)

    kind: str
    about: str
    state: str
    planned_at: datetime
    sent_at: datetime | None


class Correspondence(BaseModel):
    """`switched_off` are the kinds that the customer wants no mails of; `mails` the oldest first,
    as far as they are kept."""

    model_config = ConfigDict(frozen=True)

    switched_off: tuple[str, ...]
    mails: tuple[SentMail, ...]


class Correspondences(Protocol):
    def correspondence(self, customer_id: str) -> Correspondence: ...
