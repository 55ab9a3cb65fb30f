"""Carts as documents."""

from functions.cart.model import LIFETIME, Cart, CartId
from functions.cart.ports import CartChanged, StoredCart
from shared.documents.port import (
    DocumentConflict,
    DocumentNotFound,
    DocumentPreconditionFailed,
    DocumentStore,
)

CONTAINER = "carts"
_SECONDS = int(LIFETIME.total_seconds())


class DocumentCarts:
    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def read(self, cart_id: CartId) -> StoredCart | None:
        document = await self._documents.read(cart_id)
        if document is None:
            return None
        return StoredCart(Cart.model_validate(document.content), document.etag)

    async def write(self, cart_id: CartId, cart: Cart, etag: str | None) -> None:
        content = cart.model_dump(mode="json")
        try:
            if etag is None:
                await self._documents.create(cart_id, content, ttl=_SECONDS)
            else:
                await self._documents.replace(cart_id, content, etag, ttl=_SECONDS)
        except (DocumentConflict, DocumentNotFound, DocumentPreconditionFailed) as error:
            raise CartChanged from error

    async def delete(self, cart_id: CartId, etag: str) -> None:
        try:
            await self._documents.delete(cart_id, etag)
        except DocumentNotFound:
            return
        except DocumentPreconditionFailed as error:
            raise CartChanged from error
