"""What a checkout can be asked for: nothing that a mail or a column cannot hold."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from functions.checkout.model import Item, RefundLine, RefundRequest
from shared.kit.errors import BadInput
from tests.support.buying import PRICE, Buying, open_buying
from tests.support.inventory import Shelves, a_book, isbn

ADDRESS = {
    "name": "Anna",
    "line1": "1 Baker Street",
    "city": "London",
    "postcode": "NW1 6XE",
    "country": "GB",
}


@pytest.fixture
def buying(shelves: Shelves, tmp_path: Path) -> Iterator[Buying]:
    shelves.put(a_book(1))
    with open_buying(tmp_path, shelves) as opened:
        yield opened


@pytest.mark.parametrize(
    "email",
    [
        "anna@example.org,ben",
        "anna,ben@example.org",
        "<anna@example.org>",
        "anna@example.org;ben",
        'anna@example.org"',
        "anna\u202e@example.org",
        "anna@example.org\r\nBcc:ben@example.org",
        # Folded, each of these letters is three.
        "\u0390" * 64 + "@" + "\u0390" * 200,
        "\U0001f600" * 64 + "@" + "\U0001f600" * 200,
    ],
)
def test_an_address_that_is_none_or_cannot_be_stored_is_refused(buying: Buying, email: str) -> None:
    with pytest.raises(ValidationError) as error:
        buying.start(1, email=email)
    assert [one["loc"] for one in error.value.errors()] == [("email",)]


@pytest.mark.parametrize("email", ["anna+books@example.org", "änna@bücher.example", "o'b@x.ie"])
def test_an_unusual_address_is_taken(buying: Buying, email: str) -> None:
    assert buying.start(1, email=email).order.email == email


@pytest.mark.parametrize(
    "said",
    [
        {"locale": "abc-12345678-12345678"},
        {"shipping_address": {**ADDRESS, "name": "\U0001f600" * 51}},
    ],
)
def test_what_is_too_long_for_its_column_is_refused(buying: Buying, said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as error:
        buying.start(1, **said)
    assert error.value.errors()[0]["loc"][0] == next(iter(said))


def test_a_refund_has_a_reason_that_its_column_holds() -> None:
    assert RefundRequest(amount=1, reason="\U0001f600" * 100)
    with pytest.raises(ValidationError, match="at most 200"):
        RefundRequest(amount=1, reason="\U0001f600" * 101)


def test_a_price_in_another_currency_is_not_taken_for_the_shops_own(buying: Buying) -> None:
    with pytest.raises(BadInput) as error:
        buying.start(1, price=PRICE.model_copy(update={"currency": "USD"}))
    assert [one.pointer for one in error.value.errors] == ["#/items/0/price/currency"]


@pytest.mark.parametrize("count", [True, 1.0, "1"])
def test_what_only_looks_like_a_number_is_refused(count: object) -> None:
    for model, said in (
        (RefundRequest, {"amount": count, "reason": "torn"}),
        (RefundLine, {"line": count, "quantity": 1}),
        (RefundLine, {"line": 1, "quantity": count}),
        (Item, {"isbn": str(isbn(1)), "quantity": count}),
    ):
        with pytest.raises(ValidationError, match="should be a valid integer"):
            model.model_validate_json(json.dumps(said))
