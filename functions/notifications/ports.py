"""What notifications need from outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from functions.notifications.model import (
    Kind,
    Letter,
    Mail,
    MailId,
    Optional,
    Outgoing,
    Planned,
    State,
    Subscriber,
)
from shared.contracts.envelope import Payload
from shared.contracts.orders import Receipt

T = TypeVar("T")


class Mails(Protocol):
    """Mails within one transaction. A time that is not called business time is machine time."""

    def plan(self, planned: Planned, due_at: datetime, look_at: datetime) -> bool:
        """False where it is planned or sent already. The sender may take it from `due_at` on; from
        `look_at` on the timer wakes it."""
        ...

    def claim(self, mail_id: MailId, until: datetime) -> Mail | None:
        """Has the caller send a mail that waits, or failed, and is due: nobody else gets it before
        `until`, and the caller has it no longer. None where it is not to be sent now."""
        ...

    def settle(
        self,
        mail: Mail,
        state: State,
        reason: str | None = None,
        provider_id: str | None = None,
    ) -> None:
        """What became of a claimed mail; a claim that another has taken over changes nothing."""
        ...

    def put_off(self, mail: Mail, due_at: datetime, reason: str) -> None:
        """Back to waiting, until then."""
        ...

    def overdue(self, look_again_at: datetime, limit: int) -> Sequence[MailId]:
        """Mails that wait and that nobody seems to look after; they are next given out at
        `look_again_at`."""
        ...

    def has_arrived(self, shipment_id: str) -> bool:
        """Whether it was planned to tell that the parcel came, or will not."""
        ...

    def count(self, kind: Kind, about: str, since: datetime) -> int: ...

    def of_customer(self, customer_id: str) -> Sequence[Mail]:
        """The oldest first."""
        ...

    def forget_customer(self, customer_id: str) -> int:
        """Takes the customer out of what was sent, and drops what waits for him."""
        ...

    def forget(self, before: datetime) -> int:
        """Deletes what was planned before that business time and does not wait."""
        ...


class Switches(Protocol):
    def off(self, subscriber: Subscriber) -> frozenset[Optional]: ...

    def turn(self, subscriber: Subscriber, off: frozenset[Optional]) -> None:
        """Replaces what was switched off before."""
        ...

    def forget(self, subscriber: Subscriber) -> None: ...


class Outbox(Protocol):
    def add(
        self, destination: str, subject: str, payload: Payload, *, in_session: bool = True
    ) -> str: ...


class Transaction(Protocol):
    """`now` is business time."""

    @property
    def now(self) -> datetime: ...
    @property
    def mails(self) -> Mails: ...
    @property
    def switches(self) -> Switches: ...
    @property
    def outbox(self) -> Outbox: ...


class Transactions(Protocol):
    def run(self, work: Callable[[Transaction], T]) -> T:
        """One transaction; it may run twice."""
        ...

    def look(self, work: Callable[[Transaction], T]) -> T:
        """Reads on the primary."""
        ...


class MailPort(Protocol):
    """A provider of mail.

    At most one mail for each `id` as far as the provider can tell; where it cannot (SMTP), a second
    one has the same Message-Id, by which mailboxes know it.
    """

    def send(self, mail: Outgoing, *, again: bool) -> str | None:
        """Returns when the provider has taken it, with the provider's own name for it. `again` says
        that an earlier try may have come through. Raises MailRefused, MailNotSent."""
        ...


class Letters(Protocol):
    def write(
        self,
        kind: Kind,
        locale: str,
        facts: Mapping[str, Any],
        *,
        receipt: Receipt | None = None,
        order_page: str | None = None,
        unsubscribe_page: str | None = None,
    ) -> Letter:
        """In a language that the shop speaks, with dates and money as `locale` writes them."""
        ...
