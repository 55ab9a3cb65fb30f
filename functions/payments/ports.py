"""What payments needs from outside."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from functions.payments.model import (
    Account,
    CallRecord,
    CallState,
    EventRecord,
    Intent,
    LedgerRecord,
    Notice,
    Payment,
    Posting,
    ProviderRefund,
    Refund,
    RefundState,
    StripeCall,
)
from shared.contracts.envelope import Payload

T = TypeVar("T")


class StripeGateway(Protocol):
    """Stripe, as far as payments needs it. Any method may raise GatewayError.

    `key` is the idempotency key: the same key and the same values do the thing once.
    """

    def create_intent(
        self, key: str, order_id: str, order_number: str, amount: int, currency: str
    ) -> Intent: ...

    def cancel_intent(self, key: str, intent: str) -> Intent:
        """Raises Refused where it cannot be cancelled, or was."""
        ...

    def refund(
        self, key: str, intent: str, refund_id: str, order_id: str, amount: int, reason: str
    ) -> ProviderRefund: ...

    def intent(self, intent: str) -> Intent:
        """As it is now, with what was refunded of it."""
        ...

    def intent_of(self, order_id: str, since: datetime) -> Intent | None:
        """The intent that carries the order's id, if one was made since then (machine time)."""
        ...

    def refunds_of(self, intent: str) -> Sequence[ProviderRefund]: ...

    def verify(self, body: bytes, signature: str) -> None:
        """Raises BadSignature."""
        ...

    def read(self, body: bytes) -> Notice:
        """A webhook's body. Raises ValueError where it is no event."""
        ...


class PaymentRows(Protocol):
    """Each change is one conditional UPDATE; False says that another came first."""

    def open(self, order_id: str, order_number: str, amount: int, currency: str) -> Payment:
        """The order's payment, `requested` where there was none."""
        ...

    def bury(self, order_id: str) -> Payment:
        """Writes a cancelled payment, so that a create that comes later does nothing."""
        ...

    def find(self, order_id: str) -> Payment | None: ...

    def of_intent(self, intent: str) -> Payment | None: ...

    def pend(self, order_id: str, intent: Intent) -> bool:
        """From `requested`, with the intent."""
        ...

    def succeed(self, order_id: str, intent: str, received: int) -> bool:
        """From any other state."""
        ...

    def cancel(self, order_id: str) -> bool:
        """From `requested` or `pending`."""
        ...

    def fail(self, order_id: str) -> bool:
        """From `requested` or `pending`."""
        ...

    def ask_cancel(self, order_id: str) -> None: ...

    def decline(self, order_id: str, code: str) -> bool:
        """Only while `pending`."""
        ...

    def promise_refund(self, order_id: str, amount: int) -> bool:
        """False where no more than was received would be left."""
        ...

    def count_refund(self, order_id: str, *, refunding: int, refunded: int) -> Payment:
        """Adds to both; negative takes back."""
        ...

    def hanging(self, requested_before: datetime, checked_before: datetime) -> Sequence[str]:
        """Orders whose payment waits for longer than it should."""
        ...

    def checked(self, order_id: str) -> None:
        """Notes that Stripe was asked now."""
        ...

    def unreconciled(self, settled_before: datetime) -> Sequence[str]:
        """Orders whose money was not compared with Stripe's since it last moved."""
        ...

    def reconciled(self, order_id: str, mismatch: str | None) -> None: ...

    def mismatched(self, limit: int) -> Sequence[Payment]:
        """What `reconciled` found fault with, the last moved first."""
        ...


class RefundRows(Protocol):
    def open(self, refund: Refund) -> tuple[Refund, bool]:
        """The stored refund of this id, and whether it is new."""
        ...

    def find(self, refund_id: str) -> Refund | None: ...

    def of_provider(self, provider_id: str) -> Refund | None: ...

    def move(
        self,
        refund_id: str,
        before: Sequence[RefundState],
        after: RefundState,
        provider_id: str | None,
        code: str | None = None,
    ) -> bool: ...

    def checked(self, refund_id: str) -> None:
        """Notes that Stripe was asked now; it is not `hanging` for a while."""
        ...

    def of_order(self, order_id: str) -> Sequence[Refund]: ...

    def hanging(self, requested_before: datetime, pending_before: datetime) -> Sequence[Refund]: ...


class CallRows(Protocol):
    def open(self, purpose: str, order_id: str, machine_now: datetime) -> StripeCall:
        """The purpose's call: its latest, or a new one where there is none."""
        ...

    def raise_try(self, call: StripeCall, machine_now: datetime) -> StripeCall:
        """A call with the next key; the earlier one is certainly without effect."""
        ...

    def was_sent(self, purpose: str) -> bool: ...

    def close(
        self, key: str, state: CallState, stripe_object: str | None, error: str | None = None
    ) -> None: ...

    def of_order(self, order_id: str) -> Sequence[CallRecord]: ...


class LedgerRows(Protocol):
    def post(self, posting: Posting) -> bool:
        """False where it was posted before."""
        ...

    def balance(self, order_id: str, account: Account, currency: str) -> int: ...

    def of_order(self, order_id: str) -> Sequence[LedgerRecord]: ...


class EventRows(Protocol):
    """The Stripe inbox: raw events, each applied once."""

    def take_in(self, event_id: str, kind: str, about: str | None, raw: bytes) -> bool:
        """False where it is there already."""
        ...

    def raw(self, event_id: str) -> bytes | None: ...

    def settle(self, event_id: str) -> bool:
        """False where it was settled before: its effect has been made."""
        ...

    def note(self, event_id: str, outcome: str) -> None:
        """What the effect was."""
        ...

    def waiting(self, received_before: datetime) -> Sequence[str]: ...

    def about(self, objects: Sequence[str]) -> Sequence[EventRecord]: ...

    def forget(self, received_before: datetime) -> int: ...


class Announcements(Protocol):
    def add(
        self, destination: str, subject: str, payload: Payload, *, in_session: bool = True
    ) -> str: ...


class Transaction(Protocol):
    @property
    def payments(self) -> PaymentRows: ...
    @property
    def refunds(self) -> RefundRows: ...
    @property
    def calls(self) -> CallRows: ...
    @property
    def ledger(self) -> LedgerRows: ...
    @property
    def events(self) -> EventRows: ...
    @property
    def outbox(self) -> Announcements: ...
    @property
    def now(self) -> datetime:
        """Business time, the same throughout."""
        ...


class Transactions(Protocol):
    def run(self, work: Callable[[Transaction], T]) -> T:
        """Commits when `work` returns, rolls back when it raises; then what it announced is sent.

        `work` may be run again after a deadlock or a lost connection.
        """
        ...

    def look(self, work: Callable[[Transaction], T]) -> T:
        """For reading alone, on the primary; it waits for no writer."""
        ...


class Reports(Protocol):
    """Where people are told that money does not add up."""

    def mismatch(self, order_id: str, what: str, **details: Any) -> None: ...
