"""What shipping's services need from outside."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

from functions.shipping.model import AddressId, Book, CustomerId
from functions.shipping.shipment_model import (
    Content,
    Label,
    Notice,
    Scan,
    Sent,
    Shipment,
    ShippedOrder,
    State,
    Tracking,
)
from shared.contracts.envelope import Payload
from shared.postal.address import PostalAddress

T = TypeVar("T")


class Carrier(Protocol):
    """Who takes parcels to their door. Any method may raise CarrierError."""

    def draft(self, sent: Sent) -> str:
        """Tells the carrier of a consignment and returns its name there. Nothing is paid yet, so a
        draft that is forgotten costs nothing."""
        ...

    def buy(self, carrier_id: str, within_days: int) -> Label:
        """Buys the draft's label, once: one that was bought before is returned. The cheapest that
        takes no longer, else the fastest."""
        ...

    def label(self, carrier_id: str) -> Label | None:
        """None where none was bought."""
        ...

    def void(self, carrier_id: str) -> None:
        """Gives a label back that was not used. May be repeated."""
        ...

    def track(self, tracker: str) -> Tracking: ...

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        """`headers` have names in lower case. Raises BadSignature."""
        ...

    def read(self, body: bytes) -> Notice:
        """A webhook's body. Raises ValueError where it is none."""
        ...


class AddressRows(Protocol):
    """A customer's addresses; no method sees or touches another customer's."""

    def book(self, customer: CustomerId) -> Book: ...

    def claim(self, customer: CustomerId) -> Book:
        """The same, with the customer's other writers kept waiting until this transaction ends."""
        ...

    def add(self, customer: CustomerId, address_id: AddressId, said: PostalAddress) -> None: ...

    def replace(self, customer: CustomerId, address_id: AddressId, said: PostalAddress) -> bool:
        """False where the customer has no such address."""
        ...

    def remove(self, customer: CustomerId, address_id: AddressId) -> bool:
        """False where the customer has no such address."""
        ...

    def make_default(self, customer: CustomerId, address_id: AddressId | None) -> None: ...

    def forget(self, customer: CustomerId) -> None:
        """Deletes all that is known of the customer."""
        ...


class OrderRows(Protocol):
    """One row for each order: whoever changes one of its consignments changes it first."""

    def add(self, order_id: str, consignments: int) -> bool:
        """False where the order is known, or has a tombstone."""
        ...

    def claim(self, order_id: str) -> ShippedOrder | None:
        """Its other writers wait until this transaction ends."""
        ...

    def find(self, order_id: str) -> ShippedOrder | None: ...

    def dispatch(self, order_id: str) -> bool:
        """Counts one more as dispatched; False where the order is voided."""
        ...

    def deliver(self, order_id: str) -> None:
        """Counts one more as delivered."""
        ...

    def void(self, order_id: str) -> bool:
        """False once anything is dispatched. Leaves a tombstone where the order is not known."""
        ...


class ShipmentRows(Protocol):
    def add(
        self,
        shipment_id: str,
        order_id: str,
        number: int,
        contents: Sequence[Content],
        **values: Any,
    ) -> None:
        """As `created`, due at once."""
        ...

    def find(self, shipment_id: str) -> Shipment | None: ...

    def of_carrier(self, carrier_id: str) -> Shipment | None: ...

    def of_order(self, order_id: str) -> Sequence[Shipment]: ...

    def move(self, shipment_id: str, before: State, after: State, **values: Any) -> bool:
        """One conditional UPDATE: False where it has left `before`. Raises IllegalStep."""
        ...

    def change(self, shipment_id: str, **values: Any) -> None: ...

    def expect(self, shipment_id: str, day: date) -> None: ...

    def note(self, shipment_id: str, scans: Sequence[Scan]) -> int:
        """Adds to the history what is not in it, and says how much that was."""
        ...

    def scans(self, shipment_ids: Sequence[str]) -> Mapping[str, Sequence[Scan]]: ...

    def name(
        self, shipment_id: str, owner: str, before: str | None, carrier_id: str | None
    ) -> bool:
        """Changes the carrier's name for it; False where another worker has it, or did so."""
        ...

    def hurry(self, order_id: str) -> None:
        """All of an order's consignments are due now."""
        ...

    def claim_due(
        self, owner: str, limit: int, lease_until: datetime, machine_now: datetime
    ) -> Sequence[Shipment]:
        """Those that are due longest and that no other worker has; they are the owner's until the
        lease ends (machine time)."""
        ...

    def claim_these(
        self, owner: str, ids: Sequence[str], lease_until: datetime, machine_now: datetime
    ) -> Sequence[Shipment]:
        """The same of these alone."""
        ...

    def finish(self, shipment_id: str, owner: str, due_at: datetime | None) -> None:
        """The owner has done what was due; None: nothing more is."""
        ...

    def put_off(self, shipment_id: str, owner: str, until: datetime) -> None:
        """The owner could not; nobody tries before then (machine time)."""
        ...

    def let_go(self, owner: str, ids: Sequence[str]) -> None:
        """Frees what the owner has not come to."""
        ...


class CarrierEventRows(Protocol):
    """The carrier's inbox: raw events, each applied once."""

    def take_in(self, event_id: str, kind: str, raw: bytes) -> bool:
        """False where it is there already."""
        ...

    def raw(self, event_id: str) -> bytes | None: ...

    def settle(self, event_id: str, outcome: str) -> bool:
        """False where it was settled before."""
        ...

    def forget(self, before: datetime) -> int: ...


class Announcements(Protocol):
    def add(
        self, destination: str, subject: str, payload: Payload, *, in_session: bool = True
    ) -> str: ...


class Received(Protocol):
    def is_new(self, event_id: str) -> bool: ...

    def forget(self, before: datetime) -> int: ...


class Transaction(Protocol):
    """One transaction on the primary; all of it happens or none."""

    @property
    def addresses(self) -> AddressRows: ...
    @property
    def orders(self) -> OrderRows: ...
    @property
    def shipments(self) -> ShipmentRows: ...
    @property
    def events(self) -> CarrierEventRows: ...
    @property
    def outbox(self) -> Announcements: ...
    @property
    def inbox(self) -> Received: ...
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
        """For reading alone, on the primary."""
        ...
