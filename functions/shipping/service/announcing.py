"""What shipping announces of a consignment, in the session of its order."""

from datetime import date, datetime
from typing import Any

from functions.shipping.ports import Transaction
from functions.shipping.shipment_model import Shipment
from shared.contracts.envelope import Payload
from shared.contracts.shipping import (
    TOPIC,
    ShipmentCreated,
    ShipmentDelayed,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentFailed,
    ShipmentInTransit,
    ShipmentLabelBought,
    ShipmentOutForDelivery,
)


def announce_created(transaction: Transaction, shipment: Shipment) -> None:
    said = _about(shipment, transaction.now)
    event = ShipmentCreated(**said, lines=shipment.lines(), promised_by=shipment.promised_by)
    _announce(transaction, shipment, event)


def announce_label(transaction: Transaction, shipment: Shipment) -> None:
    _announce(transaction, shipment, ShipmentLabelBought(**_tracked(shipment, transaction.now)))


def announce_dispatched(transaction: Transaction, shipment: Shipment, at: datetime) -> None:
    order = transaction.orders.find(shipment.order_id)
    assert order is not None
    event = ShipmentDispatched(
        **_tracked(shipment, at),
        remaining=order.consignments - order.dispatched,
        lines=shipment.lines(),
        expected=shipment.expected or shipment.promised_by,
    )
    _announce(transaction, shipment, event)


def announce_in_transit(transaction: Transaction, shipment: Shipment, at: datetime) -> None:
    _announce(transaction, shipment, ShipmentInTransit(**_tracked(shipment, at)))


def announce_out_for_delivery(transaction: Transaction, shipment: Shipment, at: datetime) -> None:
    _announce(transaction, shipment, ShipmentOutForDelivery(**_tracked(shipment, at)))


def announce_delayed(
    transaction: Transaction, shipment: Shipment, at: datetime, expected: date
) -> None:
    event = ShipmentDelayed(**_tracked(shipment, at), expected=expected)
    _announce(transaction, shipment, event)


def announce_delivered(transaction: Transaction, shipment: Shipment, at: datetime) -> None:
    order = transaction.orders.find(shipment.order_id)
    assert order is not None
    event = ShipmentDelivered(
        **_about(shipment, at), remaining=order.consignments - order.delivered
    )
    _announce(transaction, shipment, event)


def announce_failed(
    transaction: Transaction, shipment: Shipment, at: datetime, reason: str
) -> None:
    event = ShipmentFailed(**_about(shipment, at), reason=reason, lines=shipment.lines())
    _announce(transaction, shipment, event)


def _about(shipment: Shipment, at: datetime) -> dict[str, Any]:
    return {
        "order_id": shipment.order_id,
        "shipment_id": shipment.id,
        "at": at,
        "number": shipment.number,
        "consignments": shipment.consignments,
    }


def _tracked(shipment: Shipment, at: datetime) -> dict[str, Any]:
    return {
        **_about(shipment, at),
        "carrier": shipment.carrier or "",
        "tracking_number": shipment.tracking_number or "",
        "tracking_url": shipment.tracking_url,
    }


def _announce(transaction: Transaction, shipment: Shipment, event: Payload) -> None:
    transaction.outbox.add(TOPIC, shipment.order_id, event)
