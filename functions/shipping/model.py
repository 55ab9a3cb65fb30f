"""A customer's addresses, and what it costs to send books.

AppError
├── UnknownAddress    404  the customer has no address with this id
└── TooManyAddresses  409  the customer has as many as the shop keeps
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, NewType

from pydantic import BaseModel, ConfigDict, Field, field_validator

from functions.shipping.countries import UNSERVED
from shared.contracts.shipping import Rate
from shared.kit.errors import Conflict, NotFound
from shared.kit.money import Money
from shared.postal.address import PostalAddress

AddressId = NewType("AddressId", str)
CustomerId = NewType("CustomerId", str)
"""The subject of the customer's token."""

MOST_ADDRESSES = 50


class UnknownAddress(NotFound):
    kind = "unknown-address"
    title = "There is no such address"

    def __init__(self, address_id: str) -> None:
        super().__init__(f"None of your addresses has the id {address_id}.")


class TooManyAddresses(Conflict):
    kind = "too-many-addresses"
    title = "No more addresses can be kept"

    def __init__(self) -> None:
        super().__init__(f"At most {MOST_ADDRESSES} addresses are kept; delete one first.")


class SaidAddress(PostalAddress):
    """What a customer says of an address. One address is always the default: the first, until
    another one is said to be it."""

    is_default: Annotated[bool, Field(strict=True)] = False

    @field_validator("country")
    @classmethod
    def _served(cls, country: str) -> str:
        if country in UNSERVED:
            raise ValueError(f"cannot be {country}: the shop sends nothing there")
        return country


class Address(PostalAddress):
    id: str
    is_default: bool


class AddressList(BaseModel):
    """The default first, then the newest first; all of them."""

    items: list[Address]
    next_cursor: None = None


@dataclass(frozen=True, slots=True)
class StoredAddress:
    id: AddressId
    said: PostalAddress
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Book:
    """A customer's addresses, the newest first, and which of them is the default."""

    addresses: tuple[StoredAddress, ...]
    default: AddressId | None


class RateList(BaseModel):
    """`items` is empty where nothing is sent to; `free_over` is the value of goods from which on
    `standard` costs nothing, where there is one."""

    model_config = ConfigDict(frozen=True)

    country: str
    served: bool
    items: list[Rate]
    free_over: Money | None
    weight_grams: Annotated[int, Field(ge=0)]
