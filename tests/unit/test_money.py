"""Money is whole minor units of a named currency."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.kit.money import Money


def test_money_is_read_and_written_as_two_fields() -> None:
    money = Money.model_validate_json('{"amount": 1299, "currency": "GBP"}')
    assert money == Money(amount=1299, currency="GBP")
    assert json.loads(money.model_dump_json()) == {"amount": 1299, "currency": "GBP"}


@pytest.mark.parametrize("amount", [-1, 12.99, 12.0, "1299", None, True, 10**12 + 1, float("nan")])
def test_an_amount_is_a_whole_number_of_minor_units(amount: Any) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": amount, "currency": "GBP"})


@pytest.mark.parametrize("currency", ["gbp", "GB", "GBPS", "£", "", "GBP\n", "ＧＢＰ", None, 826])
def test_a_currency_is_three_capital_letters(currency: Any) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": 1, "currency": currency})


def test_another_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": 1, "currency": "GBP", "vat": 1})


def test_money_cannot_be_changed() -> None:
    money = Money(amount=1, currency="GBP")
    with pytest.raises(ValidationError):
        setattr(money, "amount", 2)  # noqa: B010 - a type checker would refuse the assignment
