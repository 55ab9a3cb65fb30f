"""The port to carriers by EasyPost's own SDK."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from easypost.easypost_client import EasyPostClient
from easypost.errors.api.bad_request_error import BadRequestError
from easypost.errors.api.invalid_request_error import InvalidRequestError
from easypost.errors.api.not_found_error import NotFoundError
from easypost.errors.general.easypost_error import EasyPostError
from easypost.errors.general.signature_verification_error import SignatureVerificationError
from easypost.util import validate_webhook

from functions.shipping.easypost.shapes import (
    EasyPostShipment,
    Rate,
    label_from,
    notice_from,
    shipment_from,
    tracking_from,
)
from functions.shipping.shipment_model import (
    BadSignature,
    CarrierRefused,
    CarrierUnavailable,
    Label,
    Notice,
    Sent,
    Tracking,
)
from shared.config.settings import Sender
from shared.telemetry import http_call

_EASYPOST = "https://api.easypost.com/v2"
TIMEOUT_SECONDS = 15
_GRAMS_PER_OUNCE = 28.349523125
_BOX_INCHES = (9.5, 6.5)
_GRAMS_PER_INCH = 650
"""Of books that lie in a box of that size."""
_PRINTED_BOOKS = "490199"
"""The Harmonized System's heading."""
_BOUGHT_BEFORE = "SHIPMENT.POSTAGE.EXISTS"
_SLOW = 99
_REMEMBERED = 100
"""Drafts whose rates are kept until their label is bought."""


class SdkCarrier:
    """May be used from any thread. `api_base` is another address than EasyPost's, with its version:
    the sandbox's."""

    def __init__(
        self,
        api_key: str,
        webhook_secret: str,
        sender: Sender,
        api_base: str | None = None,
        *,
        timeout_seconds: int = TIMEOUT_SECONDS,
    ) -> None:
        self._client = EasyPostClient(api_key, api_base or _EASYPOST, timeout_seconds)
        if api_base is not None:
            # What stands in for EasyPost is beside us, and no proxy of the environment is between.
            self._client._requests_session.trust_env = False
        self._drafts: dict[str, EasyPostShipment] = {}
        self._server = urlsplit(api_base or _EASYPOST).hostname or ""
        self._webhook_secret = webhook_secret
        self._sender = sender

    def draft(self, sent: Sent) -> str:
        with self._called("POST", "/v2/shipments"):
            made = self._client.shipment.create(**_request(self._sender, sent))
        shipment = shipment_from(made.to_dict())
        if not shipment.rates:
            said = "; ".join(f"{one.carrier}: {one.message}" for one in shipment.messages)
            raise CarrierRefused(f"no carrier offers a rate. {said}".strip())
        if len(self._drafts) >= _REMEMBERED:
            self._drafts.clear()
        self._drafts[shipment.id] = shipment
        return shipment.id

    def buy(self, carrier_id: str, within_days: int) -> Label:
        # A fresh draft has shown its rates; were it bought meanwhile, EasyPost would say so.
        shipment = self._drafts.pop(carrier_id, None) or self._shipment(carrier_id)
        if (label := label_from(shipment)) is not None:
            return label
        rate = chosen(shipment.rates, within_days)
        try:
            with self._called("POST", "/v2/shipments/{id}/buy"):
                bought = self._client.shipment.buy(carrier_id, rate={"id": rate.id})
            shipment = shipment_from(bought.to_dict())
        except _BoughtBefore:
            shipment = self._shipment(carrier_id)
        label = label_from(shipment)
        if label is None:
            raise CarrierUnavailable("EasyPost shows no label after it was bought.")
        return label

    def label(self, carrier_id: str) -> Label | None:
        return label_from(self._shipment(carrier_id))

    def void(self, carrier_id: str) -> None:
        if self._shipment(carrier_id).refund_status is None:
            with self._called("POST", "/v2/shipments/{id}/refund"):
                self._client.shipment.refund(carrier_id)

    def track(self, tracker: str) -> Tracking:
        with self._called("GET", "/v2/trackers/{id}"):
            shown = self._client.tracker.retrieve(tracker)
        return tracking_from(shown.to_dict())

    def verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        signature = {"X-Hmac-Signature": headers.get("x-hmac-signature", "")}
        try:
            validate_webhook(body, signature, self._webhook_secret)
        except (SignatureVerificationError, TypeError):
            raise BadSignature from None
        except (ValueError, RecursionError):
            return  # signed, and no JSON: `read` says so

    def read(self, body: bytes) -> Notice:
        try:
            event: Any = json.loads(body)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        return notice_from(event)

    @contextmanager
    def _called(self, method: str, template: str) -> Iterator[None]:
        with http_call(method, self._server, template), _translated():
            yield

    def _shipment(self, carrier_id: str) -> EasyPostShipment:
        with self._called("GET", "/v2/shipments/{id}"):
            shown = self._client.shipment.retrieve(carrier_id)
        return shipment_from(shown.to_dict())


