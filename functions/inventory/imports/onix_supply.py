"""Block 6 of an ONIX product: when it may be sold, how many there are, and what it costs."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from functions.inventory.imports import onix_codes as codes
from functions.inventory.imports.cells import decimal_in, minor_digits, money, whole_number_in
from functions.inventory.imports.onix_composite import Composite, onix_date
from shared.kit.money import Money

Notes = list[tuple[str, str]]

_LAST = date(9999, 12, 31)


@dataclass(slots=True)
class Supply:
    """What the block says; `expected` is when copies are expected, `embargo` until when none may
    be sold.
    """

    price: Money | None = None
    stock: int | None = None
    embargo: date | None = None
    expected: date | None = None
    published: date | None = None
    withdrawn: bool = False
    not_yet: bool = False


@dataclass(frozen=True, slots=True)
class _Price:
    """`gone`: whoever asks it supplies no longer. `free`: an item that is given away has no other
    price.
    """

    free: bool
    gone: bool
    distance: int
    rank: int
    begins: date
    ends: date
    money: Money


class SupplyReader:
    """`kind` and `currency_said` are the message's defaults for prices that name none."""

    def __init__(
        self, currency: str, today: date, kind: str | None, currency_said: str | None
    ) -> None:
        self._currency = currency
        self._today = today
        self._kind = kind
        self._currency_said = currency_said

    def read(self, supplies: list[Composite], notes: Notes) -> Supply:
        """What is said of other markets and territories than the shop's is not of the shop
        (EDItEUR, How to specify markets and suppliers in ONIX 3).

        Raises ValueError for a price in the shop's currency that cannot be charged.
        """
        found = Supply()
        prices: list[_Price] = []
        states: list[str] = []
        for supply in supplies:
            supply.skip(["MarketReference"])
            distance = self._market_distance(supply, notes)
            if distance is None:
                continue
            for market in supply.all("MarketPublishingDetail"):
                self._market(market, found, notes)
            for detail in supply.all("SupplyDetail"):
                self._detail(detail, distance, found, prices, states, notes)
            notes += supply.left_over()
        if states and all(state in codes.NOT_FOR_SALE for state in states):
            found.withdrawn = True
        found.not_yet = bool(states) and all(state in codes.NOT_YET for state in states)
        found.price = self._chosen(prices, notes)
        if found.price is not None and found.price.amount == 0:
            notes.append(("Price", "is 0: the book is sold for nothing"))
        return found

    def _market(self, market: Composite, found: Supply, notes: Notes) -> None:
        status = market.text("MarketPublishingStatus")
        if status is not None and status not in codes.NORMAL_STATUS:
            notes.append(("MarketPublishingStatus", f"{status} is not used"))
        for dated in market.all("MarketDate"):
            role = dated.text("MarketDateRole")
            day = _day(dated, notes)
            if day is not None and role == codes.EMBARGO:
                found.embargo = max(found.embargo or day, day)
            elif day is not None and role == codes.PUBLICATION:
                found.published = found.published or day
            elif day is not None:
                notes.append(("MarketDateRole", f"{role} is not used"))
        notes += market.left_over()

    def _detail(
        self,
        detail: Composite,
        distance: int,
        found: Supply,
        prices: list[_Price],
        states: list[str],
        notes: Notes,
    ) -> None:
        detail.skip(["Supplier", "SupplierOwnCoding", "ReturnsConditions", "OrderTime"])
        state = detail.text("ProductAvailability")
        if state is not None:
            states.append(state)
            if state not in codes.AVAILABLE | codes.NOT_FOR_SALE | codes.NOT_YET:
                notes.append(
                    ("ProductAvailability", f"{state}: what lies on the shelf is sold all the same")
                )
        for dated in detail.all("SupplyDate"):
            role = dated.text("SupplyDateRole")
            day = _day(dated, notes)
            if day is not None and role == codes.EMBARGO:
                found.embargo = max(found.embargo or day, day)
            elif day is not None and role == codes.EXPECTED_AVAILABILITY:
                found.expected = min(found.expected or day, day)
            elif day is not None:
                notes.append(("SupplyDateRole", f"{role} is not used"))
        for stock in detail.all("Stock"):
            _count(stock, found, notes)
        gone = state in codes.NOT_SUPPLIED
        kind = detail.text("UnpricedItemType")
        if kind == codes.FREE_OF_CHARGE:
            nothing = Money(amount=0, currency=self._currency)
            prices.append(_Price(True, gone, distance, 0, date.min, _LAST, nothing))
        elif kind is not None:
            notes.append(("UnpricedItemType", f"{kind}: no price is given"))
        for price in detail.all("Price"):
            self._price(price, distance, gone, prices, notes)
        notes += detail.left_over()

    def _price(
        self,
        price: Composite,
        distance: int | None,
        gone: bool,
        prices: list[_Price],
        notes: Notes,
    ) -> None:
        """`distance` is the market's, which a price with a territory of its own narrows."""
        price.skip(["PrintedOnProduct", "PositionOnProduct"])
        price.skip(["PriceStatus", "PriceTypeDescription", "DiscountCoded", "Discount"])
        unpriced = price.text("UnpricedItemType")
        amount = price.text("PriceAmount")
        free = amount is None and unpriced == codes.FREE_OF_CHARGE
        currency = price.text("CurrencyCode") or (self._currency if free else self._currency_said)
        kind = price.text("PriceType") or self._kind or (codes.INCLUDING_TAX[0] if free else "")
        qualifier = price.text("PriceQualifier")
        amount = "0" if free else amount
        if currency != self._currency:
            notes.append(("Price", f"in {currency or 'no currency'} is not used"))
        elif amount is None:
            notes.append(("Price", f"{unpriced or 'without an amount'}"))
        elif qualifier is not None and qualifier not in codes.PLAIN_QUALIFIERS:
            notes.append(("PriceQualifier", f"{qualifier} is not used"))
        elif price.elements("MinimumOrderQuantity") or price.elements("PriceCondition"):
            notes.append(("Price", "under conditions is not used"))
        elif kind not in codes.INCLUDING_TAX and kind not in codes.EXCLUDING_TAX:
            notes.append(("PriceType", f"{kind or 'none'} is not used"))
        else:
            major = _with_tax(price, kind, amount, currency, notes)
            begins, ends = _time(price, notes)
            rank = (*codes.INCLUDING_TAX, *codes.EXCLUDING_TAX).index(kind)
            if territory := price.one("Territory"):
                distance = self._distance(territory)
            if distance is None:
                notes.append((f"{price.path}/Territory", "is another than the shop's"))
            else:
                charged = _money(major, currency)
                prices.append(_Price(free, gone, distance, rank, begins, ends, charged))
            notes += price.left_over()

    def _chosen(self, prices: list[_Price], notes: Notes) -> Money | None:
        """The best that holds today, of several the one that began last, as an offer does beside
        the price that it interrupts; for a book that has none yet, the first to come. Whoever
        supplies comes before who does not, and a price before its being free of charge.
        """
        for price in prices:
            if price.begins > self._today:
                notes.append(("PriceDate", f"a price from {price.begins} on is not yet used"))
            elif price.ends < self._today:
                notes.append(("PriceDate", f"a price until {price.ends} is no longer used"))
        lasting = [price for price in prices if price.ends >= self._today]
        lasting = [price for price in lasting if not price.free] or lasting
        holding = [price for price in lasting if price.begins <= self._today]
        coming = [price for price in lasting if price.begins > self._today]
        if holding:
            best = min(holding, key=lambda it: (it.gone, it.distance, it.rank, _age(it)))
            if best.ends < _LAST:
                notes.append(
                    ("PriceDate", f"a price until {best.ends} stays until a delivery says another")
                )
            return best.money
        if coming:
            return min(coming, key=lambda it: (it.gone, it.distance, it.begins, it.rank)).money
        return None

    def _market_distance(self, supply: Composite, notes: Notes) -> int | None:
        """Of the nearest of its markets; a supply that names none is for everywhere."""
        distances: list[int | None] = []
        for market in supply.all("Market"):
            territory = market.one("Territory")
            distances.append(self._distance(territory) if territory else 1)
            notes += market.left_over()
        nearest = min((one for one in distances or [1] if one is not None), default=None)
        if nearest is None:
            notes.append((f"{supply.path}/Market", "is another than the shop's"))
        return nearest

    def _distance(self, territory: Composite) -> int | None:
        """0 for a territory that names the shop's country, 1 for the world, None for another.

        The country is that of the shop's currency (ISO 4217 begins with it).
        """
        here = codes.EURO_COUNTRIES if self._currency == "EUR" else {self._currency[:2]}
        named = {
            name: set((territory.text(name) or "").split())
            for name in (
                "CountriesIncluded",
                "RegionsIncluded",
                "CountriesExcluded",
                "RegionsExcluded",
            )
        }
        excluded = named["CountriesExcluded"]
        if codes.EURO_ZONE in named["RegionsExcluded"]:
            excluded |= codes.EURO_COUNTRIES
        if here & named["CountriesIncluded"] or (
            self._currency == "EUR" and codes.EURO_ZONE in named["RegionsIncluded"]
        ):
            return 0
        if codes.EVERYWHERE & named["RegionsIncluded"] and not here <= excluded:
            return 1
        return None


