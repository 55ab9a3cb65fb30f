"""What shipping's services need from outside."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from functions.shipping.model import AddressId, Book, CustomerId
from shared.postal.address import PostalAddress

T = TypeVar("T")


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


class VoidRows(Protocol):
    """Tombstones of orders that are not to be sent."""

    def leave(self, order_id: str) -> None:
        """Once; harmless where one stands."""
        ...

    def stands(self, order_id: str) -> bool: ...


class Transaction(Protocol):
    """One transaction on the primary; all of it happens or none."""

    @property
    def addresses(self) -> AddressRows: ...
    @property
    def voids(self) -> VoidRows: ...
    @property
    def now(self) -> datetime:
        """Business time, the same throughout."""
        ...


class Transactions(Protocol):
    def run(self, work: Callable[[Transaction], T]) -> T:
        """Commits when `work` returns, rolls back when it raises.

        `work` may be run again after a deadlock or a lost connection.
        """
        ...

    def look(self, work: Callable[[Transaction], T]) -> T:
        """For reading alone, on the primary."""
        ...
