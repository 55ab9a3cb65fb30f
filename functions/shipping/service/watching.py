"""What has to be asked of the carrier: labels, labels given back, and news of silent parcels.

A consignment is claimed before its carrier is called, and no transaction is open meanwhile. Any
number of these may work at once, in any number of processes.
"""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import repeat

from functions.shipping.ports import Carrier, Transaction, Transactions
from functions.shipping.service.following import follow, labelled, next_look, refused
from functions.shipping.shipment_model import (
    CarrierRefused,
    CarrierUnavailable,
    Sent,
    Shipment,
)
from functions.shipping.tariff import longest_days
from shared.contracts.orders import OrderLookup
from shared.kit.clock import Clock
from shared.telemetry import get_logger

log = get_logger("shipping")

_PAGE = 20
AT_ONCE = 4
_LEASE = timedelta(minutes=2)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=15)
REST = timedelta(seconds=5)
"""How long nobody is called after the carrier did not answer."""
_MOST_AT_ONCE = 5
"""Of an order's consignments that are looked after as soon as they are made."""


class Watch:
    """`orders` is checkout's: it knows where a consignment goes."""

    def __init__(
        self,
        transactions: Transactions,
        carrier: Carrier,
        orders: Callable[[], OrderLookup],
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._carrier = carrier
        self._orders = orders
        self._clock = clock
        self._down_until: datetime | None = None

    def run(self) -> int:
        """Looks after all that is due, page by page, and says how many; ends early where the
        carrier does not answer."""
        done = 0
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="carrier") as threads:
            while not self._is_down():
                owner, page = self._claim(lambda t, *lease: t.shipments.claim_due(*lease))
                if not page:
                    break
                done += sum(threads.map(self._look_after, page, repeat(owner)))
        return done

    def hurry(self, shipment_ids: Sequence[str]) -> None:
        """Looks after new ones at once; what does not succeed is left to `run`."""
        if not shipment_ids or self._is_down():
            return
        ids = shipment_ids[:_MOST_AT_ONCE]
        owner, page = self._claim(
            lambda t, owner, _, *lease: t.shipments.claim_these(owner, ids, *lease)
        )
        for shipment in page:
            self._look_after(shipment, owner)

    def _claim(self, claim: Callable[..., Sequence[Shipment]]) -> tuple[str, Sequence[Shipment]]:
        owner, now = secrets.token_hex(16), self._clock.machine_now()
        page = self._transactions.run(lambda t: claim(t, owner, _PAGE, now + _LEASE, now))
        return owner, page

    def _look_after(self, shipment: Shipment, owner: str) -> bool:
        if self._is_down():
            self._transactions.run(lambda t: t.shipments.let_go(owner, [shipment.id]))
            return False
        try:
            self._act(shipment, owner)
        except CarrierUnavailable as error:
            log.warning("carrier.unavailable", shipment_id=shipment.id, reason=str(error))
            self._down_until = self._clock.machine_now() + REST
            self._put_off(shipment, owner)
            return False
        except Exception as error:  # one that fails must not keep the others waiting
            log.error("shipment.not_looked_after", shipment_id=shipment.id, exc_info=error)
            self._put_off(shipment, owner)
            return False

        def work(transaction: Transaction) -> None:
            now = transaction.shipments.find(shipment.id)
            assert now is not None
            voided_meanwhile = now.is_voided and not shipment.is_voided
            due_at = transaction.now if voided_meanwhile else next_look(now, transaction.now)
            transaction.shipments.finish(shipment.id, owner, due_at)

        self._transactions.run(work)
        return True

    def _act(self, shipment: Shipment, owner: str) -> None:
        if shipment.is_voided:
            self._give_back(shipment)
        elif shipment.state == "created":
            self._buy(shipment, owner)
        elif shipment.tracker is not None:
            self._ask(shipment)

    def _buy(self, shipment: Shipment, owner: str) -> None:
        known = shipment.carrier_id
        within = longest_days(shipment.country, shipment.method)
        try:
            carrier_id = self._draft(shipment) if known is None else known
            if known is None and not self._name(shipment, owner, carrier_id):
                return  # another worker has it: the draft is forgotten, and costs nothing
            label = self._carrier.buy(carrier_id, within)
        except CarrierRefused as error:
            why = str(error)
            if known is None:
                self._transactions.run(lambda t: refused(t, shipment, why))
            else:  # its rates may be too old: it is told anew
                self._name(shipment, owner, None)
            return
        self._transactions.run(lambda t: labelled(t, shipment, label))

    def _name(self, shipment: Shipment, owner: str, carrier_id: str | None) -> bool:
        before = shipment.carrier_id
        return self._transactions.run(
            lambda t: t.shipments.name(shipment.id, owner, before, carrier_id)
        )

    def _draft(self, shipment: Shipment) -> str:
        """Raises CarrierRefused where nobody knows any more where it goes."""
        to = self._orders().delivery(shipment.order_id)
        if to is None:
            raise CarrierRefused("the order has no address any more")
        return self._carrier.draft(
            Sent(shipment.id, to, shipment.weight_grams, shipment.contents, shipment.currency)
        )

    def _give_back(self, shipment: Shipment) -> None:
        if shipment.carrier_id is None:
            return
        try:
            if self._carrier.label(shipment.carrier_id) is not None:
                self._carrier.void(shipment.carrier_id)
        except CarrierRefused as error:
            log.error("label.not_given_back", shipment_id=shipment.id, reason=str(error))

    def _ask(self, shipment: Shipment) -> None:
        assert shipment.tracker is not None
        tracking = self._carrier.track(shipment.tracker)

        def work(transaction: Transaction) -> None:
            if not follow(transaction, shipment.id, tracking):
                transaction.shipments.change(shipment.id, silent=shipment.silent + 1)

        self._transactions.run(work)

    def _put_off(self, shipment: Shipment, owner: str) -> None:
        pause = min(_FIRST_PAUSE * 2 ** min(shipment.tries, 10), _LONGEST_PAUSE)
        until = self._clock.machine_now() + pause
        self._transactions.run(lambda t: t.shipments.put_off(shipment.id, owner, until))

    def _is_down(self) -> bool:
        until = self._down_until
        return until is not None and self._clock.machine_now() < until
