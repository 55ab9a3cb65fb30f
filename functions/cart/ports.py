"""What the cart's service needs from outside."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from functions.cart.model import Cart, CartId
from shared.contracts.catalogue import BookQuote
from shared.kit.isbn import Isbn


class CartChanged(Exception):
    """Somebody else wrote or deleted the cart since it was read, or it came into being."""


@dataclass(frozen=True, slots=True)
class StoredCart:
    cart: Cart
    etag: str


class CartStore(Protocol):
    async def read(self, cart_id: CartId) -> StoredCart | None: ...

    async def write(self, cart_id: CartId, cart: Cart, etag: str | None) -> None:
        """In place of the version with that ETag, or for the first time where it is None.

        It is kept for its lifetime from now on. Raises CartChanged.
        """
        ...

    async def delete(self, cart_id: CartId, etag: str) -> None:
        """Harmless where it is gone. Raises CartChanged."""
        ...


class Prices(Protocol):
    async def known(self, isbns: Collection[Isbn]) -> Mapping[Isbn, BookQuote] | None:
        """What inventory says of them, without those that it does not know; None where it does not
        answer in time. Never raises because of it."""
        ...
