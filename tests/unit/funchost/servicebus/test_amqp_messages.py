"""Messages of the vendor's SDK through our eyes, and ours through theirs."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus._pyamqp._decode import decode_payload
from azure.servicebus._pyamqp._encode import encode_payload
from azure.servicebus._transport._pyamqp_transport import PyamqpTransport
from azure.servicebus.amqp import AmqpAnnotatedMessage
from hypothesis import given
from hypothesis import strategies as st

from funchost.servicebus.amqp.codec import AmqpMessageCodec, incoming
from funchost.servicebus.amqp.delivery import as_received
from funchost.servicebus.amqp.encoding import encode, encode_described_list, encode_list
from funchost.servicebus.amqp.sections import (
    APPLICATION_PROPERTIES,
    DATA,
    HEADER,
    MESSAGE_ANNOTATIONS,
    PROPERTIES,
    VALUE,
    EncodedMessage,
    split_batch,
)
from funchost.servicebus.amqp.values import DecodeError, Symbol, Timestamp, UByte, UInt
from funchost.servicebus.broker.interface import (
    Envelope,
    MessageChanges,
    MessageState,
    StoredMessage,
)

CODEC = AmqpMessageCodec()
TOKEN = UUID("00112233-4455-6677-8899-aabbccddeeff")
TEXT = st.text(max_size=30)
PROPERTY_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(allow_nan=False),
    TEXT,
    st.uuids(),
    st.integers(0, 2**42).map(
        lambda value: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=value)
    ),
)


def encoded(message: ServiceBusMessage) -> bytes:
    output = bytearray()
    encode_payload(output, PyamqpTransport.to_outgoing_amqp_message(message.raw_amqp_message))
    return bytes(output)


def their_view(data: bytes) -> Any:
    return decode_payload(memoryview(data))


def stored(data: bytes, **fields: Any) -> StoredMessage:
    defaults: dict[str, Any] = {
        "sequence_number": 7,
        "enqueued_sequence_number": 6,
        "enqueued_at": 1_700_000_000_123,
        "delivery_count": 0,
        "state": MessageState.ACTIVE,
        "time_to_live": None,
        "scheduled_at": None,
        "dead_letter_source": None,
        "session_id": None,
        "lock_token": None,
        "locked_until": None,
    }
    return StoredMessage(data, **{**defaults, **fields})


def section(code: int, value: Any) -> bytes:
    return b"\x00\x53" + bytes((code,)) + encode(value)


@given(
    body=st.binary(max_size=400),
    properties=st.dictionaries(TEXT, PROPERTY_VALUES, max_size=6),
    texts=st.lists(st.text(min_size=1, max_size=30), min_size=6, max_size=6),
)
def test_all_that_a_sender_says_is_read(
    body: bytes, properties: dict[str, Any], texts: list[str]
) -> None:
    message = ServiceBusMessage(
        body,
        application_properties=properties,
        session_id=texts[0],
        message_id=texts[1],
        subject=texts[2],
        to=texts[3],
        reply_to=texts[4],
        correlation_id=texts[5],
        content_type="text/plain",
        reply_to_session_id="back",
        time_to_live=timedelta(seconds=90),
        partition_key=texts[0],
        scheduled_enqueue_time_utc=datetime(2030, 1, 1, tzinfo=UTC),
    )
    read = incoming(encoded(message))
    assert read.envelope == Envelope(texts[1], texts[0], 90_000, 1_893_456_000_000)
    found = CODEC.properties(read.encoded)
    assert dict(found.application) == properties
    assert found.system == {
        "MessageId": texts[1],
        "CorrelationId": texts[5],
        "ContentType": "text/plain",
        "Label": texts[2],
        "ReplyTo": texts[4],
        "ReplyToSessionId": "back",
        "SessionId": texts[0],
        "To": texts[3],
    }
    parsed = EncodedMessage(read.encoded)
    assert (parsed.body_value or b"") == body
    assert parsed.partition_key == texts[0]


@given(st.dictionaries(TEXT, PROPERTY_VALUES, min_size=1, max_size=6), st.binary(max_size=400))
def test_a_receiver_gets_what_was_sent_and_what_the_broker_says(
    properties: dict[str, Any], body: bytes
) -> None:
    sent = encoded(
        ServiceBusMessage(body, application_properties=properties, partition_key="shelf")
    )
    before = their_view(sent)
    after = their_view(
        as_received(
            stored(
                incoming(sent).encoded,
                delivery_count=3,
                time_to_live=5_000,
                lock_token=TOKEN,
                locked_until=1_700_000_060_000,
                state=MessageState.DEFERRED,
                dead_letter_source="orders",
            )
        )
    )
    assert after.properties == before.properties
    assert after.application_properties == before.application_properties
    assert after.data == before.data
    assert (after.header.delivery_count, after.header.ttl) == (3, 5_000)
    assert after.message_annotations == {
        b"x-opt-enqueued-time": 1_700_000_000_123,
        b"x-opt-sequence-number": 7,
        b"x-opt-enqueue-sequence-number": 6,
        b"x-opt-locked-until": 1_700_000_060_000,
        b"x-opt-message-state": 1,
        b"x-opt-deadletter-source": b"orders",
        b"x-opt-partition-key": b"shelf",
    }


def test_a_sender_cannot_say_what_the_broker_says() -> None:
    forged = {Symbol("x-opt-sequence-number"): 99, Symbol("x-opt-colour"): "blue"}
    sent = section(MESSAGE_ANNOTATIONS, forged) + section(DATA, b"body")
    annotations = their_view(as_received(stored(sent))).message_annotations
    assert annotations[b"x-opt-sequence-number"] == 7
    assert annotations[b"x-opt-colour"] == b"blue"


def test_a_header_keeps_what_is_the_senders() -> None:
    header = encode_described_list(HEADER, [True, UByte(9), UInt(60_000)])
    received = their_view(as_received(stored(header + section(DATA, b"")))).header
    assert received == (True, 9, 60_000, True, 0)


def test_bodies_of_all_kinds_are_told_apart() -> None:
    message = AmqpAnnotatedMessage(value_body={"a": [1, "two"]})
    output = bytearray()
    encode_payload(output, PyamqpTransport.to_outgoing_amqp_message(message))
    assert EncodedMessage(bytes(output)).body_value == {"a": [1, "two"]}
    message = AmqpAnnotatedMessage(sequence_body=[[1, 2], ["three"]])
    output = bytearray()
    encode_payload(output, PyamqpTransport.to_outgoing_amqp_message(message))
    assert EncodedMessage(bytes(output)).body_value == [1, 2, "three"]
    message = AmqpAnnotatedMessage(data_body=[b"one ", b"two"])
    output = bytearray()
    encode_payload(output, PyamqpTransport.to_outgoing_amqp_message(message))
    assert EncodedMessage(bytes(output)).body_value == b"one two"
    assert EncodedMessage(encoded(ServiceBusMessage(None))).body_value is None


@pytest.mark.parametrize(
    ("message_id", "text"),
    [(UUID(int=5), str(UUID(int=5))), (b"\x01\xff", "01ff"), ("m", "m"), (2**40, str(2**40))],
)
def test_an_id_of_any_type_is_text_to_the_broker(message_id: Any, text: str) -> None:
    assert incoming(section(PROPERTIES, [message_id])).envelope.message_id == text


def test_delivery_annotations_end_here() -> None:
    hop = section(0x71, {Symbol("x-hop"): 1})
    kept = section(PROPERTIES, ["id"]) + section(DATA, b"body")
    assert incoming(hop + kept).encoded == kept
    assert incoming(kept + hop).encoded == kept
    untouched = section(DATA, b"body") + section(0x78, {Symbol("foot"): 1})
    assert incoming(untouched).encoded is untouched


def test_descriptors_of_any_form_are_read_and_written_in_the_one_that_clients_read() -> None:
    long_form = b"\x00\x80" + (0x75).to_bytes(8, "big") + encode(b"body")
    symbolic = b"\x00" + encode(Symbol("amqp:properties:list")) + encode(["id"])
    received = their_view(as_received(stored(symbolic + long_form)))
    assert received.data == [b"body"]
    assert received.properties.message_id == b"id"


@given(
    own=st.dictionaries(TEXT, PROPERTY_VALUES, max_size=5),
    added=st.dictionaries(TEXT, PROPERTY_VALUES, max_size=5),
    removed=st.frozensets(TEXT, max_size=3),
)
def test_changes_of_application_properties_leave_all_else(
    own: dict[str, Any], added: dict[str, Any], removed: frozenset[str]
) -> None:
    sent = encoded(ServiceBusMessage(b"body", application_properties=own))
    removed |= frozenset(list(own)[:1])
    changed = CODEC.edit(sent, MessageChanges(application=added, removed=removed))
    expected = {name: value for name, value in (own | added).items() if name not in removed}
    assert dict(CODEC.properties(changed).application) == expected
    before, after = their_view(sent), their_view(changed)
    assert (after.properties, after.data) == (before.properties, before.data)


def test_what_is_not_changed_keeps_its_type() -> None:
    small = b"\x00\x53\x74\xc1\x06\x02\xa1\x01n\x52\x05"  # {"n": uint 5}
    changed = CODEC.edit(small, MessageChanges(application={"added": "x"}))
    assert b"\xa1\x01n\x52\x05" in changed


def test_system_properties_are_set_and_unset() -> None:
    sent = encoded(ServiceBusMessage(b"body", subject="old", to="nobody", message_id="id"))
    changes = MessageChanges(system={"Label": "new", "To": None, "SessionId": "s", "ReplyTo": "r"})
    properties = their_view(CODEC.edit(sent, changes)).properties
    assert (properties.subject, properties.to, properties.group_id) == (b"new", None, b"s")
    assert (properties.reply_to, properties.message_id) == (b"r", b"id")
    bare = CODEC.edit(section(DATA, b"body"), MessageChanges(system={"Label": "new"}))
    assert their_view(bare).properties.subject == b"new"


def test_a_time_that_no_calendar_holds_is_the_last_one() -> None:
    sent = section(APPLICATION_PROPERTIES, {"when": Timestamp(2**62)})
    assert CODEC.properties(sent).application["when"] == datetime.max.replace(tzinfo=UTC)


def test_a_batch_is_taken_apart() -> None:
    parts = [encoded(ServiceBusMessage(f"{number}", message_id=str(number))) for number in range(3)]
    batch = section(PROPERTIES, ["first"]) + b"".join(section(DATA, part) for part in parts)
    assert split_batch(batch) == parts


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (section(VALUE, "not data"), "not data"),
        (section(PROPERTIES, ["id"]), "no message"),
        (section(DATA, b"") * 10_001, "more than 10000 messages"),
        (b"\x00", "descriptor"),
    ],
)
def test_a_batch_of_something_else_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        split_batch(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello", "does not start with a descriptor"),
        (b"\x00\x53\x99\x45", "the standard does not know"),
        (section(PROPERTIES, ["a"]) + section(PROPERTIES, ["b"]), "two sections 0x73"),
        (section(PROPERTIES, {"a": 1}), "not a list"),
        (section(PROPERTIES, [None] * 14), "at most 13"),
        (section(PROPERTIES, [1.5]), "message-id may not be a float"),
        (section(PROPERTIES, [None] * 10 + [5]), "group-id may not be a int"),
        (section(HEADER, [None, None, "soon"]), "ttl may not be a str"),
        (section(APPLICATION_PROPERTIES, ["a"]), "not a map"),
        (section(APPLICATION_PROPERTIES, {"a": [1]}), "'a' is not a simple value"),
        (section(APPLICATION_PROPERTIES, {5: 1}), "not a string"),
        (section(MESSAGE_ANNOTATIONS, {"x-opt-scheduled-enqueue-time": 5}), "not a timestamp"),
        (section(DATA, "text"), "not binary"),
        (section(DATA, b"") + section(VALUE, 1), "two kinds"),
        (section(VALUE, 1) + section(VALUE, 2), "two values"),
        (b"\x00\x53\x77\xc0\x02\x01\x01", "no type has the constructor"),
        (b"\x00\x53\x75\xa0\xff", "past the end"),
    ],
)
def test_a_message_that_nobody_could_read_is_not_let_in(data: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        incoming(data)


@given(st.binary(max_size=200))
def test_garbage_is_no_message(data: bytes) -> None:
    for candidate in (data, section(PROPERTIES, ["id"]) + data, b"\x00\x53\x74" + data):
        try:
            incoming(candidate)
        except DecodeError:
            continue


@given(st.data())
def test_a_damaged_message_is_refused_or_still_readable(data: st.DataObject) -> None:
    message = ServiceBusMessage(
        b"body", application_properties={"a": 1, "b": uuid4()}, session_id="s", subject="x"
    )
    damaged = bytearray(encoded(message))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        accepted = incoming(bytes(damaged)).encoded
    except DecodeError:
        return
    CODEC.properties(accepted)
    CODEC.edit(accepted, MessageChanges(application={"added": 1}, system={"Label": "l"}))
    their_view(as_received(stored(accepted)))


def test_lists_leave_out_the_nulls_at_their_end() -> None:
    assert encode_list([b"\x43", b"\x40", b"\x40"]) == encode([UInt(0)])
    assert encode_list([b"\x40"]) == encode([])
