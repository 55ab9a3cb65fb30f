"""The calls that the shop makes: https://docs.easypost.com/docs/shipments and .../trackers."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.carrier.moving import Step, arrival, move_along, plan, scan, tell
from sandbox.carrier.state import Body, Transaction, new_id, written

CARRIER = "SandboxPost"
_ADDRESS = ("name", "street1", "street2", "city", "state", "zip", "country", "phone")
_NEEDED = ("name", "street1", "city", "zip", "country")
_HEAVIEST_OUNCES = 1058.2
"""Thirty kilograms."""
_OUNCES_PER_KILOGRAM = 35.274
REFUSED_POSTCODE = "ZZ99 9ZZ"
"""An address that the carrier does not find: no rate is offered."""


class ApiError(Exception):
    """Answered as EasyPost does: `{"error": {"code", "message", "errors"}}`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, "errors": []}}


def create(transaction: Transaction, said: Mapping[str, Any]) -> Body:
    asked = said.get("shipment")
    if not isinstance(asked, dict):
        raise _missing("shipment")
    addresses = {name: _address(transaction, asked, name) for name in ("from", "to")}
    given = asked.get("parcel")
    parcel: Body = given if isinstance(given, dict) else {}
    weight = parcel.get("weight")
    if not isinstance(weight, int | float) or isinstance(weight, bool) or weight <= 0:
        raise _missing("parcel.weight")
    abroad = addresses["from"]["country"] != addresses["to"]["country"]
    if abroad and not isinstance(asked.get("customs_info"), dict):
        raise _missing("customs_info")
    moment, identity = written(transaction.now), new_id("shp")
    takes = weight <= _HEAVIEST_OUNCES and addresses["to"]["zip"] != REFUSED_POSTCODE
    message = {
        "carrier": CARRIER,
        "carrier_account_id": "ca_sandbox",
        "type": "rate_error",
        "message": "The parcel cannot be sent there.",
    }
    body: Body = {
        "id": identity,
        "object": "Shipment",
        "mode": "test",
        "created_at": moment,
        "updated_at": moment,
        "reference": asked.get("reference"),
        "status": "unknown",
        "is_return": False,
        "tracking_code": None,
        "from_address": addresses["from"],
        "to_address": addresses["to"],
        "parcel": {"id": new_id("prcl"), "object": "Parcel", "mode": "test", **parcel},
        "customs_info": asked.get("customs_info"),
        "options": asked.get("options") or {},
        "messages": [] if takes else [message],
        "rates": _rates(identity, moment, weight, abroad) if takes else [],
        "selected_rate": None,
        "postage_label": None,
        "tracker": None,
        "refund_status": None,
        "fees": [],
    }
    transaction.put_shipment(body)
    return body


