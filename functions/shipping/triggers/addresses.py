"""The routes of a customer's own addresses."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from functions.shipping.model import (
    Address,
    AddressId,
    AddressList,
    CustomerId,
    SaidAddress,
    TooManyAddresses,
    UnknownAddress,
)
from functions.shipping.service.addresses import AddressBook
from shared.http.calls import Answer, Call, Nothing
from shared.http.edge import Api
from shared.kit.provider import Provider


class AddressPath(BaseModel):
    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


def register(api: Api, book: Provider[AddressBook]) -> None:
    @api.route(
        "GET",
        "v1/addresses",
        summary="Your addresses",
        answers={200: AddressList},
        sign_in="required",
    )
    def list_addresses(call: Call[Nothing, Nothing, Nothing]) -> Answer:
        """The default first, then the newest first."""
        return Answer(book().all(_customer(call)))

    @api.route(
        "POST",
        "v1/addresses",
        summary="Keep an address",
        body=SaidAddress,
        answers={201: Address},
        problems=(TooManyAddresses,),
        sign_in="required",
    )
    def add_address(call: Call[Nothing, Nothing, SaidAddress]) -> Answer:
        """Postcode and region are checked by the country's rules. The first becomes the default."""
        address = book().add(_customer(call), call.body)
        return Answer(address, 201, headers={"Location": f"/api/v1/addresses/{address.id}"})

    @api.route(
        "GET",
        "v1/addresses/{id}",
        summary="One of your addresses",
        path_model=AddressPath,
        answers={200: Address},
        problems=(UnknownAddress,),
        sign_in="required",
    )
    def get_address(call: Call[AddressPath, Nothing, Nothing]) -> Answer:
        return Answer(book().one(_customer(call), AddressId(call.path.id)))

    @api.route(
        "PUT",
        "v1/addresses/{id}",
        summary="Replace an address",
        path_model=AddressPath,
        body=SaidAddress,
        answers={200: Address},
        problems=(UnknownAddress,),
        sign_in="required",
    )
    def replace_address(call: Call[AddressPath, Nothing, SaidAddress]) -> Answer:
        """Orders that were placed keep the address that they were placed with."""
        return Answer(book().replace(_customer(call), AddressId(call.path.id), call.body))

    @api.route(
        "DELETE",
        "v1/addresses/{id}",
        summary="Delete an address",
        path_model=AddressPath,
        answers={204: None},
        problems=(UnknownAddress,),
        sign_in="required",
    )
    def delete_address(call: Call[AddressPath, Nothing, Nothing]) -> Answer:
        """Where it was the default, the newest of the others becomes it."""
        book().remove(_customer(call), AddressId(call.path.id))
        return Answer(status=204)


def _customer(call: Call[Any, Any, Any]) -> CustomerId:
    return CustomerId(call.signed_in.subject)
