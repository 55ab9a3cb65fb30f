"""What delivery costs: `shared.contracts.shipping.Rates`, and the same for a shopper who asks."""

from collections.abc import Mapping, Sequence

from functions.shipping import tariff
from functions.shipping.model import RateList
from shared.contracts.catalogue import Quotes
from shared.contracts.shipping import Parcel, Rate
from shared.kit.clock import Clock
from shared.kit.errors import BadInput
from shared.kit.isbn import Isbn
from shared.kit.money import Currency, Money

_AVERAGE_GRAMS = 400
"""Of a parcel with one book, for those who ask before they have chosen any."""


class ShippingRates:
    def __init__(self, quotes: Quotes, clock: Clock, currency: Currency) -> None:
        self._quotes = quotes
        self._clock = clock
        self._currency = currency

    def rates(self, country: str, postcode: str, parcel: Parcel) -> Sequence[Rate]:
        return tariff.rates(country, postcode, parcel, self._clock.business_now())

    def offered(
        self, country: str, postcode: str, wanted: Mapping[Isbn, int], *, all_known: bool
    ) -> RateList:
        """For copies of books, or for one average book where there are none.

        With `all_known`, raises BadInput naming `isbn` for a book that is not in the catalogue;
        else such a book is left out.
        """
        parcel = self._parcel(wanted, all_known)
        offered = list(self.rates(country, postcode, parcel))
        limit = tariff.free_over(country)
        return RateList(
            country=country,
            served=bool(offered),
            items=offered,
            free_over=None if limit is None else Money(amount=limit, currency=self._currency),
            weight_grams=parcel.weight_grams,
        )

    def _parcel(self, wanted: Mapping[Isbn, int], all_known: bool) -> Parcel:
        quotes = self._quotes.quotes(list(wanted)) if wanted else {}
        unknown = [isbn for isbn in wanted if isbn not in quotes]
        if unknown and all_known:
            raise BadInput.at("isbn", f"{', '.join(unknown[:3])} is not in the catalogue")
        if not quotes:
            nothing = Money(amount=0, currency=self._currency)
            return Parcel(weight_grams=_AVERAGE_GRAMS, value=nothing)
        lines = ((quote, wanted[isbn]) for isbn, quote in quotes.items())
        return Parcel.of(lines, self._currency)
