"""What the shop keeps of one customer: handed out, and taken away."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from functions.checkout.model import OPEN
from functions.checkout.ports import Transaction, Transactions
from functions.checkout.service.cancelling import give_up
from functions.checkout.service.orders import Detail
from functions.checkout.service.showing import ShownOrder, shown
from shared.contracts.carts import CartLine, Carts
from shared.contracts.notifications import Correspondence, Correspondences
from shared.contracts.orders import TOPIC, CustomerErased, Delivery
from shared.contracts.shipping import Addresses


class CustomerExport(BaseModel):
    """Everything that the shop keeps of a customer."""

    customer_id: str
    exported_at: datetime
    orders: list[ShownOrder] = Field(
        description="the oldest first, with checkouts that came to nothing"
    )
    addresses: list[Delivery] = Field(description="the default first")
    cart: list[CartLine]
    mails: Correspondence = Field(description="what was written about orders, and what must not be")


class Customers:
    def __init__(
        self,
        transactions: Transactions,
        addresses: Addresses,
        carts: Carts,
        correspondences: Correspondences,
    ) -> None:
        self._transactions = transactions
        self._addresses = addresses
        self._carts = carts
        self._correspondences = correspondences

    async def exported(self, customer_id: str) -> CustomerExport:
        cart = await self._carts.snapshot(None, customer_id)
        addresses = await asyncio.to_thread(self._addresses.addresses, customer_id)
        mails = await asyncio.to_thread(self._correspondences.correspondence, customer_id)
        now, orders = await asyncio.to_thread(self._orders, customer_id)
        return CustomerExport(
            customer_id=customer_id,
            exported_at=now,
            orders=[shown(order) for order in orders],
            addresses=list(addresses),
            cart=[] if cart is None else list(cart.lines),
            mails=mails,
        )

    async def erase(self, customer_id: str) -> Sequence[str]:
        """Forgets the customer; may be repeated, and must be where it raised.

        Cart and addresses go at once. Orders stay, for the books, without the customer. What an
        order says of its buyer goes with it if the order is settled; else as soon as it is, after
        90 days at the latest: one that is paid is still sent, and a checkout that is not paid is
        given up. The caller wakes the sagas of the orders that are returned.
        """
        await self._carts.erase(customer_id)
        await asyncio.to_thread(self._addresses.erase, customer_id)
        return await asyncio.to_thread(self._transactions.run, _erasing(customer_id))

    def _orders(self, customer_id: str) -> tuple[datetime, list[Detail]]:
        with self._transactions.read() as transaction:
            orders = transaction.orders
            return transaction.now, [
                Detail(order, orders.timeline(order.id), orders.refunds(order.id))
                for order in orders.everything_of(customer_id)
            ]


def _erasing(customer_id: str) -> Callable[[Transaction], Sequence[str]]:
    def work(transaction: Transaction) -> Sequence[str]:
        unfinished = []
        for order_id, status in transaction.orders.erase(customer_id):
            if status in OPEN:
                order = transaction.orders.find(order_id)
                assert order is not None
                give_up(transaction, order)
                unfinished.append(order_id)
        transaction.shoppers.erase(customer_id)
        # An id may be longer than the name of a session.
        session = hashlib.sha256(customer_id.encode()).hexdigest()
        transaction.outbox.add(TOPIC, session, CustomerErased(customer_id=customer_id))
        return unfinished

    return work
