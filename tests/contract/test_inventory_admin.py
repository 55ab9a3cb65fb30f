"""The admin routes, from request to answer."""

import json
from typing import Any

import azure.functions as func
import pytest

from functions.inventory.triggers import admin
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.inventory import Shelves, isbn

ANNA = "anna-catalogue.write"
BOOK = {
    "isbn": isbn(1),
    "title": "Emma",
    "contributors": [{"name": "Jane Austen"}],
    "format": "paperback",
    "language": "en",
    "price": {"amount": 899, "currency": "GBP"},
    "published_on": "1815-12-23",
}
DETAILS = {name: value for name, value in BOOK.items() if name != "isbn"}
PATH = {"isbn": isbn(1)}


@pytest.fixture
def caller(shelves: Shelves) -> Caller:
    caller = Caller("inventory")
    admin.register(caller.api, Provider(lambda: shelves.catalogue), Provider(lambda: shelves.stock))
    return caller


def create(caller: Caller, key: str = "k1", token: str = ANNA, **said: Any) -> func.HttpResponse:
    return caller.send("inventory_create_book", {**BOOK, **said}, token=token, idempotency_key=key)


def change_stock(caller: Caller, body: Any, key: str = "s1") -> func.HttpResponse:
    return caller.send("inventory_change_stock", body, path=PATH, token=ANNA, idempotency_key=key)


def problem(response: func.HttpResponse) -> tuple[int, str, list[str]]:
    content = json.loads(response.get_body())
    pointers = [error["pointer"] for error in content.get("errors", [])]
    return response.status_code, content["type"].rpartition("/")[2], pointers


def test_a_created_book_says_where_it_is_and_at_which_version(caller: Caller) -> None:
    response = create(caller, stock=3)
    assert response.status_code == 201
    assert response.headers["Location"] == f"/api/v1/books/{isbn(1)}"
    assert response.headers["ETag"] == '"m1-s1"'
    assert "Idempotency-Replayed" not in response.headers
    shown = json.loads(response.get_body())
    assert (shown["isbn"], shown["availability"]["available"]) == (isbn(1), 3)


def test_a_second_delivery_is_answered_as_the_first_and_says_so(caller: Caller) -> None:
    first = create(caller)
    change_stock(caller, {"delta": 5, "reason": "delivery"})
    again = create(caller)
    assert (again.status_code, again.get_body()) == (201, first.get_body())
    assert again.headers["Idempotency-Replayed"] == "true"
    for name in ("ETag", "Location"):
        assert again.headers[name] == first.headers[name]
    assert problem(create(caller, title="Persuasion"))[:2] == (422, "idempotency-mismatch")


def test_a_key_belongs_to_its_sender_and_its_route(caller: Caller) -> None:
    create(caller)
    assert problem(create(caller, token="bert-catalogue.write"))[:2] == (409, "book-exists")
    assert change_stock(caller, {"delta": 5, "reason": "delivery"}, "k1").status_code == 200


@pytest.mark.parametrize(
    ("token", "status"), [(None, 401), ("anna-orders.refund", 403), ("anna-", 403)]
)
def test_only_the_back_office_may_write(caller: Caller, token: str | None, status: int) -> None:
    assert create(caller, token=token).status_code == status  # type: ignore[arg-type]
    for name in ("replace_book", "patch_book", "withdraw_book", "change_stock"):
        response = caller.send(f"inventory_{name}", {}, path=PATH, token=token)
        assert response.status_code == status


def test_a_post_without_a_key_is_refused(caller: Caller) -> None:
    response = caller.send("inventory_create_book", BOOK, token=ANNA)
    assert problem(response) == (400, "bad-input", ["#/Idempotency-Key"])


def test_a_change_needs_the_version_that_it_changes(caller: Caller) -> None:
    create(caller)
    for name, body in (("replace_book", DETAILS), ("patch_book", {}), ("withdraw_book", None)):
        send = f"inventory_{name}"
        assert caller.send(send, body, path=PATH, token=ANNA).status_code == 428
        stale = caller.send(send, body, path=PATH, token=ANNA, if_match='"m7-s1"')
        assert (stale.status_code, stale.headers["ETag"]) == (412, '"m1-s1"')


