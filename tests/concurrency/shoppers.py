"""One process of shoppers with one cart: `python -m tests.concurrency.shoppers FOLDER TOKEN TABS`.

Says `ready` when all tabs are open, starts at a line on its standard input, and puts one copy of a
book in the cart from each tab, five times. `unguarded`, as a last argument, takes the guard out:
each writes what it has worked out, whoever wrote meanwhile.
"""

import asyncio
import sys
from pathlib import Path

from functions.cart.model import Cart, CartId
from functions.cart.prices import BoundedPrices
from functions.cart.service import Caller, CartService
from functions.cart.store import DocumentCarts
from shared.documents.port import DocumentPreconditionFailed
from shared.kit.clock import ManualClock
from shared.kit.provider import Provider
from tests.support.cart import BooksForSale, documents_in
from tests.support.inventory import START, isbn

TIMES = 5


class LastWriterWins(DocumentCarts):
    """A store that does not look at the ETag it is given; test-only."""

    async def write(self, cart_id: CartId, cart: Cart, etag: str | None) -> None:
        content = cart.model_dump(mode="json")
        while True:
            newest = await self._documents.read(cart_id)
            assert newest is not None
            try:
                await self._documents.replace(cart_id, content, newest.etag, ttl=None)
            except DocumentPreconditionFailed:
                continue
            return


async def shop(folder: Path, token: str, tabs: int, *, guarded: bool) -> None:
    clock, books = ManualClock(START), BooksForSale()
    documents = documents_in(folder, clock)
    carts = DocumentCarts(documents) if guarded else LastWriterWins(documents)
    prices = BoundedPrices(Provider(lambda: books), patience=30)
    service = CartService(carts, prices, clock, "GBP")

    async def tab() -> None:
        for _ in range(TIMES):
            await service.add(Caller(token), isbn(1), 1)

    await service.show(Caller(token))
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(tab() for _ in range(tabs)))
    await documents.close()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    folder, token, tabs, *more = sys.argv[1:]
    asyncio.run(shop(Path(folder), token, int(tabs), guarded=more != ["unguarded"]))
