"""Inventory asked with bounded patience: a cart never fails because inventory is slow."""

import asyncio
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

from shared.contracts.catalogue import BookQuote, Quotes
from shared.kit.isbn import Isbn
from shared.kit.provider import Provider
from shared.telemetry import get_logger

log = get_logger("cart")

_THREADS = 4
_AT_ONCE = 100


class BoundedPrices:
    """A look that takes longer than `patience` seconds is given up.

    It has threads of its own: however many looks hang, nothing else waits for a thread, and those
    that wait behind them are given up without having begun.
    """

    def __init__(self, quotes: Provider[Quotes], patience: float = 1.0) -> None:
        self._quotes = quotes
        self._patience = patience
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="cart-prices")

    async def known(self, isbns: Collection[Isbn]) -> Mapping[Isbn, BookQuote] | None:
        if not isbns:
            return {}
        looking = asyncio.get_running_loop().run_in_executor(self._threads, self._look, isbns)
        try:
            return await asyncio.wait_for(looking, self._patience)
        except TimeoutError:
            log.warning("cart.inventory_slow", books=len(isbns))
        except Exception as error:  # whatever it is, the cart goes on without prices
            log.warning("cart.inventory_failed", exc_info=error)
        return None

    def _look(self, isbns: Collection[Isbn]) -> Mapping[Isbn, BookQuote]:
        quotes = self._quotes()
        found: dict[Isbn, BookQuote] = {}
        wanted = list(isbns)
        for first in range(0, len(wanted), _AT_ONCE):
            found.update(quotes.quotes(wanted[first : first + _AT_ONCE]))
        return found
