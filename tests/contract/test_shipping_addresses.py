"""A customer's addresses, from request to row."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from sqlalchemy import func as sql
from sqlalchemy import select

from functions.shipping.model import MOST_ADDRESSES, AddressList, CustomerId, SaidAddress
from functions.shipping.store.tables import address_books, addresses
from functions.shipping.triggers.addresses import register
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.shipping import ShippingBench, shipping_bench

YORK = {
    "name": "Anna Bell",
    "line1": "1 High Street",
    "city": "York",
    "postcode": "yo17hb",
    "country": "GB",
}
BERLIN = {**YORK, "city": "Berlin", "postcode": "10115", "country": "DE"}
ANNA = CustomerId("anna")


@pytest.fixture
def bench(sql: None, tmp_path: Path) -> Iterator[ShippingBench]:
    with shipping_bench(tmp_path) as bench:
        yield bench


@pytest.fixture
def caller(bench: ShippingBench) -> Caller:
    caller = Caller("shipping")
    register(caller.api, Provider(lambda: bench.addresses))
    return caller


def add(caller: Caller, said: dict[str, Any], customer: str = "anna") -> dict[str, Any]:
    response = caller.send("shipping_add_address", said, token=customer)
    assert response.status_code == 201, response.get_body()
    address: dict[str, Any] = json.loads(response.get_body())
    assert response.headers["Location"] == f"/api/v1/addresses/{address['id']}"
    return address


def listed(caller: Caller, customer: str = "anna") -> list[dict[str, Any]]:
    response = caller.send("shipping_list_addresses", token=customer)
    assert response.headers["Cache-Control"] == "no-store"
    items: list[dict[str, Any]] = json.loads(response.get_body())["items"]
    return items


def problem(response: func.HttpResponse) -> tuple[int, list[str]]:
    content = json.loads(response.get_body())
    return response.status_code, [error["pointer"] for error in content.get("errors", [])]


def test_an_address_comes_back_as_its_country_writes_it(caller: Caller) -> None:
    address = add(caller, YORK)
    assert address == {
        **YORK,
        "line2": None,
        "region": None,
        "postcode": "YO1 7HB",
        "id": address["id"],
        "is_default": True,
    }
    one = caller.send("shipping_get_address", path={"id": address["id"]}, token="anna")
    assert json.loads(one.get_body()) == address
    assert listed(caller) == [address]


def test_one_address_is_the_default_whatever_happens(caller: Caller, bench: ShippingBench) -> None:
    def defaults() -> list[str]:
        return [one["city"] for one in listed(caller) if one["is_default"]]

    york = add(caller, YORK)
    bench.clock.advance(timedelta(seconds=1))
    berlin = add(caller, BERLIN)
    bench.clock.advance(timedelta(seconds=1))
    leeds = add(caller, {**YORK, "city": "Leeds", "is_default": True})
    assert defaults() == ["Leeds"]
    assert [one["city"] for one in listed(caller)] == ["Leeds", "Berlin", "York"]

    said = {**YORK, "is_default": True}
    caller.send("shipping_replace_address", said, path={"id": york["id"]}, token="anna")
    assert defaults() == ["York"]
    caller.send("shipping_replace_address", YORK, path={"id": york["id"]}, token="anna")
    assert defaults() == ["York"], "it stays the default until another one is"

    caller.send("shipping_delete_address", path={"id": york["id"]}, token="anna")
    assert defaults() == ["Leeds"], "the newest of the others"
    caller.send("shipping_delete_address", path={"id": berlin["id"]}, token="anna")
    assert defaults() == ["Leeds"]
    caller.send("shipping_delete_address", path={"id": leeds["id"]}, token="anna")
    assert listed(caller) == []
    assert add(caller, BERLIN)["is_default"] is True


def test_a_replaced_address_keeps_nothing_of_the_old_one(caller: Caller) -> None:
    address = add(caller, {**YORK, "line2": "Flat 2"})
    response = caller.send(
        "shipping_replace_address", BERLIN, path={"id": address["id"]}, token="anna"
    )
    changed = json.loads(response.get_body())
    assert (changed["line2"], changed["city"], changed["id"]) == (None, "Berlin", address["id"])
    assert listed(caller) == [changed]


def test_nobody_sees_or_changes_anothers_address(caller: Caller) -> None:
    address = add(caller, YORK)
    path = {"id": address["id"]}
    for response in (
        caller.send("shipping_get_address", path=path, token="ben"),
        caller.send("shipping_replace_address", BERLIN, path=path, token="ben"),
        caller.send("shipping_delete_address", path=path, token="ben"),
    ):
        assert problem(response) == (404, [])
    assert listed(caller, "ben") == []
    assert listed(caller) == [address]
    for name in ("list_addresses", "get_address", "delete_address"):
        assert caller.send(f"shipping_{name}", path=path).status_code == 401


def test_a_deleted_address_is_gone(caller: Caller) -> None:
    path = {"id": add(caller, YORK)["id"]}
    assert caller.send("shipping_delete_address", path=path, token="anna").status_code == 204
    assert caller.send("shipping_delete_address", path=path, token="anna").status_code == 404
    assert caller.send("shipping_get_address", path=path, token="anna").status_code == 404


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ({**YORK, "postcode": "nonsense"}, ["#/postcode"]),
        ({**YORK, "country": "RU"}, ["#/country"]),
        ({**YORK, "country": "Narnia"}, ["#/country"]),
        ({**YORK, "country": "US", "postcode": "20500"}, ["#/region"]),
        ({**YORK, "id": "mine"}, ["#/id"]),
        ({**YORK, "customer_id": "ben"}, ["#/customer_id"]),
        ({}, ["#/name", "#/line1", "#/city", "#/country"]),
    ],
)
def test_bad_input_names_its_field(
    caller: Caller, said: dict[str, object], pointers: list[str]
) -> None:
    response = caller.send("shipping_add_address", said, token="anna")
    assert problem(response) == (400, pointers)


def test_an_id_that_is_none_is_bad_input(caller: Caller) -> None:
    response = caller.send("shipping_get_address", path={"id": "' OR 1=1 --"}, token="anna")
    assert problem(response) == (400, ["#/id"])


def test_a_customer_keeps_so_many_and_no_more(caller: Caller) -> None:
    for _ in range(MOST_ADDRESSES):
        add(caller, YORK)
    assert problem(caller.send("shipping_add_address", YORK, token="anna")) == (409, [])
    add(caller, YORK, "ben")


def test_writers_of_one_customer_follow_each_other(bench: ShippingBench) -> None:
    together = threading.Barrier(8)

    def write() -> None:
        together.wait()
        bench.addresses.add(ANNA, SaidAddress.model_validate({**YORK, "is_default": True}))

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = bench.addresses.all(ANNA)
    assert isinstance(found, AddressList)
    assert [one.is_default for one in found.items] == [True] + [False] * 7


def test_checkout_gets_an_address_of_the_customers_own(
    bench: ShippingBench, caller: Caller
) -> None:
    address = add(caller, YORK)
    delivery = bench.addresses.address("anna", address["id"])
    assert delivery is not None
    assert (delivery.name, delivery.postcode) == ("Anna Bell", "YO1 7HB")
    assert bench.addresses.addresses("anna") == [delivery]
    assert bench.addresses.address("ben", address["id"]) is None
    assert bench.addresses.address("anna", "none") is None


def test_a_customer_who_leaves_leaves_no_address(bench: ShippingBench, caller: Caller) -> None:
    add(caller, YORK)
    add(caller, YORK, "ben")
    bench.addresses.erase("anna")
    bench.addresses.erase("anna")
    with bench.database.primary() as connection:
        for table in (addresses, address_books):
            assert connection.scalar(select(sql.count()).select_from(table)) == 1
    assert listed(caller) == []
