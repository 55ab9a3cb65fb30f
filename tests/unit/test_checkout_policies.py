"""Totals and taxes: examples worked out by hand, and what holds for every order."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.checkout.policies import (
    TAX_RATES,
    PricedLine,
    order_totals,
    refund_of,
    split,
    tax_rate,
    tax_within,
)
from shared.postal.countries import COUNTRIES

FORMATS = ("hardcover", "paperback", "ebook", "audiobook")
lines = st.builds(
    PricedLine,
    format=st.sampled_from(FORMATS),
    unit_price=st.integers(0, 500_000),
    quantity=st.integers(1, 99),
)
orders = st.lists(lines, min_size=1, max_size=100)
countries = st.sampled_from([*sorted(TAX_RATES), "US", "BR"])
amounts = st.integers(0, 10_000_000)


def book(unit_price: int, quantity: int = 1, format: str = "paperback") -> PricedLine:
    return PricedLine(format=format, unit_price=unit_price, quantity=quantity)


def test_books_bear_no_tax_in_britain_on_paper_or_as_downloads() -> None:
    totals = order_totals([book(899, 2), book(499, format="ebook")], 295, "GB")
    assert (totals.goods, totals.shipping, totals.tax, totals.total) == (2297, 295, 0, 2592)
    assert [(one.rate, one.net, one.tax) for one in totals.taxes] == [(0, 2592, 0)]


def test_a_price_holds_the_tax_of_the_country_that_it_goes_to() -> None:
    totals = order_totals([book(1070)], 107, "DE")
    assert (totals.total, totals.tax) == (1177, 77)
    [line] = totals.lines
    assert (line.net, line.tax, line.shipping_tax) == (1000, 70, 7)


def test_print_and_download_may_differ_and_delivery_goes_with_print() -> None:
    totals = order_totals([book(1000), book(1180, format="ebook")], 300, "IN")
    assert [(one.rate, one.net, one.tax) for one in totals.taxes] == [
        (0, 1300, 0),
        (1800, 1000, 180),
    ]
    assert [line.shipping for line in totals.lines] == [300, 0]


def test_tax_is_rounded_to_the_nearest_and_a_half_upwards() -> None:
    assert tax_within(21, 500) == 1
    assert tax_within(10, 500) == 0
    assert tax_within(4, 6000) == 2
    assert tax_within(12, 6000) == 5


def test_the_odd_penny_goes_to_the_largest_remainder_and_then_to_the_first() -> None:
    assert split(100, [1, 1, 1]) == (34, 33, 33)
    assert split(10, [1, 2, 4]) == (1, 3, 6)
    assert split(7, [0, 0]) == (4, 3)
    with pytest.raises(ValueError, match="split"):
        split(1, [])
    with pytest.raises(ValueError, match="split"):
        split(1, [2, -1])


@given(amounts, st.lists(st.integers(0, 1_000_000), min_size=1, max_size=100))
def test_a_split_adds_up_and_no_part_is_a_whole_unit_off(amount: int, weights: list[int]) -> None:
    parts = split(amount, weights)
    assert sum(parts) == amount
    whole = sum(weights)
    if whole:
        for part, weight in zip(parts, weights, strict=True):
            assert abs(part - Fraction(amount * weight, whole)) < 1


@given(amounts, st.integers(0, 9_999))
def test_tax_and_net_make_the_price_within_half_a_unit_of_the_exact_tax(
    gross: int, rate: int
) -> None:
    tax = tax_within(gross, rate)
    assert 0 <= tax <= gross
    assert abs(tax - Fraction(gross * rate, 10_000 + rate)) <= Fraction(1, 2)


@given(orders, amounts, countries)
def test_an_order_adds_up_to_the_penny(
    order: list[PricedLine], shipping: int, country: str
) -> None:
    totals = order_totals(order, shipping, country)
    assert totals.goods == sum(line.unit_price * line.quantity for line in order)
    assert totals.goods == sum(line.gross for line in totals.lines)
    assert totals.shipping == shipping == sum(line.shipping for line in totals.lines)
    assert totals.total == totals.goods + shipping
    assert totals.tax == sum(line.tax + line.shipping_tax for line in totals.lines)
    assert sum(one.net + one.tax for one in totals.taxes) == totals.total
    assert sum(one.tax for one in totals.taxes) == totals.tax
    assert [one.rate for one in totals.taxes] == sorted({line.rate for line in totals.lines})


@given(orders, amounts, countries)
def test_the_order_of_lines_does_not_change_the_goods_or_their_tax(
    order: list[PricedLine], shipping: int, country: str
) -> None:
    turned = order[::-1]
    one, other = order_totals(order, shipping, country), order_totals(turned, shipping, country)
    assert one.total == other.total
    assert sum(line.tax for line in one.lines) == sum(line.tax for line in other.lines)


@given(lines, st.data())
def test_copies_paid_back_one_refund_after_the_other_cost_the_line(
    line: PricedLine, data: st.DataObject
) -> None:
    [total] = order_totals([line], 0, "DE").lines
    returned = paid = 0
    while returned < line.quantity:
        returning = data.draw(st.integers(1, line.quantity - returned))
        paid += refund_of(total, line.quantity, returned, returning)
        returned += returning
    assert paid == total.gross
    with pytest.raises(ValueError, match="left"):
        refund_of(total, line.quantity, returned, 1)


def test_an_order_of_nothing_costs_nothing() -> None:
    assert order_totals([], 0, "GB").total == 0


def test_every_country_with_a_rate_is_one_and_others_have_none() -> None:
    assert set(TAX_RATES) <= set(COUNTRIES)
    assert tax_rate("US", "hardcover") == 0