def buy(transaction: Transaction, identity: str, said: Mapping[str, Any], public_url: str) -> Body:
    body = show(transaction, identity)
    if body["postage_label"] is not None:
        raise ApiError(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")
    named = said.get("rate")
    wanted = named.get("id") if isinstance(named, dict) else None
    rate = next((one for one in body["rates"] if one["id"] == wanted), None)
    if rate is None:
        raise ApiError(422, "SHIPMENT.RATE.UNAVAILABLE", "The selected rate is not available.")
    moment = written(transaction.now)
    tracker = _tracker(transaction.now, identity, rate["delivery_days"], public_url)
    label = {
        "id": new_id("pl"),
        "object": "PostageLabel",
        "created_at": moment,
        "updated_at": moment,
        "label_date": moment,
        "label_size": "4x6",
        "label_file_type": "application/pdf",
        "label_url": f"{public_url}/carrier/labels/{tracker['tracking_code']}",
    }
    fee = {"object": "Fee", "type": "PostageFee", "amount": rate["rate"], "charged": True}
    body |= {
        "updated_at": moment,
        "tracking_code": tracker["tracking_code"],
        "selected_rate": rate,
        "postage_label": label,
        "tracker": tracker,
        "fees": [fee | {"refunded": False}],
    }
    transaction.put_tracker(tracker)
    transaction.put_shipment(body)
    fate = transaction.knob("settings", {}).get("fate", "arrives")
    plan(transaction, tracker, rate["delivery_days"], fate)
    tell(transaction, tracker)
    return body


def refund(transaction: Transaction, identity: str) -> Body:
    body = show(transaction, identity)
    if body["postage_label"] is None:
        raise ApiError(
            422, "SHIPMENT.INVALID_PARAMS", "Unable to refund a shipment without postage."
        )
    if body["refund_status"] is None:
        if body["tracker"]["status"] != "pre_transit":
            raise ApiError(422, "REFUND.UNAVAILABLE", "The label was used already.")
        body["refund_status"] = "submitted"
        tracker = body["tracker"] | {"status": "cancelled", "status_detail": "cancelled"}
        body["tracker"] = tracker
        transaction.sql.execute("DELETE FROM steps WHERE tracker = ?", (tracker["id"],))
        transaction.put_tracker(tracker)
        transaction.put_shipment(body)
    return body


def show(transaction: Transaction, identity: str) -> Body:
    body = transaction.shipment(identity)
    if body is None:
        raise _not_found()
    if body["tracker"] is not None:
        body["tracker"] = show_tracker(transaction, body["tracker"]["id"])
        body["status"] = body["tracker"]["status"]
    return body


def show_tracker(transaction: Transaction, identity: str) -> Body:
    while move_along(transaction, identity):
        pass
    body = transaction.tracker(identity)
    if body is None:
        raise _not_found()
    return body


def _address(transaction: Transaction, asked: Mapping[str, Any], name: str) -> Body:
    given = asked.get(f"{name}_address")
    if not isinstance(given, dict):
        raise _missing(f"{name}_address")
    for part in _NEEDED:
        if not isinstance(given.get(part), str) or not given[part].strip():
            raise ApiError(
                422, "ADDRESS.PARAMETER.REQUIRED", f"Missing required parameter: {name}.{part}"
            )
    moment = written(transaction.now)
    kept = {part: given.get(part) for part in _ADDRESS}
    return {"id": new_id("adr"), "object": "Address", "mode": "test", "created_at": moment} | kept


def _rates(identity: str, moment: str, ounces: float, abroad: bool) -> list[Body]:
    kilograms = ounces / _OUNCES_PER_KILOGRAM
    days = (5, 2) if abroad else (2, 1)
    prices = (2.4 + 0.5 * kilograms, 4.9 + 0.9 * kilograms)
    return [
        {
            "id": new_id("rate"),
            "object": "Rate",
            "mode": "test",
            "created_at": moment,
            "updated_at": moment,
            "carrier": CARRIER,
            "carrier_account_id": "ca_sandbox",
            "service": service,
            "rate": f"{price:.2f}",
            "currency": "GBP",
            "delivery_days": needed,
            "est_delivery_days": needed,
            "delivery_date": None,
            "delivery_date_guaranteed": False,
            "shipment_id": identity,
        }
        for service, needed, price in zip(("Standard", "Express"), days, prices, strict=True)
    ]


def _tracker(now: datetime, shipment: str, days: int, public_url: str) -> Body:
    moment = written(now)
    code = f"SB{secrets.randbelow(10**12):012d}GB"
    label = Step("pre_transit", "label_created", "A label was printed", "London")
    return {
        "id": new_id("trk"),
        "object": "Tracker",
        "mode": "test",
        "tracking_code": code,
        "status": "pre_transit",
        "status_detail": "label_created",
        "created_at": moment,
        "updated_at": moment,
        "signed_by": None,
        "weight": None,
        "est_delivery_date": written(arrival(now, days)),
        "shipment_id": shipment,
        "carrier": CARRIER,
        "tracking_details": [scan(moment, label)],
        "carrier_detail": None,
        "public_url": f"{public_url}/carrier/parcels/{code}",
    }


def _missing(name: str) -> ApiError:
    return ApiError(422, "PARAMETER.REQUIRED", f"Missing required parameter: {name}")


def _not_found() -> ApiError:
    return ApiError(404, "NOT_FOUND", "The requested resource could not be found.")