def test_put_patch_and_delete_work_from_one_version_to_the_next(caller: Caller) -> None:
    create(caller)
    change_stock(caller, {"delta": 5, "reason": "delivery"})
    put = caller.send(
        "inventory_replace_book",
        {**BOOK, "title": "Emma, again"},
        path={"isbn": isbn(1)[:3] + "-" + isbn(1)[3:]},
        token=ANNA,
        if_match='"m1-s1"',
    )
    assert (put.status_code, put.headers["ETag"]) == (200, '"m2-s2"')
    patched = caller.send(
        "inventory_patch_book",
        {"subtitle": "A novel"},
        path=PATH,
        token=ANNA,
        if_match='"m2-s2"',
        content_type="application/merge-patch+json",
    )
    assert json.loads(patched.get_body())["subtitle"] == "A novel"
    gone = caller.send(
        "inventory_withdraw_book", path=PATH, token=ANNA, if_match=patched.headers["ETag"]
    )
    assert (gone.status_code, gone.get_body()) == (204, b"")


def test_stock_that_is_changed_is_shown(caller: Caller) -> None:
    create(caller)
    response = change_stock(caller, {"delta": 5, "reason": "delivery"})
    assert json.loads(response.get_body()) == {
        "isbn": isbn(1),
        "on_hand": 5,
        "reserved": 0,
        "available": 5,
        "version": 2,
    }
    refused = change_stock(caller, {"delta": -6, "reason": "lost"}, "s2")
    assert problem(refused)[:2] == (409, "stock-held")
    again = change_stock(caller, {"delta": 5, "reason": "delivery"})
    assert (again.get_body(), again.headers["Idempotency-Replayed"]) == (
        response.get_body(),
        "true",
    )


def test_stock_of_an_unknown_book_is_not_found(caller: Caller) -> None:
    response = change_stock(caller, {"delta": 5, "reason": "delivery"})
    assert problem(response)[:2] == (404, "unknown-book")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"delta": 0, "reason": "x"}, ["#/delta"]),
        ({"delta": 1.5, "reason": "x"}, ["#/delta"]),
        ({"delta": "5", "reason": "x"}, ["#/delta"]),
        ({"delta": True, "reason": "x"}, ["#/delta"]),
        ({"delta": 10**30, "reason": "x"}, ["#/delta"]),
        ({"delta": 5}, ["#/reason"]),
        ({"delta": 5, "reason": ""}, ["#/reason"]),
        ({"delta": 5, "reason": "x", "isbn": "y"}, ["#/isbn"]),
        ([], ["#"]),
    ],
)
def test_bad_stock_changes_name_the_field(caller: Caller, body: Any, pointers: list[str]) -> None:
    create(caller)
    assert problem(change_stock(caller, body)) == (400, "bad-input", pointers)


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"isbn": "9780141439519"}, "#/isbn"),
        ({"isbn": 9780141439518}, "#/isbn"),
        ({"title": ""}, "#/title"),
        ({"title": "\u0000"}, "#/title"),
        ({"title": "\u200b \ufeff"}, "#/title"),
        ({"contributors": [{"name": "\u0301"}]}, "#/contributors/0/name"),
        ({"contributors": []}, "#/contributors"),
        ({"contributors": [{"name": "A", "role": "chef"}]}, "#/contributors/0/role"),
        ({"price": {"amount": -1, "currency": "GBP"}}, "#/price/amount"),
        ({"price": {"amount": 1.0, "currency": "GBP"}}, "#/price/amount"),
        ({"price": {"amount": 1, "currency": "USD"}}, "#/price/currency"),
        ({"language": "EN"}, "#/language"),
        ({"published_on": "1815-02-30"}, "#/published_on"),
        ({"published_on": 0}, "#/published_on"),
        ({"published_on": "0999-12-31"}, "#/published_on"),
        ({"on_sale_on": "0001-01-01"}, "#/on_sale_on"),
        ({"pages": "480"}, "#/pages"),
        ({"stock": -1}, "#/stock"),
        ({"colour": "red"}, "#/colour"),
    ],
)
def test_a_bad_book_names_the_field(caller: Caller, said: dict[str, Any], pointer: str) -> None:
    status, kind, pointers = problem(create(caller, **said))
    assert (status, kind, pointers[:1]) == (400, "bad-input", [pointer])


@pytest.mark.parametrize("patch", [{"title": None}, {"pages": -1}, {"colour": "red"}, []])
def test_a_bad_patch_names_the_field(caller: Caller, patch: Any) -> None:
    create(caller)
    response = caller.send("inventory_patch_book", patch, path=PATH, token=ANNA, if_match="*")
    status, _, pointers = problem(response)
    assert (status, pointers) == (400, [f"#/{next(iter(patch))}" if patch else "#"])
