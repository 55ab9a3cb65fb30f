"""Consignments of placed orders: made once, stopped where an order is cancelled in time, shown."""

import secrets
from collections.abc import Callable, Sequence
from datetime import date

from functions.shipping import tariff
from functions.shipping.ports import Transaction, Transactions
from functions.shipping.service.announcing import announce_created
from functions.shipping.shipment_model import (
    Scan,
    Shipment,
    ShipmentList,
    ShownScan,
    ShownShipment,
    UnknownOrder,
    split,
    weight_of,
)
from shared.contracts.envelope import Envelope
from shared.contracts.orders import OrderAccess, OrderLookup, OrderPlaced
from shared.contracts.shipping import Parcel
from shared.kit.money import Money
from shared.telemetry import get_logger

log = get_logger("shipping")


class Shipments:
    """`orders` and `access` are checkout's."""

    def __init__(
        self,
        transactions: Transactions,
        orders: Callable[[], OrderLookup],
        access: Callable[[], OrderAccess],
    ) -> None:
        self._transactions = transactions
        self._orders = orders
        self._access = access

    def placed(self, envelope: Envelope, event: OrderPlaced) -> Sequence[str]:
        """Makes the order's consignments, once, and returns those that are new.

        None for an order that was cancelled first, or of which everything is downloaded.
        """
        boxes = split(event.lines)
        promised_by = self._promised(event) if boxes else None

        def work(transaction: Transaction) -> Sequence[str]:
            if not transaction.inbox.is_new(envelope.id) or not boxes:
                return ()
            if not transaction.orders.add(event.order_id, len(boxes)):
                log.info("order.not_shipped", order_id=event.order_id)
                return ()
            made = []
            for number, contents in enumerate(boxes, 1):
                shipment_id = secrets.token_hex(16)
                transaction.shipments.add(
                    shipment_id,
                    event.order_id,
                    number,
                    contents,
                    consignments=len(boxes),
                    method=event.shipping_method,
                    country=event.country,
                    currency=event.currency,
                    promised_by=promised_by,
                )
                shipment = transaction.shipments.find(shipment_id)
                assert shipment is not None
                announce_created(transaction, shipment)
                made.append(shipment_id)
            return made

        return self._transactions.run(work)

    def void(self, order_id: str) -> bool:
        """`shared.contracts.shipping.Voids`. Labels that were bought are given back soon."""

        def work(transaction: Transaction) -> bool:
            if not transaction.orders.void(order_id):
                return False
            transaction.shipments.hurry(order_id)
            return True

        return self._transactions.run(work)

    def shown(
        self, order_id: str, customer_id: str | None, token: str | None, *, is_staff: bool
    ) -> ShipmentList:
        """Raises UnknownOrder, also for an order of somebody else."""
        if not is_staff and not self._access().may_see(order_id, customer_id, token):
            raise UnknownOrder

        def work(transaction: Transaction) -> ShipmentList:
            found = transaction.shipments.of_order(order_id)
            scans = transaction.shipments.scans([one.id for one in found]) if found else {}
            return ShipmentList(items=[_shown(one, scans.get(one.id, ())) for one in found])

        return self._transactions.look(work)

    def _promised(self, event: OrderPlaced) -> date | None:
        """The last day that the shopper was told at checkout."""
        delivery = self._orders().delivery(event.order_id)
        goods = sum(line.unit_price * line.quantity for line in event.lines)
        weight = weight_of(content for box in split(event.lines) for content in box)
        parcel = Parcel(weight_grams=weight, value=Money(amount=goods, currency=event.currency))
        postcode = "" if delivery is None else delivery.postcode
        for rate in tariff.rates(event.country, postcode, parcel, event.placed_at):
            if rate.method == event.shipping_method:
                return rate.latest
        return None


def _shown(shipment: Shipment, scans: Sequence[Scan]) -> ShownShipment:
    return ShownShipment(
        id=shipment.id,
        number=shipment.number,
        state=shipment.state,
        reason=shipment.reason,
        cancelled=shipment.is_voided,
        lines=shipment.lines(),
        weight_grams=shipment.weight_grams,
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        tracking_url=shipment.tracking_url,
        expected=shipment.expected or shipment.promised_by,
        created_at=shipment.created_at,
        dispatched_at=shipment.dispatched_at,
        delivered_at=shipment.ended_at if shipment.state == "delivered" else None,
        scans=tuple(
            ShownScan(at=one.at, status=one.status, message=one.message, place=one.place)
            for one in scans
        ),
    )
