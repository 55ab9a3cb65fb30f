"""What an order costs and how much of it is tax. Pure: the same lines give the same pennies.

Prices in the shop include tax and are the same everywhere; the destination decides how much of a
price is tax. Rounding: tax is worked out per line, to the nearest minor unit, a half upwards; what
must be split (delivery over lines, a refund over what it is of) is split by largest remainder, so
that the parts always add up to the whole.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.catalogue import DIGITAL

TaxClass = Literal["print", "digital"]
Minor = Annotated[int, Field(ge=0)]
"""Minor units of the order's currency."""
BasisPoints = Annotated[int, Field(ge=0, lt=10_000)]
"""Hundredths of a percent, of the price without tax."""

_WHOLE = 10_000

TAX_RATES: Mapping[str, tuple[BasisPoints, BasisPoints]] = {
    # country: books on paper, books as downloads
    "AT": (1000, 1000),
    "AU": (1000, 1000),
    "BE": (600, 600),
    "CA": (500, 500),
    "CH": (260, 260),
    "DE": (700, 700),
    "DK": (2500, 2500),
    "ES": (400, 400),
    "FI": (1350, 1350),
    "FR": (550, 550),
    "GB": (0, 0),
    "IE": (0, 0),
    "IN": (0, 1800),
    "IT": (400, 400),
    "JP": (1000, 1000),
    "NL": (900, 900),
    "NO": (0, 0),
    "NZ": (1500, 1500),
    "PL": (500, 500),
    "PT": (600, 600),
    "SE": (600, 600),
}
"""Rates on books in 2026, of the national VAT and GST laws: among them the zero rates of GB (VAT
Notice 701/10; e-books since 1 May 2020), IE and NO. An accountant confirms them before a shop opens
in a country. Elsewhere, the United States included, the shop collects no tax: what is sent there is
exported, and a buyer pays what the customs or the state asks for."""


class PricedLine(BaseModel):
    """`unit_price` includes tax; `format` is the catalogue's."""

    model_config = ConfigDict(frozen=True)

    format: str
    unit_price: Minor
    quantity: Annotated[int, Field(ge=1)]


class LineTotal(BaseModel):
    """`gross` is what the buyer pays for the line and `tax` the part of it that is tax; `shipping`
    and `shipping_tax` are the same of the line's share in the delivery."""

    model_config = ConfigDict(frozen=True)

    gross: Minor
    rate: BasisPoints
    tax: Minor
    shipping: Minor
    shipping_tax: Minor

    @property
    def net(self) -> int:
        return self.gross - self.tax


class TaxTotal(BaseModel):
    """Of all lines with one rate, their delivery included: `net` is what it is counted from."""

    model_config = ConfigDict(frozen=True)

    rate: BasisPoints
    net: Minor
    tax: Minor


class Totals(BaseModel):
    """`total = goods + shipping`, and `tax` is the part of it that is tax, goods and delivery.

    `taxes` has one entry for each rate, the lowest first; their nets and taxes add up to `total`.
    """

    model_config = ConfigDict(frozen=True)

    lines: tuple[LineTotal, ...]
    goods: Minor
    shipping: Minor
    tax: Minor
    total: Minor
    taxes: tuple[TaxTotal, ...]


def tax_class(format: str) -> TaxClass:
    return "digital" if format in DIGITAL else "print"


def tax_rate(country: str, format: str) -> BasisPoints:
    """Of a book that goes to `country` (ISO 3166, two letters)."""
    on_paper, as_download = TAX_RATES.get(country, (0, 0))
    return as_download if tax_class(format) == "digital" else on_paper


def tax_within(gross: Minor, rate: BasisPoints) -> int:
    """The part of a price that is tax, to the nearest minor unit, a half upwards."""
    whole = _WHOLE + rate
    return (2 * gross * rate + whole) // (2 * whole)


def split(amount: Minor, weights: Sequence[int]) -> tuple[int, ...]:
    """The amount in parts as large as the weights ask for, by largest remainder.

    Of equal remainders the first get the odd units; where all weights are 0, all parts count alike.
    Raises ValueError where there is nothing to split over.
    """
    if not weights or min(weights) < 0:
        raise ValueError("an amount is split over weights that are not negative")
    if not any(weights):
        weights = [1] * len(weights)
    whole = sum(weights)
    parts = [amount * weight // whole for weight in weights]
    remainders = [amount * weight % whole for weight in weights]
    first = sorted(range(len(weights)), key=lambda place: (-remainders[place], place))
    for place in first[: amount - sum(parts)]:
        parts[place] += 1
    return tuple(parts)


def order_totals(lines: Sequence[PricedLine], shipping: Minor, country: str) -> Totals:
    """`shipping` is the price of the delivery, tax included.

    Delivery is taxed as what is delivered: its price is split over the lines on paper by value, and
    each share bears its line's rate. Only where nothing is on paper are downloads counted.
    """
    gross = [line.unit_price * line.quantity for line in lines]
    rates = [tax_rate(country, line.format) for line in lines]
    shares = split(shipping, _sent(lines, gross)) if lines else ()
    totals = tuple(
        LineTotal(
            gross=amount,
            rate=rate,
            tax=tax_within(amount, rate),
            shipping=share,
            shipping_tax=tax_within(share, rate),
        )
        for amount, rate, share in zip(gross, rates, shares, strict=True)
    )
    goods = sum(gross)
    return Totals(
        lines=totals,
        goods=goods,
        shipping=sum(shares),
        tax=sum(line.tax + line.shipping_tax for line in totals),
        total=goods + sum(shares),
        taxes=_by_rate(totals),
    )


def refund_of(line: LineTotal, quantity: int, returned_before: int, returning: int) -> int:
    """What `returning` copies of a line of `quantity` cost, when some were paid back before.

    Copies are priced by `split`, so that all of them, in however many refunds, cost the line.
    Delivery is not part of it. Raises ValueError for more copies than are left.
    """
    if returning < 1 or returned_before < 0 or returned_before + returning > quantity:
        raise ValueError("more copies are to be paid back than are left")
    copies = split(line.gross, [1] * quantity)
    return sum(copies[returned_before : returned_before + returning])


def _sent(lines: Sequence[PricedLine], gross: Sequence[int]) -> list[int]:
    """What each line's share in the delivery is measured by."""
    on_paper = [tax_class(line.format) == "print" for line in lines]
    if not any(on_paper):
        return list(gross)
    if not any(amount for amount, sent in zip(gross, on_paper, strict=True) if sent):
        return [int(sent) for sent in on_paper]
    return [amount if sent else 0 for amount, sent in zip(gross, on_paper, strict=True)]


def _by_rate(lines: Sequence[LineTotal]) -> tuple[TaxTotal, ...]:
    found: dict[int, tuple[int, int]] = {}
    for line in lines:
        net, tax = found.get(line.rate, (0, 0))
        taxed = line.tax + line.shipping_tax
        found[line.rate] = net + line.gross + line.shipping - taxed, tax + taxed
    return tuple(
        TaxTotal(rate=rate, net=net, tax=tax) for rate, (net, tax) in sorted(found.items())
    )
