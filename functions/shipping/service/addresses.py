"""A customer's own addresses."""

import secrets
from collections.abc import Sequence

from functions.shipping.model import (
    MOST_ADDRESSES,
    Address,
    AddressId,
    AddressList,
    Book,
    CustomerId,
    SaidAddress,
    StoredAddress,
    TooManyAddresses,
    UnknownAddress,
)
from functions.shipping.ports import Transaction, Transactions
from shared.contracts.orders import Delivery


class AddressBook:
    """Every method is one transaction. One address of those that a customer has is the default."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def all(self, customer: CustomerId) -> AddressList:
        book = self._transactions.look(lambda transaction: transaction.addresses.book(customer))
        shown = [_shown(one, book.default) for one in book.addresses]
        return AddressList(items=sorted(shown, key=lambda one: not one.is_default))

    def one(self, customer: CustomerId, address_id: AddressId) -> Address:
        """Raises UnknownAddress, for those of others too."""
        book = self._transactions.look(lambda transaction: transaction.addresses.book(customer))
        return _shown(_found(book, address_id), book.default)

    def add(self, customer: CustomerId, said: SaidAddress) -> Address:
        """Raises TooManyAddresses."""
        address_id = AddressId(secrets.token_hex(16))

        def work(transaction: Transaction) -> Address:
            rows = transaction.addresses
            book = rows.claim(customer)
            if len(book.addresses) >= MOST_ADDRESSES:
                raise TooManyAddresses
            rows.add(customer, address_id, said)
            default = address_id if said.is_default or book.default is None else book.default
            if default != book.default:
                rows.make_default(customer, default)
            return _address(address_id, said, is_default=default == address_id)

        return self._transactions.run(work)

    def replace(self, customer: CustomerId, address_id: AddressId, said: SaidAddress) -> Address:
        """The default stays one, whatever is said, until another is. Raises UnknownAddress."""

        def work(transaction: Transaction) -> Address:
            rows = transaction.addresses
            book = rows.claim(customer)
            if not rows.replace(customer, address_id, said):
                raise UnknownAddress(address_id)
            if said.is_default and book.default != address_id:
                rows.make_default(customer, address_id)
            is_default = said.is_default or book.default == address_id
            return _address(address_id, said, is_default=is_default)

        return self._transactions.run(work)

    def remove(self, customer: CustomerId, address_id: AddressId) -> None:
        """Where it was the default, the newest of the others is now. Raises UnknownAddress."""

        def work(transaction: Transaction) -> None:
            rows = transaction.addresses
            book = rows.claim(customer)
            if not rows.remove(customer, address_id):
                raise UnknownAddress(address_id)
            if book.default == address_id:
                others = (one.id for one in book.addresses if one.id != address_id)
                rows.make_default(customer, next(others, None))

        self._transactions.run(work)

    def address(self, customer_id: str, address_id: str) -> Delivery | None:
        """`shared.contracts.shipping.Addresses`."""
        try:
            found = self.one(CustomerId(customer_id), AddressId(address_id))
        except UnknownAddress:
            return None
        return found.delivery()

    def addresses(self, customer_id: str) -> Sequence[Delivery]:
        """`shared.contracts.shipping.Addresses`."""
        return [one.delivery() for one in self.all(CustomerId(customer_id)).items]

    def erase(self, customer_id: str) -> None:
        """`shared.contracts.shipping.Addresses`."""
        customer = CustomerId(customer_id)
        self._transactions.run(lambda transaction: transaction.addresses.forget(customer))


def _found(book: Book, address_id: AddressId) -> StoredAddress:
    for one in book.addresses:
        if one.id == address_id:
            return one
    raise UnknownAddress(address_id)


def _shown(one: StoredAddress, default: AddressId | None) -> Address:
    # Not checked again: what was once accepted stays readable when the rules get stricter.
    return Address.model_construct(**one.said.__dict__, id=one.id, is_default=one.id == default)


def _address(address_id: AddressId, said: SaidAddress, *, is_default: bool) -> Address:
    return Address.model_construct(**{**said.__dict__, "id": address_id, "is_default": is_default})
