"""What checkout asks the cart."""

from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from shared.kit.isbn import Isbn
from shared.kit.money import Money


class CartLine(BaseModel):
    """`price_when_added` is what the shopper saw; checkout compares it with today's.

    None where no price was known in time and none was shown since: nothing can be compared then.
    """

    model_config = ConfigDict(frozen=True)

    isbn: Isbn
    quantity: Annotated[int, Field(ge=1, le=99)]
    price_when_added: Money | None


class CartSnapshot(BaseModel):
    """`cart_id` names the cart in events and grants nothing: it is not what the cookie says."""

    model_config = ConfigDict(frozen=True)

    cart_id: str
    lines: tuple[CartLine, ...]


class Carts(Protocol):
    """Asynchronous, since carts are documents in Cosmos DB."""

    async def snapshot(self, cookie: str | None, customer_id: str | None) -> CartSnapshot | None:
        """The caller's cart: the customer's, else the cookie's. Where a call carries both, the
        cookie's cart is merged into the customer's first, as any call of the cart would have it.

        None where there is no cart, or nothing in it.
        """
        ...

    async def erase(self, customer_id: str) -> None:
        """Deletes the customer's cart; harmless where there is none."""
        ...
