"""The carrier's webhooks: taken in at once, applied from the inbox."""

from collections.abc import Mapping
from datetime import timedelta

from functions.shipping.ports import Carrier, Transaction, Transactions
from functions.shipping.service.following import follow
from functions.shipping.shipment_model import CARRIER_EVENTS, CarrierEventReceived
from shared.kit.errors import BadInput
from shared.telemetry import get_logger

log = get_logger("shipping")


class CarrierEvents:
    def __init__(self, transactions: Transactions, carrier: Carrier) -> None:
        self._transactions = transactions
        self._carrier = carrier

    def take_in(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Keeps the event, once, and has it applied soon. Raises BadSignature, BadInput."""
        self._carrier.verify(body, headers)
        try:
            notice = self._carrier.read(body)
        except ValueError as error:
            log.error("carrier.event_unreadable", reason=str(error))
            raise BadInput(f"The body is not an event of the carrier: {error}.") from None

        def work(transaction: Transaction) -> None:
            if not transaction.events.take_in(notice.id, notice.kind, body):
                return
            if notice.tracking is None:
                transaction.events.settle(notice.id, "ignored")
            else:
                transaction.outbox.add(
                    CARRIER_EVENTS,
                    notice.id,
                    CarrierEventReceived(event_id=notice.id),
                    in_session=False,
                )

        self._transactions.run(work)

    def apply(self, event_id: str) -> None:
        """Makes the event's effect, once, in one transaction with the note that it was made."""

        def work(transaction: Transaction) -> None:
            raw = transaction.events.raw(event_id)
            if raw is None:
                log.error("carrier.event_lost", event_id=event_id)
                return
            notice = self._carrier.read(raw)
            shipment = (
                None
                if notice.carrier_id is None
                else transaction.shipments.of_carrier(notice.carrier_id)
            )
            outcome = "unknown" if shipment is None else "applied"
            if not transaction.events.settle(event_id, outcome):
                return
            if shipment is None or notice.tracking is None:
                log.warning("carrier.event_unknown", event_id=event_id, kind=notice.kind)
            else:
                follow(transaction, shipment.id, notice.tracking)

        self._transactions.run(work)

    def forget(self, older_than: timedelta) -> int:
        """Deletes what was received before, from both inboxes, and says how much."""

        def work(transaction: Transaction) -> int:
            before = transaction.now - older_than
            return transaction.events.forget(before) + transaction.inbox.forget(before)

        return self._transactions.run(work)