def _with_tax(price: Composite, kind: str, amount: str, currency: str, notes: Notes) -> Decimal:
    """As the shopper pays it. Where an amount without tax names none, it is taken as it is."""
    try:
        major = decimal_in(amount)
        taxes = price.all("Tax")
        if kind in codes.INCLUDING_TAX:
            return major
        if not taxes:
            notes.append(("PriceType", f"{kind} says no tax; taken as it is"))
        for tax in taxes:
            percent = tax.text("TaxRatePercent")
            own = tax.text("TaxAmount")
            if own is not None:
                major += decimal_in(own)
            elif percent is not None:
                share = decimal_in(tax.text("TaxableAmount") or amount)
                major += share * decimal_in(percent) / 100
        return major.quantize(Decimal(1).scaleb(-minor_digits(currency)), ROUND_HALF_UP)
    except (ValueError, ArithmeticError):
        raise ValueError(
            f"the price {amount[:20]!r} is not a number as ONIX writes it: digits with a decimal "
            "point, and no sign between thousands"
        ) from None


def _age(price: _Price) -> int:
    return -price.begins.toordinal()


def _money(major: Decimal, currency: str) -> Money:
    try:
        return money(major, currency)
    except ValueError as error:
        raise ValueError(f"the price {major} {error}") from None


