"""What it costs to send books, and when they come: rules alone.

Zones are by destination. A price is one for the first kilogram and one for each further kilogram
that is begun; what is heavier than a carrier takes goes in several consignments, each priced by
itself. Amounts are minor units of the shop's currency and include tax.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from functions.shipping.countries import EUROPE, HOME, UNSERVED, days_off
from shared.contracts.shipping import Parcel, Rate
from shared.kit.money import Money
from shared.postal.countries import COUNTRIES, codes

Zone = Literal["home", "europe", "world"]
Method = Literal["standard", "express"]

HEAVIEST_GRAMS = 20_000
"""Of one consignment."""
LAST_ORDERS = time(14)
"""UTC; what is ordered later leaves on the next working day."""
_KILOGRAM = 1_000
_OUR_WEEKEND = days_off("GB")
_REMOTE = ("BT", "GY", "HS", "IM", "IV", "JE", "KW", "ZE")
"""Postcode areas beyond Great Britain's road network, or at its far end."""
_REMOTE_HOME = codes("GG IM JE")


@dataclass(frozen=True, slots=True)
class Terms:
    """`days` are working days of the destination, from the day of dispatch on."""

    first_kilogram: int
    further_kilogram: int
    days: tuple[int, int]
    free_over: int | None = None


TERMS: Mapping[Zone, Mapping[Method, Terms]] = {
    "home": {
        "standard": Terms(295, 60, (2, 4), free_over=2500),
        "express": Terms(595, 100, (1, 1)),
    },
    "europe": {
        "standard": Terms(695, 300, (4, 8), free_over=7500),
        "express": Terms(1495, 450, (2, 3)),
    },
    "world": {
        "standard": Terms(995, 600, (7, 15)),
        "express": Terms(2495, 900, (3, 6)),
    },
}
_NAMES: Mapping[Method, str] = {"standard": "Standard delivery", "express": "Express delivery"}


def zone_of(country: str) -> Zone | None:
    """None where nothing is sent to."""
    if country in HOME:
        return "home"
    if country in EUROPE:
        return "europe"
    return "world" if country in COUNTRIES - UNSERVED else None


def rates(country: str, postcode: str, parcel: Parcel, ordered_at: datetime) -> list[Rate]:
    """`standard`, then `express`; empty where nothing is sent to.

    A parcel of no weight is downloaded: at once, for nothing, and anywhere.
    """
    currency = parcel.value.currency
    if parcel.weight_grams == 0:
        today, nothing = ordered_at.date(), Money(amount=0, currency=currency)
        return [
            Rate(method=method, name="Download", price=nothing, earliest=today, latest=today)
            for method in _NAMES
        ]
    zone = zone_of(country)
    if zone is None:
        return []
    leaves = dispatch_day(ordered_at)
    longer = 1 if _is_remote(country, postcode) else 0
    found = []
    for method, terms in TERMS[zone].items():
        first, last = (
            working_days_after(leaves, days + longer, days_off(country)) for days in terms.days
        )
        price = Money(amount=price_of(terms, parcel), currency=currency)
        found.append(
            Rate(method=method, name=_NAMES[method], price=price, earliest=first, latest=last)
        )
    return found


def free_over(country: str) -> int | None:
    """The value of goods from which on `standard` is free."""
    zone = zone_of(country)
    return None if zone is None else TERMS[zone]["standard"].free_over


def longest_days(country: str, method: str) -> int:
    """How many days a consignment may take that goes there by this method."""
    zone = zone_of(country) or "world"
    return TERMS[zone]["express" if method == "express" else "standard"].days[1]


def price_of(terms: Terms, parcel: Parcel) -> int:
    if terms.free_over is not None and parcel.value.amount >= terms.free_over:
        return 0
    full, rest = divmod(parcel.weight_grams, HEAVIEST_GRAMS)
    consignments = [HEAVIEST_GRAMS] * full + [rest] * bool(rest)
    return sum(_price(terms, weight) for weight in consignments)


def dispatch_day(ordered_at: datetime) -> date:
    day = ordered_at.date()
    if ordered_at.time() >= LAST_ORDERS:
        day += timedelta(days=1)
    while day.weekday() in _OUR_WEEKEND:
        day += timedelta(days=1)
    return day


def working_days_after(day: date, count: int, off: frozenset[int]) -> date:
    """The `count`th day after `day` that is not one of the days off."""
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() not in off:
            count -= 1
    return day


def _price(terms: Terms, grams: int) -> int:
    kilograms = -(-grams // _KILOGRAM)
    return terms.first_kilogram + (kilograms - 1) * terms.further_kilogram


def _is_remote(country: str, postcode: str) -> bool:
    area = postcode.upper().lstrip()[:2]
    return country in _REMOTE_HOME or (country == "GB" and area in _REMOTE)
