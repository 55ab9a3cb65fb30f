"""A message that is decoded late looks as one that was decoded at once."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest
from azure.functions.servicebus import ServiceBusMessage

from funchost.convert import Datum, decode
from funchost.function import Parameter
from funchost.servicebus.conversion import single_data, single_metadata
from funchost.servicebus.deferred import DeferredMetadata, argument
from funchost.servicebus.messages import ReceivedMessage

PARAMETER = Parameter("serviceBusTrigger", func.ServiceBusMessage)
_NOT_SERVED = "force_persistence"
SHOWN = [
    name
    for name, value in vars(ServiceBusMessage).items()
    if isinstance(value, property) and name != _NOT_SERVED
]


def received(body: bytes) -> ReceivedMessage:
    return ReceivedMessage(
        body=body,
        sequence_number=7,
        delivery_count=2,
        lock_token="5e1f3b42-9d5c-4a86-8f3b-0f2f5f2f5b11",
        enqueued_time=datetime(2026, 11, 28, 17, 30, 58, 123000, UTC),
        expires_at=datetime(2026, 12, 12, 17, 30, 58, tzinfo=UTC),
        message_id="m",
        content_type="application/json",
        session_id="s",
        subject="order.placed",
        application_properties={"traceparent": "00-1-2-01"},
    )


def made(body: bytes) -> tuple[Any, Any]:
    """Late, and at once."""
    message = received(body)
    data = single_data(message, is_binary=False)
    metadata = DeferredMetadata(lambda: single_metadata(message, data))
    return argument(PARAMETER, data, metadata), decode(PARAMETER, data, metadata)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"plain",
        b"[1, 2]",
        b"{'single': 'quotes'}",
        b'{"subject": "its own", "MESSAGEID": 5, "more": {"at": "2026-11-28T17:30:58Z"}}',
        b'{"deliveryCount": "11", "to": null}',
        b'{"expiresAtUtc": null, "sequenceNumber": 12}',
    ],
)
def test_every_field_is_the_same(body: bytes) -> None:
    late, at_once = made(body)
    assert late.get_body() == at_once.get_body()
    assert [getattr(late, name) for name in SHOWN] == [getattr(at_once, name) for name in SHOWN]
    assert repr(late).split(" at ")[0] == repr(at_once).split(" at ")[0]


def test_the_body_alone_takes_no_decoding() -> None:
    def make() -> dict[str, Datum]:
        raise AssertionError("nobody has asked")

    message = argument(PARAMETER, Datum("{}", "string"), DeferredMetadata(make))
    assert isinstance(message, func.ServiceBusMessage)
    assert message.get_body() == b"{}"


@pytest.mark.parametrize(
    "told",
    [
        {"DeliveryCount": "often"},
        {"EnqueuedTimeUtc": "2026-11-28T17:30:58Z"},
        {"expiresatutc": "never"},
        {"UserProperties": None},
    ],
)
def test_what_cannot_be_decoded_is_refused_at_once(told: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        made(json.dumps(told).encode())
    message = received(json.dumps(told).encode())
    data = single_data(message, is_binary=False)
    with pytest.raises((ValueError, TypeError)):
        argument(PARAMETER, data, single_metadata(message, data))


def test_it_can_be_copied_and_has_no_other_attributes() -> None:
    late, _ = made(b"{}")
    assert copy.copy(late).message_id == "m"
    with pytest.raises(AttributeError, match="no_such_field"):
        _ = late.no_such_field
