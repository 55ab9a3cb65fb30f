"""Mails: what they are about, who may do without them, when one is tried again, and errors.

    AppError
    └── BadLink       400  an unsubscribe link that is not ours, or was cut

    Exception
    ├── MailRefused        the provider will never take this mail
    ├── MailNotSent        it may take it later, or has taken it and could not say so
    └── MailHopeless       tried for the last time: its message belongs in the dead letters

None of these errors, and nothing that is logged, holds a recipient's address.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, NewType, get_args
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

from shared.contracts.envelope import Payload
from shared.kit.errors import BadInput

MailId = NewType("MailId", str)
Subscriber = NewType("Subscriber", str)
"""A keyed digest of a customer's id, or of a guest's or staff member's address."""

QUEUE = "mails"

Optional = Literal["dispatched", "out_for_delivery", "delivered", "delayed"]
"""What a buyer may switch off."""
Kind = Literal[
    "order_placed",
    "payment_failed",
    "dispatched",
    "out_for_delivery",
    "delivered",
    "delayed",
    "delivery_failed",
    "order_cancelled",
    "refunded",
    "order_link",
    "stock_low",
    "refund_failed",
]
OPTIONAL: tuple[Optional, ...] = get_args(Optional)
STAFF: frozenset[Kind] = frozenset({"stock_low", "refund_failed"})
ARRIVED: frozenset[Kind] = frozenset({"delivered", "delivery_failed"})
"""After one of these about a parcel, news of its way is no news."""
UNDERWAY: frozenset[Kind] = frozenset({"out_for_delivery", "delayed"})

State = Literal["waiting", "sent", "unwanted", "dropped", "failed"]
"""`unwanted`: switched off. `dropped`: nobody is left to write to, or it is no news any more."""

LEASE = timedelta(minutes=2)
"""How long a sender has a mail to itself; longer than any provider is waited for."""
LOOK_AFTER = timedelta(minutes=5)
"""When the timer wakes a mail that the queue should have brought to its sender."""
GIVE_UP_AFTER = timedelta(days=3)
DECLINED_WAITS = timedelta(minutes=2)
"""A card that was declined is told only to a buyer who did not pay by another one meanwhile."""
MOST_LINKS = 5
LINKS_WITHIN = timedelta(hours=1)
REFUND_TOLD_AGAIN_AFTER = timedelta(days=1)
"""A cancelled order's refund is asked for again and again; its failures are told once a day."""
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=10)
_NAMES = UUID("6b1ed3f7-5a3c-4d54-9d0f-4c5f0a3e2b91")


class BadLink(BadInput):
    kind: ClassVar[str] = "bad-link"
    title: ClassVar[str] = "The link is not valid"


class MailRefused(Exception):
    """`code` is the provider's, without anything that could name a person."""

    def __init__(self, code: str) -> None:
        super().__init__(f"refused: {code}")
        self.code = code


class MailNotSent(Exception):
    """`retry_after` is what the provider asks for."""

    def __init__(self, code: str, retry_after: timedelta | None = None) -> None:
        super().__init__(f"not sent: {code}")
        self.code = code
        self.retry_after = retry_after


class MailHopeless(Exception):
    def __init__(self, mail_id: str, code: str) -> None:
        super().__init__(f"The mail {mail_id} cannot be sent: {code}.")


class SendMail(Payload):
    """To ourselves: a mail waits for its sender."""

    kind: ClassVar[str] = "mail.send"

    mail_id: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A mail to be sent, once for each `news` and recipient. `about` is the order's id or the
    ISBN, `facts` what the event said; nothing here names a person but `customer_id`."""

    news: str
    kind: Kind
    about: str
    subscriber: Subscriber
    facts: dict[str, Any]
    shipment_id: str | None = None
    customer_id: str | None = None

    @property
    def id(self) -> MailId:
        """The same in every process and after any loss: the provider may know it already. An order
        has one buyer, whatever becomes of his account."""
        recipient = self.subscriber if self.kind in STAFF else "buyer"
        return MailId(str(uuid5(_NAMES, f"{self.news}:{recipient}")))


@dataclass(frozen=True, slots=True)
class Mail:
    """As stored. `since` and the times to come are machine time, `created_at` business time."""

    id: MailId
    kind: Kind
    about: str
    subscriber: Subscriber
    customer_id: str | None
    shipment_id: str | None
    facts: dict[str, Any]
    state: State
    reason: str | None
    tries: int
    created_at: datetime
    since: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Letter:
    """What a mail says, ready to be read."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`id` is a UUID that is the same at each try. `unsubscribe` is an address that takes a POST
    (RFC 8058)."""

    id: MailId
    to: str
    to_name: str
    letter: Letter
    unsubscribe: str | None = None


class Preferences(BaseModel):
    """Which news of a delivery are sent. What an order is about (its confirmation, its cancelling,
    money that goes back, a parcel that is lost) is always told."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dispatched: bool = True
    out_for_delivery: bool = True
    delivered: bool = True
    delayed: bool = True

    @classmethod
    def without(cls, off: frozenset[str]) -> "Preferences":
        return cls(**{kind: kind not in off for kind in OPTIONAL})

    @property
    def off(self) -> frozenset[Optional]:
        return frozenset(kind for kind in OPTIONAL if not getattr(self, kind))


def next_wait(tries: int, chance: float) -> timedelta:
    """Doubling from seconds to minutes; `chance`, from 0 to 1, takes up to a quarter off, so that
    mails that failed together do not come back together."""
    wait = min(_FIRST_WAIT * 2.0 ** min(tries - 1, 20), _LONGEST_WAIT)
    return wait * (1 - 0.25 * chance)
