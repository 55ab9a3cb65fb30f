"""What delivery costs, for those who ask before they check out."""

import asyncio
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from functions.shipping.model import RateList
from functions.shipping.service.rates import ShippingRates
from shared.contracts.carts import Carts
from shared.http.calls import Answer, Call, Nothing
from shared.http.cookies import CartCookie
from shared.http.edge import Api
from shared.kit.isbn import Isbn, parse_isbn
from shared.kit.provider import Provider
from shared.postal.address import Country
from shared.postal.postcodes import read_postcode

_MOST_BOOKS = 100
_MOST_COPIES = 99


class RateQuery(BaseModel):
    """`isbn` names books and, behind a colon, how many of each: `9780141439518:2,9780141439846`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    country: Country
    postcode: Annotated[str, Field(max_length=40)] = ""
    isbn: Annotated[
        str, Field(max_length=4000, json_schema_extra={"example": "9780141439518:2"})
    ] = ""

    @field_validator("postcode")
    @classmethod
    def _known_postcode(cls, postcode: str, info: ValidationInfo) -> str:
        country = info.data.get("country")
        return read_postcode(country, postcode) if country is not None and postcode else postcode

    @field_validator("isbn")
    @classmethod
    def _books(cls, text: str) -> str:
        read_books(text)
        return text


def read_books(text: str) -> dict[Isbn, int]:
    """ISBNs and quantities, several of one added up. Raises ValueError."""
    wanted: dict[Isbn, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, colon, count = part.partition(":")
        isbn = parse_isbn(name)
        if colon and not (count.isascii() and count.isdecimal() and len(count) <= 2 and int(count)):
            raise ValueError(f"says how many copies by a number from 1 to {_MOST_COPIES}")
        wanted[isbn] = wanted.get(isbn, 0) + (int(count) if colon else 1)
    if len(wanted) > _MOST_BOOKS or any(count > _MOST_COPIES for count in wanted.values()):
        raise ValueError(f"names at most {_MOST_BOOKS} books and {_MOST_COPIES} copies of each")
    return wanted


def register(
    api: Api,
    offers: Provider[ShippingRates],
    carts: Provider[Carts],
    cookie: Provider[CartCookie],
) -> None:
    @api.route(
        "GET",
        "v1/shipping/rates",
        summary="What delivery costs",
        query=RateQuery,
        answers={200: RateList},
        sign_in="optional",
    )
    async def get_rates(call: Call[Nothing, RateQuery, Nothing]) -> Answer:
        """For the books that `isbn` names, else for those in the caller's cart, else for one
        average book. `items` is empty where the shop sends nothing to."""
        asked = call.query
        wanted = read_books(asked.isbn)
        named = bool(wanted)
        if not named:
            customer = None if call.principal is None else call.principal.subject
            cart = await carts().snapshot(cookie().read(call.headers), customer)
            wanted = {line.isbn: line.quantity for line in cart.lines} if cart is not None else {}
        return Answer(
            await asyncio.to_thread(
                offers().offered, asked.country, asked.postcode, wanted, all_known=named
            )
        )
