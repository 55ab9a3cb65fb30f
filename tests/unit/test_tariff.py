"""What delivery costs and when it comes. 1 March 2026 is a Sunday."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shipping import tariff
from functions.shipping.countries import UNSERVED, days_off
from shared.contracts.shipping import Parcel, Rate
from shared.postal.countries import COUNTRIES
from tests.support.cart import pounds

WEDNESDAY = datetime(2026, 3, 4, 10, tzinfo=UTC)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
weights = st.integers(1, 200_000)
values = st.integers(0, 1_000_000)
served = st.sampled_from(sorted(COUNTRIES - UNSERVED))


def offered(
    country: str = "GB",
    weight: int = 500,
    value: int = 1000,
    at: datetime = WEDNESDAY,
    postcode: str = "",
) -> dict[str, Rate]:
    parcel = Parcel(weight_grams=weight, value=pounds(value))
    return {rate.method: rate for rate in tariff.rates(country, postcode, parcel, at)}


def dates(rate: Rate) -> tuple[date, date]:
    return rate.earliest, rate.latest


def test_what_is_ordered_in_the_morning_leaves_that_day() -> None:
    rates = offered()
    assert dates(rates["express"]) == (date(2026, 3, 5), date(2026, 3, 5))
    assert dates(rates["standard"]) == (date(2026, 3, 6), date(2026, 3, 10))


@pytest.mark.parametrize(
    ("ordered_at", "leaves"),
    [
        (datetime(2026, 3, 4, 13, 59, tzinfo=UTC), date(2026, 3, 4)),
        (datetime(2026, 3, 4, 14, tzinfo=UTC), date(2026, 3, 5)),
        (datetime(2026, 3, 6, 14, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 7, 9, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 8, 20, tzinfo=UTC), date(2026, 3, 9)),
    ],
)
def test_nothing_leaves_late_or_at_a_weekend(ordered_at: datetime, leaves: date) -> None:
    assert tariff.dispatch_day(ordered_at) == leaves


def test_a_weekend_is_the_destinations() -> None:
    # Express takes 3 to 6 working days; in Egypt those are Sunday to Thursday.
    assert dates(offered("PE")["express"]) == (date(2026, 3, 9), date(2026, 3, 12))
    assert dates(offered("EG")["express"]) == (date(2026, 3, 9), date(2026, 3, 12))
    thursday = datetime(2026, 3, 5, 10, tzinfo=UTC)
    assert offered("PE", at=thursday)["express"].earliest == date(2026, 3, 10)
    assert offered("EG", at=thursday)["express"].earliest == date(2026, 3, 10)
    monday = datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert offered("PE", at=monday)["express"].latest == date(2026, 3, 10)
    assert offered("EG", at=monday)["express"].earliest == date(2026, 3, 5)


def test_far_places_take_a_day_longer() -> None:
    assert offered(postcode="IV1 1AA")["express"].earliest == date(2026, 3, 6)
    assert offered("JE", postcode="JE2 3AB")["express"].earliest == date(2026, 3, 6)
    assert offered(postcode="SW1A 1AA")["express"].earliest == date(2026, 3, 5)


@pytest.mark.parametrize(
    ("country", "weight", "standard", "express"),
    [
        ("GB", 1, 295, 595),
        ("GB", 1000, 295, 595),
        ("GB", 1001, 355, 695),
        ("DE", 500, 695, 1495),
        ("US", 2500, 2195, 4295),
        ("GB", 20_000, 1435, 2495),
        ("GB", 21_500, 1435 + 355, 2495 + 695),
        ("GB", 40_000, 2 * 1435, 2 * 2495),
    ],
)
def test_a_price_follows_zone_and_weight(
    country: str, weight: int, standard: int, express: int
) -> None:
    rates = offered(country, weight)
    assert (rates["standard"].price, rates["express"].price) == (pounds(standard), pounds(express))


def test_standard_is_free_from_a_value_on_and_express_is_not() -> None:
    assert offered(value=2499)["standard"].price == pounds(295)
    assert offered(value=2500)["standard"].price == pounds(0)
    assert offered(value=2500)["express"].price == pounds(595)
    assert offered("DE", value=7500)["standard"].price == pounds(0)
    assert offered("US", value=10**6)["standard"].price == pounds(995)
    assert [tariff.free_over(country) for country in ("GB", "FR", "US", "RU")] == [
        2500,
        7500,
        None,
        None,
    ]


def test_nothing_is_sent_to_some_places_but_downloads() -> None:
    for country in UNSERVED:
        assert offered(country) == {}
    downloads = offered("RU", weight=0)
    assert [rate.price for rate in downloads.values()] == [pounds(0), pounds(0)]
    assert dates(downloads["standard"]) == (WEDNESDAY.date(), WEDNESDAY.date())


@given(served, weights, values, moments)
def test_every_offer_makes_sense(country: str, weight: int, value: int, at: datetime) -> None:
    rates = offered(country, weight, value, at)
    assert list(rates) == ["standard", "express"]
    for rate in rates.values():
        assert at.date() < rate.earliest <= rate.latest
        assert rate.earliest.weekday() not in days_off(country)
        assert rate.latest.weekday() not in days_off(country)
    assert rates["express"].latest <= rates["standard"].latest
    assert rates["express"].price.amount > rates["standard"].price.amount


@given(served, weights, st.integers(1, 50_000), values)
def test_more_weight_never_costs_less(country: str, weight: int, more: int, value: int) -> None:
    light, heavy = offered(country, weight, value), offered(country, weight + more, value)
    for method, rate in light.items():
        assert rate.price.amount <= heavy[method].price.amount


def test_a_consignment_may_take_as_long_as_the_shopper_was_told() -> None:
    assert [tariff.longest_days(*where) for where in (("GB", "express"), ("GB", "standard"))] == [
        1,
        4,
    ]
    assert [tariff.longest_days(*where) for where in (("FR", "express"), ("US", "standard"))] == [
        3,
        15,
    ]
