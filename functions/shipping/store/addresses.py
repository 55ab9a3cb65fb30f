"""Customers' addresses in SQL. Every statement names the customer."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from functions.shipping.model import AddressId, Book, CustomerId, StoredAddress
from functions.shipping.store.tables import address_books, addresses
from shared.postal.address import PostalAddress

_SAID = ("name", "line1", "line2", "city", "region", "postcode", "country")


class SqlAddresses:
    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    def book(self, customer: CustomerId) -> Book:
        default = self._connection.scalar(
            select(address_books.c.default_id).where(address_books.c.customer_id == customer)
        )
        rows = self._connection.execute(
            select(addresses)
            .where(addresses.c.customer_id == customer)
            .order_by(addresses.c.created_at.desc(), addresses.c.id)
        )
        return Book(tuple(_stored(row) for row in rows), default)

    def claim(self, customer: CustomerId) -> Book:
        if not self._touch(customer):
            row = {"customer_id": customer, "default_id": None, "version": 1}
            try:
                self._connection.execute(insert(address_books).values(row))
            except IntegrityError:  # another writer of a new customer was faster
                self._touch(customer)
        return self.book(customer)

    def add(self, customer: CustomerId, address_id: AddressId, said: PostalAddress) -> None:
        self._connection.execute(
            insert(addresses).values(
                id=address_id, customer_id=customer, created_at=self._now, **_values(said)
            )
        )

    def replace(self, customer: CustomerId, address_id: AddressId, said: PostalAddress) -> bool:
        table = addresses
        changed = self._connection.execute(
            update(table)
            .where(table.c.id == address_id, table.c.customer_id == customer)
            .values(_values(said))
        )
        return changed.rowcount == 1

    def remove(self, customer: CustomerId, address_id: AddressId) -> bool:
        table = addresses
        gone = self._connection.execute(
            delete(table).where(table.c.id == address_id, table.c.customer_id == customer)
        )
        return gone.rowcount == 1

    def make_default(self, customer: CustomerId, address_id: AddressId | None) -> None:
        self._connection.execute(
            update(address_books)
            .where(address_books.c.customer_id == customer)
            .values(default_id=address_id)
        )

    def forget(self, customer: CustomerId) -> None:
        self._touch(customer)  # else an address could be added between the two
        self._connection.execute(delete(addresses).where(addresses.c.customer_id == customer))
        self._connection.execute(
            delete(address_books).where(address_books.c.customer_id == customer)
        )

    def _touch(self, customer: CustomerId) -> bool:
        touched = self._connection.execute(
            update(address_books)
            .where(address_books.c.customer_id == customer)
            .values(version=address_books.c.version + 1)
        )
        return touched.rowcount == 1


def _values(said: PostalAddress) -> dict[str, Any]:
    return {name: getattr(said, name) for name in _SAID}


def _stored(row: Any) -> StoredAddress:
    # Not checked again: what was once accepted stays readable when the rules get stricter.
    said = PostalAddress.model_construct(**{name: getattr(row, name) for name in _SAID})
    return StoredAddress(AddressId(row.id), said, row.created_at)