def _time(price: Composite, notes: Notes) -> tuple[date, date]:
    begins, ends = date.min, _LAST
    for dated in price.all("PriceDate"):
        role = dated.text("PriceDateRole")
        span = _span(dated.text("Date") or "") if role == codes.BETWEEN else None
        if span is not None:
            begins, ends = max(begins, span[0]), min(ends, span[1])
            continue
        day = _day(dated, notes)
        if day is not None and role == codes.FROM:
            begins = max(begins, day)
        elif day is not None and role == codes.UNTIL:
            ends = min(ends, day)
        elif day is not None:
            notes.append(("PriceDateRole", f"{role} is not used"))
    return begins, ends


def _span(text: str) -> tuple[date, date] | None:
    days = text.replace("-", "")
    try:
        return date.fromisoformat(days[:8]), date.fromisoformat(days[8:])
    except ValueError:
        return None


def _count(stock: Composite, found: Supply, notes: Notes) -> None:
    stock.skip(["LocationIdentifier", "LocationName"])
    on_hand = stock.text("OnHand")
    if on_hand is not None:
        try:
            found.stock = (found.stock or 0) + whole_number_in(on_hand, 1_000_000)
        except ValueError as error:
            notes.append(("OnHand", f"{on_hand[:20]!r} {error}"))
    notes += stock.left_over()


def _day(dated: Composite, notes: Notes) -> date | None:
    try:
        return onix_date(dated)
    except ValueError as error:
        notes.append((f"{dated.path}/Date", str(error)))
        return None
