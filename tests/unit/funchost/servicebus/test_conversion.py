"""What Python sees of a message, and what becomes of Python's values, through azure-functions' own
converters."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from azure.functions.meta import Datum

from funchost.convert import decode
from funchost.function import Parameter
from funchost.results import OutputError
from funchost.servicebus.conversion import (
    ConversionError,
    batch_data,
    batch_metadata,
    outgoing_bodies,
    single_data,
    single_metadata,
    trigger_details,
)
from funchost.servicebus.messages import ReceivedMessage

NOON = datetime(2026, 11, 25, 12, 0, 0, 120_000, tzinfo=UTC)
TRIGGER = Parameter("serviceBusTrigger", None)


def received(body=b"text", **fields):
    given = {
        "sequence_number": 7,
        "delivery_count": 1,
        "lock_token": "11111111-2222-3333-4444-555555555555",
        "enqueued_time": NOON,
        **fields,
    }
    return ReceivedMessage(body, **given)


FULL = received(
    b"\xc3\xa9t\xc3\xa9",
    message_id="m",
    content_type="text/plain",
    correlation_id="c",
    subject="s",
    to="t",
    reply_to="r",
    reply_to_session_id="rs",
    session_id="o-1",
    partition_key="p",
    dead_letter_source="orders",
    expires_at=NOON + timedelta(days=1),
    locked_until=NOON + timedelta(minutes=1),
    application_properties={"k": "v", "n": 1, "f": 1.5, "b": True, "none": None, "at": NOON},
)


def one(message, *, is_binary=False):
    data = single_data(message, is_binary=is_binary)
    return decode(TRIGGER, data, single_metadata(message, data))


def many(*messages, is_binary=False):
    data = batch_data(messages, is_binary=is_binary)
    return decode(TRIGGER, data, batch_metadata(messages))


def test_a_message_comes_with_all_its_fields():
    seen = one(FULL)
    assert seen.get_body() == "été".encode()
    assert {
        name: getattr(seen, name)
        for name in (
            "message_id", "content_type", "correlation_id", "subject", "label", "to", "reply_to",
            "reply_to_session_id", "session_id", "partition_key", "transaction_partition_key",
            "dead_letter_source", "sequence_number", "delivery_count", "lock_token",
            "enqueued_time_utc", "expires_at_utc",
        )
    } == {
        "message_id": "m", "content_type": "text/plain", "correlation_id": "c", "subject": "s",
        "label": "s", "to": "t", "reply_to": "r", "reply_to_session_id": "rs", "session_id": "o-1",
        "partition_key": "p", "transaction_partition_key": "p", "dead_letter_source": "orders",
        "sequence_number": 7, "delivery_count": 1,
        "lock_token": "11111111-2222-3333-4444-555555555555",
        "enqueued_time_utc": NOON, "expires_at_utc": NOON + timedelta(days=1),
    }  # fmt: skip
    properties = {
        "k": "v", "n": 1, "f": 1.5, "b": True, "none": None, "at": "2026-11-25T12:00:00.12Z",
    }  # fmt: skip
    assert seen.application_properties == seen.user_properties == properties


def test_what_the_extension_never_fills_stays_empty():
    seen = one(FULL)
    for name in ("dead_letter_reason", "locked_until", "state", "time_to_live", "expiration_time"):
        expected = seen.expires_at_utc if name == "expiration_time" else None
        assert getattr(seen, name) == expected


def test_absent_fields_are_absent_and_properties_are_always_there():
    message = received()
    metadata = single_metadata(message, single_data(message, is_binary=False))
    assert set(metadata) == {
        "SequenceNumber", "DeliveryCount", "EnqueuedTimeUtc", "EnqueuedTime", "ExpiresAtUtc",
        "ExpiresAt", "LockToken", "ApplicationProperties", "UserProperties",
    }  # fmt: skip
    assert metadata["EnqueuedTimeUtc"].value == '"2026-11-25T12:00:00.12Z"'
    assert metadata["ExpiresAtUtc"].value == '"9999-12-31T23:59:59.9999999Z"'
    assert one(message).expires_at_utc.year == 9999


@pytest.mark.parametrize(
    ("body", "is_binary", "expected"),
    [
        (b"text", False, Datum("text", "string")),
        (b"text", True, Datum(b"text", "bytes")),
        (b"\xff\xfe", False, Datum(b"\xff\xfe", "bytes")),
        ("a value", False, Datum("a value", "string")),
        (None, False, Datum("", "string")),
    ],
)
def test_a_body_is_text_where_it_can_be(body, is_binary, expected):
    assert single_data(received(body), is_binary=is_binary) == expected


@pytest.mark.parametrize("body", [7, ["a"], {"a": 1}])
def test_other_amqp_values_cannot_be_carried(body):
    with pytest.raises(ConversionError, match="AMQP value or sequence"):
        single_data(received(body), is_binary=False)


def test_a_json_body_overrides_the_message_s_own_fields():
    """Azure/azure-functions-dotnet-worker issue 991."""
    body = {"messageId": "x", "DELIVERYCOUNT": 9, "subject": "new", "other": True, "none": None}
    seen = one(received(json.dumps(body).encode(), message_id="m", correlation_id="c"))
    assert (seen.message_id, seen.delivery_count, seen.subject) == ("x", 9, "new")
    assert seen.correlation_id == "c"
    assert seen.metadata["other"] == "True"
    assert "none" not in seen.metadata


def test_a_json_body_s_objects_stay_objects_and_its_arrays_are_ignored():
    body = {"userProperties": {"a": [1]}, "sessionId": [1], "at": "2026-01-02T03:04:05Z"}
    seen = one(received(json.dumps(body).encode(), session_id="s"))
    assert seen.user_properties == {"a": [1]}
    assert seen.application_properties == {}
    assert seen.session_id == "s"
    # As .NET prints a date that it has read.
    assert seen.metadata["at"] == "01/02/2026 03:04:05"


def test_a_null_in_the_body_takes_a_field_away():
    assert one(received(b'{"sessionId": null}', session_id="s")).session_id is None


@pytest.mark.parametrize("body", [b"[1]", b"{broken", b'"text"', b'{"messageId": }', b""])
def test_other_bodies_override_nothing(body):
    assert one(received(body, message_id="m")).message_id == "m"


def test_a_binary_body_overrides_nothing():
    assert one(received(b'{"messageId":"x"}', message_id="m"), is_binary=True).message_id == "m"


def test_a_batch_comes_as_a_list():
    seen = many(FULL, received(b'{"messageId":"x"}', message_id="n", sequence_number=8))
    assert [message.get_body().decode() for message in seen] == ["été", '{"messageId":"x"}']
    assert [message.message_id for message in seen] == ["m", "n"]
    assert [message.sequence_number for message in seen] == [7, 8]
    assert [message.delivery_count for message in seen] == [1, 1]
    assert [message.enqueued_time_utc for message in seen] == [NOON, NOON]
    assert seen[0].application_properties["k"] == "v"
    assert seen[1].user_properties == {}


def test_a_batch_of_bytes():
    assert many(received(b"\xff"), is_binary=True)[0].get_body() == b"\xff"


def test_a_batch_forgets_empty_text_so_that_what_follows_moves_up():
    """The host's collections of text do not carry empty entries to Python."""
    seen = many(received(content_type=None), received(content_type="b"))
    assert [message.content_type for message in seen] == ["b", None]


