"""What happened, and who is to be told: each event plans its mails in one transaction, and a mail
has its id from the event and the recipient, so that an event that comes again plans nothing."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from functions.notifications.model import (
    DECLINED_WAITS,
    LINKS_WITHIN,
    LOOK_AFTER,
    MOST_LINKS,
    QUEUE,
    REFUND_TOLD_AGAIN_AFTER,
    Kind,
    Planned,
    SendMail,
)
from functions.notifications.ports import Transaction, Transactions
from functions.notifications.service.subscribers import Subscribers
from shared.contracts.envelope import Envelope
from shared.contracts.inventory import StockLow
from shared.contracts.orders import (
    CustomerErased,
    OrderCancelled,
    OrderLinkRequested,
    OrderLookup,
    OrderPlaced,
    OrderRefunded,
)
from shared.contracts.payments import PaymentDeclined, PaymentFailed, PaymentRefundFailed
from shared.contracts.shipping import (
    ShipmentDelayed,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentFailed,
    ShipmentOutForDelivery,
)
from shared.kit.clock import Clock
from shared.telemetry import get_logger

log = get_logger("notifications")


class Telling:
    """Each method takes an event any number of times, in any order."""

    def __init__(
        self,
        transactions: Transactions,
        orders: OrderLookup,
        subscribers: Subscribers,
        clock: Clock,
        staff: Sequence[str],
    ) -> None:
        """`staff` are the addresses of those who look after the stock and the money."""
        self._transactions = transactions
        self._orders = orders
        self._subscribers = subscribers
        self._clock = clock
        self._staff = staff

    def placed(self, envelope: Envelope, event: OrderPlaced) -> None:
        self._tell(envelope.id, "order_placed", event.order_id, {})

    def cancelled(self, envelope: Envelope, event: OrderCancelled) -> None:
        """A buyer who left a checkout, or began another one, knows it."""
        if event.stage == "after_placement" or event.reason == "out_of_stock":
            facts = {"reason": event.reason}
            self._tell(envelope.id, "order_cancelled", event.order_id, facts)
        elif event.reason == "payment_failed":
            self._payment_failed(event.order_id)

    def refunded(self, envelope: Envelope, event: OrderRefunded) -> None:
        facts = {"amount": event.amount, "refunded": event.refunded, "currency": event.currency}
        self._tell(envelope.id, "refunded", event.order_id, facts)

    def link_requested(self, envelope: Envelope, event: OrderLinkRequested) -> None:
        self._tell(envelope.id, "order_link", event.order_id, {})

    def declined(self, envelope: Envelope, event: PaymentDeclined) -> None:
        self._payment_failed(event.order_id, wait=DECLINED_WAITS)

    def failed(self, envelope: Envelope, event: PaymentFailed) -> None:
        self._payment_failed(event.order_id)

    def dispatched(self, envelope: Envelope, event: ShipmentDispatched) -> None:
        facts = {**_parcel(event), "remaining": event.remaining, "expected": _iso(event.expected)}
        facts["lines"] = {str(line.line): line.quantity for line in event.lines}
        self._tell(envelope.id, "dispatched", event.order_id, facts, event.shipment_id)

    def out_for_delivery(self, envelope: Envelope, event: ShipmentOutForDelivery) -> None:
        facts = _parcel(event)
        self._tell(envelope.id, "out_for_delivery", event.order_id, facts, event.shipment_id)

    def delayed(self, envelope: Envelope, event: ShipmentDelayed) -> None:
        facts = {**_parcel(event), "expected": _iso(event.expected)}
        self._tell(envelope.id, "delayed", event.order_id, facts, event.shipment_id)

    def delivered(self, envelope: Envelope, event: ShipmentDelivered) -> None:
        facts = {"remaining": event.remaining, "at": event.at.isoformat()}
        self._tell(envelope.id, "delivered", event.order_id, facts, event.shipment_id)

    def delivery_failed(self, envelope: Envelope, event: ShipmentFailed) -> None:
        facts = {
            "reason": event.reason,
            "lines": {str(line.line): line.quantity for line in event.lines},
        }
        self._tell(envelope.id, "delivery_failed", event.order_id, facts, event.shipment_id)

    def stock_low(self, envelope: Envelope, event: StockLow) -> None:
        facts = {"available": event.available, "threshold": event.threshold}
        planned = self._to_staff(envelope.id, "stock_low", event.isbn, facts)

        def work(transaction: Transaction) -> None:
            for one in planned:
                self._plan(transaction, one)

        self._transactions.run(work)

    def refund_failed(self, envelope: Envelope, event: PaymentRefundFailed) -> None:
        facts = {"code": event.code, "amount": event.amount, "currency": event.currency}
        planned = self._to_staff(envelope.id, "refund_failed", event.order_id, facts)

        def work(transaction: Transaction) -> None:
            since = transaction.now - REFUND_TOLD_AGAIN_AFTER
            if not transaction.mails.count("refund_failed", event.order_id, since):
                for one in planned:
                    self._plan(transaction, one)

        self._transactions.run(work)

    def erased(self, envelope: Envelope, event: CustomerErased) -> None:
        subscriber = self._subscribers.customer(event.customer_id)

        def work(transaction: Transaction) -> None:
            transaction.mails.forget_customer(event.customer_id)
            transaction.switches.forget(subscriber)

        self._transactions.run(work)

    def _to_staff(
        self, news: str, kind: Kind, about: str, facts: dict[str, Any]
    ) -> Sequence[Planned]:
        return [
            Planned(
                news=news,
                kind=kind,
                about=about,
                subscriber=self._subscribers.address(address),
                facts=facts,
            )
            for address in self._staff
        ]

    def _payment_failed(self, order_id: str, wait: timedelta = timedelta()) -> None:
        """Told once for an order, whichever of the events comes first."""
        self._tell(f"payment_failed:{order_id}", "payment_failed", order_id, {}, wait=wait)

    def _tell(
        self,
        news: str,
        kind: Kind,
        order_id: str,
        facts: dict[str, Any],
        shipment_id: str | None = None,
        wait: timedelta = timedelta(),
    ) -> None:
        contact = self._orders.contact(order_id)
        if contact is None:
            log.info("mail.nobody_to_tell", kind=kind, order_id=order_id)
            return
        planned = Planned(
            news=news,
            kind=kind,
            about=order_id,
            subscriber=self._subscribers.buyer(contact.customer_id, contact.email),
            facts=facts,
            shipment_id=shipment_id,
            customer_id=contact.customer_id,
        )

        def work(transaction: Transaction) -> None:
            if kind == "order_link":
                since = transaction.now - LINKS_WITHIN
                if transaction.mails.count(kind, order_id, since) >= MOST_LINKS:
                    log.warning("mail.too_many_links", order_id=order_id)
                    return
            self._plan(transaction, planned, wait)

        self._transactions.run(work)

    def _plan(
        self, transaction: Transaction, planned: Planned, wait: timedelta = timedelta()
    ) -> None:
        due_at = self._clock.machine_now() + wait
        look_at = due_at if wait else due_at + LOOK_AFTER
        if transaction.mails.plan(planned, due_at, look_at) and not wait:
            transaction.outbox.add(
                QUEUE, planned.id, SendMail(mail_id=planned.id), in_session=False
            )


def _parcel(
    event: ShipmentDispatched | ShipmentOutForDelivery | ShipmentDelayed,
) -> dict[str, Any]:
    """How to follow it."""
    return {
        "carrier": event.carrier,
        "tracking_number": event.tracking_number,
        "tracking_url": event.tracking_url,
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