def chosen(rates: Sequence[Rate], within_days: int) -> Rate:
    """The cheapest that takes no longer, else the fastest. Raises CarrierRefused where there is
    none."""
    if not rates:
        raise CarrierRefused("no carrier offers a rate.")
    in_time = [one for one in rates if _days(one) <= within_days]
    if in_time:
        return min(in_time, key=lambda one: one.rate)
    return min(rates, key=lambda one: (_days(one), one.rate))


def _days(rate: Rate) -> int:
    """A carrier that says nothing is taken to be slow."""
    return _SLOW if rate.delivery_days is None else rate.delivery_days


def _request(sender: Sender, sent: Sent) -> dict[str, Any]:
    length, width = _BOX_INCHES
    height = max(1.0, round(sent.weight_grams / _GRAMS_PER_INCH, 1))
    asked: dict[str, Any] = {
        "reference": sent.reference,
        "from_address": _address(sender.model_dump()) | {"phone": sender.phone},
        "to_address": _address(sent.to.model_dump()),
        "parcel": {
            "length": length,
            "width": width,
            "height": height,
            "weight": _ounces(sent.weight_grams),
        },
        "options": {"label_format": "PDF"},
    }
    if sent.to.country != sender.country:
        asked["customs_info"] = _customs(sender, sent)
    return asked


def _address(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": said["name"],
        "street1": said["line1"],
        "street2": said["line2"],
        "city": said["city"],
        "state": said["region"],
        "zip": said["postcode"],
        "country": said["country"],
    }


def _customs(sender: Sender, sent: Sent) -> dict[str, Any]:
    return {
        "customs_certify": True,
        "customs_signer": sender.name,
        "contents_type": "merchandise",
        "restriction_type": "none",
        "non_delivery_option": "return",
        "customs_items": [
            {
                "description": "Printed books",
                "hs_tariff_number": _PRINTED_BOOKS,
                "origin_country": sender.country,
                "quantity": one.quantity,
                "value": one.unit_price * one.quantity / 100,
                "weight": _ounces(one.weight_grams * one.quantity),
                "currency": sent.currency,
            }
            for one in sent.contents
        ],
    }


def _ounces(grams: int) -> float:
    return round(grams / _GRAMS_PER_OUNCE, 1)


class _BoughtBefore(CarrierRefused):
    pass


@contextmanager
def _translated() -> Iterator[None]:
    """EasyPost's errors as the port's. Only what it says no to for good is called refused."""
    try:
        yield
    except (InvalidRequestError, BadRequestError, NotFoundError) as error:
        kind = _BoughtBefore if error.code == _BOUGHT_BEFORE else CarrierRefused
        raise kind(f"{error.code}: {error.message}") from error
    except EasyPostError as error:
        raise CarrierUnavailable(f"{type(error).__name__}: {error}") from error