def test_a_batch_with_an_empty_body_fails_as_in_azure():
    with pytest.raises(IndexError):
        many(received(b""), received(b"x"))


def test_the_log_names_the_message():
    assert trigger_details([FULL]) == (
        "Trigger Details: MessageId: m, SequenceNumber: 7, DeliveryCount: 1, "
        "EnqueuedTimeUtc: 2026-11-25T12:00:00.12Z, LockedUntilUtc: 2026-11-25T12:01:00.12Z, "
        "SessionId: o-1"
    )
    assert trigger_details([received(), received()], is_batch=True).startswith(
        "Trigger Details: MessageIdArray: , , SequenceNumberArray: 7, 7, "
    )


@pytest.mark.parametrize(
    ("data", "bodies"),
    [
        (Datum("plain", "string"), ["plain"]),
        (Datum("", "string"), [""]),
        (Datum(' {"a":1} ', "string"), ['{\n  "a": 1\n}']),
        (Datum('[1,"b",{"c":2},true,null]', "string"), ["1", "b", '{\n  "c": 2\n}', "True", ""]),
        (Datum("[]", "string"), []),
        (Datum({"a": 1}, "dict"), ['{\n  "a": 1\n}']),
        (Datum(["a", 2], "list"), ["a", "2"]),
        (Datum(5, "int"), ["5"]),
        (Datum(1.5, "double"), ["1.5"]),
        (Datum(b"abc", "bytes"), ["System.Byte[]"]),
    ],
)
def test_an_output_becomes_messages_as_the_host_makes_them(data, bodies):
    assert [body.decode() for body in outgoing_bodies(data)] == bodies


def test_braces_without_json_fail():
    with pytest.raises(OutputError):
        outgoing_bodies(Datum("{broken}", "string"))


def test_properties_of_every_type_come_as_json():
    token = uuid.UUID(int=5)
    message = received(application_properties={"id": token, "raw": b"ab", "é": "é"})
    assert one(message).application_properties == {"id": str(token), "raw": "ab", "é": "é"}
