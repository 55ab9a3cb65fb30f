"""What checkout asks the cart."""

from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.kit.isbn import Isbn
from shared.kit.money import Money


class CartLine(BaseModel):
    """`price_when_added` is what the shopper saw; checkout compares it with today's."""

    model_config = ConfigDict(frozen=True)

    isbn: Isbn
    quantity: Annotated[int, Field(ge=1, le=99)]
    price_when_added: Money


class CartSnapshot(BaseModel):
    """`cart_id` names the cart in events and grants nothing: it is not what the cookie says."""

    model_config = ConfigDict(frozen=True)

    cart_id: str
    lines: tuple[CartLine, ...]


class Carts(Protocol):
    """Asynchronous, since carts are documents in Cosmos DB."""

    async def snapshot(self, cookie: str | None, customer_id: str | None) -> CartSnapshot | None:
        """The caller's cart, by its customer first, else by the cookie's value; None for none."""
        ...
