"""What other AMQP stacks do and the vendor's Python SDK does not."""

import subprocess
from collections.abc import Iterator
from struct import pack
from uuid import UUID, uuid4

import pytest
from azure.servicebus import ServiceBusMessage

from funchost.servicebus.amqp.encoding import encode, encode_described_list
from funchost.servicebus.amqp.sections import EncodedMessage
from funchost.servicebus.amqp.values import Array, Described, Symbol, UInt, ULong
from tests.support.amqp_client import (
    ACCEPTED,
    ATTACH,
    CLOSE,
    DETACH,
    DISPOSITION,
    END,
    FLOW,
    MODIFIED,
    REJECTED,
    RELEASED,
    TRANSFER,
    RawClient,
    body_of,
    data,
)
from tests.support.service_bus import BrokerProcess, nothing_left, receive


@pytest.fixture
def raw(broker: BrokerProcess) -> Iterator[RawClient]:
    with broker.connect() as connection:
        yield RawClient(connection)


def fill(raw: RawClient, queue: str, number: int, handle: int = 0) -> None:
    raw.attach_sender(handle, queue)
    for delivery in range(number):
        raw.transfer(handle, delivery, data(f"{delivery}".encode()))
    expect_accepted(raw, number)


def expect_accepted(raw: RawClient, number: int) -> None:
    settled = 0
    while settled < number:
        fields, _ = raw.expect(DISPOSITION)
        assert fields[4].descriptor == ACCEPTED
        settled += (fields[2] or fields[1]) - fields[1] + 1


def take(raw: RawClient, number: int) -> list[tuple[int, bytes]]:
    """Delivery ids with bodies."""
    found = []
    for _ in range(number):
        fields, payload = raw.expect(TRANSFER)
        found.append((fields[1], body_of(payload)))
    return found


def test_one_disposition_settles_a_range(broker: BrokerProcess, raw: RawClient) -> None:
    queue = broker.queue()
    fill(raw, queue, 10)
    raw.attach_receiver(1, queue)
    # Without a delivery-count, as some say it before they have seen our attach.
    raw.flow(1, credit=10)
    messages = take(raw, 10)
    assert [body for _, body in messages] == [f"{number}".encode() for number in range(10)]
    raw.settle(messages[0][0], messages[-1][0], ACCEPTED)
    answered: set[int] = set()
    while len(answered) < 10:
        fields, _ = raw.expect(DISPOSITION)
        assert fields[4].descriptor == ACCEPTED
        answered |= set(range(fields[1], (fields[2] or fields[1]) + 1))
    raw.flow(1, count=10, credit=5, drain=True)
    fields, _ = raw.expect(FLOW)
    assert fields[4:7] == [1, 15, 0]


def test_settled_dispositions_are_taken_without_an_answer(
    broker: BrokerProcess, raw: RawClient
) -> None:
    queue = broker.queue()
    fill(raw, queue, 2)
    raw.attach_receiver(1, queue)
    raw.flow(1, count=0, credit=2)
    (first, _), (second, _) = take(raw, 2)
    raw.settle(first, None, ACCEPTED, settled=True)
    raw.settle(second, None, RELEASED, settled=True)
    raw.flow(1, count=2, credit=10)
    fields, payload = raw.expect(TRANSFER)
    assert body_of(payload) == b"1"
    assert EncodedMessage(payload).header[4] == 0  # It was not counted as a delivery.
    raw.settle(fields[1], None, MODIFIED, True, False, {Symbol("note"): "tried"})
    assert raw.expect(DISPOSITION)[0][4].descriptor == MODIFIED
    fields, payload = raw.expect(TRANSFER)
    again = EncodedMessage(payload)
    assert again.header[4] == 1
    assert again.application_properties == {"note": "tried"}
    error = Described(ULong(0x1D), [Symbol("com.example:broken"), "cannot be read"])
    raw.settle(fields[1], None, REJECTED, error)
    assert raw.expect(DISPOSITION)[0][4].descriptor == REJECTED
    raw.attach_receiver(2, f"amqp://elsewhere:1/{queue}/$deadletterqueue", settle_mode=1)
    raw.flow(2, count=0, credit=1)
    fields, payload = raw.expect(TRANSFER)
    assert fields[4] is True
    assert EncodedMessage(payload).application_properties == {
        "note": "tried",
        "DeadLetterReason": "com.example:broken",
        "DeadLetterErrorDescription": "cannot be read",
    }


def test_settled_and_aborted_transfers(broker: BrokerProcess, raw: RawClient) -> None:
    queue = broker.queue()
    raw.attach_sender(0, queue)
    raw.transfer(0, 0, data(b"settled"), settled=True)
    raw.transfer(0, 1, data(b"half a mess"), more=True)
    raw.transfer(0, 1, b"", aborted=True)
    whole = data(b"in parts")
    for part in (whole[:3], whole[3:5]):
        raw.transfer(0, 2, part, more=True)
    raw.transfer(0, 2, whole[5:])
    fields, _ = raw.expect(DISPOSITION)
    assert (fields[1], fields[4].descriptor) == (2, ACCEPTED)
    raw.attach_receiver(1, queue, settle_mode=1)
    raw.flow(1, count=0, credit=10)
    assert [body for _, body in take(raw, 2)] == [b"settled", b"in parts"]


def test_a_small_window_is_not_overrun(broker: BrokerProcess) -> None:
    queue = broker.queue()
    with broker.connect() as connection:
        raw = RawClient(connection, window=3, frame=UInt(512))
        fill(raw, queue, 1)
        raw.transfer(0, 1, data(b"x" * 3000))
        raw.expect(DISPOSITION)
        raw.attach_receiver(1, queue, settle_mode=1)
        raw.flow(1, count=0, credit=10, window=3)
        frames = [raw.expect(TRANSFER) for _ in range(3)]
        assert all(len(payload) < 512 for _, payload in frames)
        # Nothing comes beyond the window: the answer to this is the next that does.
        raw.flow(incoming=4, window=0, echo=True)
        assert raw.read()[0] == FLOW
        raw.flow(incoming=4, window=100)
        while frames[-1][0][5] is True:
            frames.append(raw.expect(TRANSFER))
        assert body_of(b"".join(payload for _, payload in frames[1:])) == b"x" * 3000


def test_a_lower_credit_is_obeyed(broker: BrokerProcess, raw: RawClient) -> None:
    queue = broker.queue()
    raw.attach_receiver(1, queue)
    raw.flow(1, count=0, credit=5)
    raw.flow(1, count=0, credit=1)
    raw.flow(echo=True)
    raw.expect(FLOW)
    with broker.connect() as connection:
        fill(RawClient(connection), queue, 3)
    assert [body for _, body in take(raw, 1)] == [b"0"]
    # The next transfer is the answer to this, not another message.
    assert ask(raw, "$management", "funchost:list-entities", {}).body_value["entities"]
    raw.flow(1, count=1, credit=2)
    assert [body for _, body in take(raw, 2)] == [b"1", b"2"]


def test_a_described_session_filter_is_understood(broker: BrokerProcess, raw: RawClient) -> None:
    queue = broker.queue("session")
    name = Symbol("com.microsoft:session-filter")
    wanted = {name: Described(ULong(0x137000000C), "mine")}
    reply = raw.attach_receiver(1, queue, filters=wanted)
    assert reply[5].value[0] == queue
    assert reply[5].value[7] == {name: "mine"}
    assert reply[13]["com.microsoft:locked-until-utc"] > 638_000_000_000_000_000


@pytest.mark.parametrize(
    "target", [Described(ULong(0x30), []), Described(ULong(0x29), [None, None, None, None, True])]
)
def test_transactions_and_dynamic_nodes_are_refused(raw: RawClient, target: Described) -> None:
    reply = raw.attach_sender(0, "", target=target)
    assert reply[6] is None
    fields, _ = raw.expect(DETACH)
    assert fields[2].value[0] == "amqp:not-implemented"


def test_a_client_that_asks_for_heartbeats_gets_them(broker: BrokerProcess) -> None:
    with broker.connect() as connection:
        raw = RawClient(connection, idle=UInt(600))
        assert raw.read()[0] == 0
        assert raw.read()[0] == 0


def test_links_sessions_and_connections_end_in_order(broker: BrokerProcess, raw: RawClient) -> None:
    queue = broker.queue()
    raw.attach_sender(0, queue)
    raw.send(DETACH, [UInt(0), True])
    assert raw.expect(DETACH)[0][:2] == [0, True]
    # What was under way when the link ended is passed over; its handle may be used again.
    raw.transfer(0, 0, data(b"late"))
    assert raw.attach_receiver(0, queue)[2] is False
    raw.send(END, [])
    raw.expect(END)
    raw.flow(0, count=0, credit=1)
    raw.send(CLOSE, [], channel=0)
    raw.expect(CLOSE)


def test_a_handle_that_is_in_use_ends_the_session(broker: BrokerProcess, raw: RawClient) -> None:
    queue = broker.queue()
    raw.attach_sender(0, queue)
    raw.send(ATTACH, ["again", UInt(0), False])
    fields, _ = raw.expect(END)
    assert fields[0].value[0] == "amqp:session:handle-in-use"


def request(operation: str, body: object, reply_to: str = "here") -> tuple[UUID, bytes]:
    identity = uuid4()
    properties = encode_described_list(0x73, [identity, None, None, None, reply_to])
    application = b"\x00\x53\x74" + encode({"operation": operation})
    return identity, properties + application + b"\x00\x53\x77" + encode(body)


def ask(raw: RawClient, node: str, operation: str, body: object) -> EncodedMessage:
    """Over the links 10 and 11, which are attached for the first time."""
    raw.attach_sender(10, node)
    raw.attach_receiver(11, node)
    raw.flow(11, count=0, credit=1)
    identity, payload = request(operation, body)
    raw.transfer(10, 0, payload)
    _, reply = raw.expect(TRANSFER)
    message = EncodedMessage(reply)
    assert message.properties[5] == identity
    return message


@pytest.mark.parametrize(
    ("operation", "body", "status", "condition"),
    [
        ("com.microsoft:unheard-of", {}, 501, "amqp:not-implemented"),
        ("com.microsoft:renew-lock", {}, 400, "com.microsoft:argument-out-of-range"),
        ("com.microsoft:renew-lock", [1], 400, "com.microsoft:argument-out-of-range"),
        (
            "com.microsoft:renew-lock",
            {"lock-tokens": Array(0x98, [uuid4()])},
            410,
            "com.microsoft:message-lock-lost",
        ),
        (
            "com.microsoft:update-disposition",
            {"disposition-status": "lost", "lock-tokens": Array(0x98, [uuid4()])},
            400,
            "com.microsoft:argument-out-of-range",
        ),
        (
            "com.microsoft:peek-message",
            {"from-sequence-number": ULong(2**64 - 1), "message-count": 1},
            400,
            "com.microsoft:argument-out-of-range",
        ),
        (
            "com.microsoft:schedule-message",
            {"messages": [{"message": b"no message"}]},
            400,
            "amqp:decode-error",
        ),
        ("com.microsoft:get-message-sessions", {}, 400, "amqp:not-allowed"),
        ("com.microsoft:enumerate-rules", {}, 400, "amqp:not-allowed"),
    ],
)
def test_a_wrong_request_is_answered_with_a_reason(
    broker: BrokerProcess,
    raw: RawClient,
    operation: str,
    body: object,
    status: int,
    condition: str,
) -> None:
    reply = ask(raw, f"{broker.queue()}/$management", operation, body)
    properties = reply.application_properties
    assert (properties["statusCode"], properties["errorCondition"]) == (status, condition)
    assert properties["statusDescription"]


def ask_again(raw: RawClient, operation: str, body: object) -> EncodedMessage:
    """Over the links that `ask` has attached."""
    raw.flow(11, count=0, credit=100)
    identity, payload = request(operation, body)
    raw.transfer(10, 0, payload)
    reply = EncodedMessage(raw.expect(TRANSFER)[1])
    assert reply.properties[5] == identity
    return reply


def test_rules_are_added_listed_and_removed(broker: BrokerProcess, raw: RawClient) -> None:
    """As ServiceBusRuleManager of the SDKs for .NET and JavaScript asks for it."""

    def rules(**page: int) -> list[tuple[str, int, object, int, object]]:
        listing = {"top": 100, "skip": 0, **page}
        answer = ask_again(raw, "com.microsoft:enumerate-rules", listing)
        if answer.application_properties["statusCode"] == 204:
            return []
        found = []
        for entry in answer.body_value["rules"]:
            description = entry["rule-description"]
            assert description.descriptor == 0x0000013700000004
            test, action, name = description.value
            found.append((name, test.descriptor, test.value, action.descriptor, action.value))
        return found

    every = ("$Default", 0x1370000007, [], 0x13700000005, [])
    reply = ask(raw, "events/subscriptions/changing/$management", "com.microsoft:add-rule", {})
    assert reply.application_properties["statusCode"] == 400
    assert rules() == [every]
    correlation = {
        "correlation-id": None,
        "label": "wanted",
        "properties": {"colour": "red", "number": 1},
    }
    added = [
        {
            "rule-name": "sql",
            "rule-description": {
                "sql-filter": {"expression": "colour = 'blue'"},
                "sql-rule-action": {"expression": "SET colour = 'green'"},
            },
        },
        {
            "rule-name": "same",
            "rule-description": {"correlation-filter": correlation, "sql-rule-action": None},
        },
    ]
    for rule in added:
        answer = ask_again(raw, "com.microsoft:add-rule", rule)
        assert answer.application_properties["statusCode"] == 200
    sql = ("sql", 0x1370000006, ["colour = 'blue'"], 0x13700000006, ["SET colour = 'green'"])
    fields = [None, None, None, None, "wanted", None, None, None, correlation["properties"]]
    same = ("same", 0x1370000009, fields, 0x13700000005, [])
    assert rules() == [every, sql, same]
    assert rules(skip=1, top=1) == [sql]
    assert rules(skip=3) == []
    for wrong, status, condition in (
        (added[0], 409, "com.microsoft:entity-already-exists"),
        ({"rule-name": "x", "rule-description": {}}, 400, "com.microsoft:argument-error"),
        (
            {"rule-name": "x", "rule-description": {"sql-filter": {"expression": "a = = b"}}},
            400,
            "com.microsoft:argument-error",
        ),
        (
            {"rule-name": "x", "rule-description": {"correlation-filter": {}}},
            400,
            "com.microsoft:argument-error",
        ),
    ):
        refused = ask_again(raw, "com.microsoft:add-rule", wrong).application_properties
        assert (refused["statusCode"], refused["errorCondition"]) == (status, condition)
    for name, status in (("$Default", 200), ("$Default", 404), ("SAME", 200)):
        answer = ask_again(raw, "com.microsoft:remove-rule", {"rule-name": name})
        assert answer.application_properties["statusCode"] == status
    assert rules() == [sql]
    with broker.client() as client:
        with client.get_topic_sender("events") as sender:
            for colour in ("red", "blue"):
                sender.send_messages(
                    ServiceBusMessage(colour, application_properties={"colour": colour})
                )
        with client.get_subscription_receiver("events", "changing") as receiver:
            [message] = receive(receiver, 1)
            assert message.application_properties == {b"colour": b"green", b"RuleName": b"sql"}
            receiver.complete_message(message)
            assert nothing_left(receiver)


def test_the_namespace_lists_its_entities(broker: BrokerProcess, raw: RawClient) -> None:
    queue = broker.queue()
    fill(raw, queue, 3)
    reply = ask(raw, "$management", "funchost:list-entities", {})
    found = {entity["path"]: entity for entity in reply.body_value["entities"]}
    assert found[queue]["active"] == 3
    assert found[queue]["kind"] == "queue"
    assert found["events/Subscriptions/all/$DeadLetterQueue"]["active"] == 0


def test_slow_readers_do_not_fill_the_brokers_memory(broker: BrokerProcess) -> None:
    queue = broker.queue()
    with broker.connect() as sending, broker.connect() as reading:
        sender, reader = RawClient(sending), RawClient(reading)
        sender.attach_sender(0, queue)
        for delivery in range(300):
            for number in range(4):
                part = data(bytes(200_000))[number * 50_002 : (number + 1) * 50_002]
                sender.transfer(0, delivery, part, more=number < 3)
            sender.expect(DISPOSITION)
        assert broker.process is not None
        reader.attach_receiver(1, queue)
        before = resident_megabytes(broker.process.pid)
        reader.flow(1, count=0, credit=1000)
        # Sixty megabytes wait for a reader that takes the first message and stops.
        reader.expect(TRANSFER)
        sender.transfer(0, 300, data(b"an answer shows that the broker has gone on"))
        sender.expect(DISPOSITION)
        assert resident_megabytes(broker.process.pid) - before < 25


def test_many_links_that_do_not_read_leave_messages_to_others(broker: BrokerProcess) -> None:
    queue = broker.queue()
    with broker.connect() as sending, broker.connect() as reading:
        sender, reader = RawClient(sending), RawClient(reading, window=100_000)
        sender.attach_sender(0, queue)
        for start in range(0, 1000, 50):
            for delivery in range(start, start + 50):
                sender.transfer(0, delivery, data(bytes(30_000)))
            expect_accepted(sender, 50)
        for handle in range(200):
            reader.attach_receiver(handle, queue)
        for handle in range(200):
            reader.flow(handle, count=0, credit=2**32 - 1, window=100_000)
        reader.expect(TRANSFER)
        # Whatever the kernel holds of thirty megabytes, much is still in the broker.
        sender.attach_receiver(1, queue)
        sender.flow(1, count=0, credit=200)
        for _ in range(200):
            sender.expect(TRANSFER)


def resident_megabytes(process: int) -> float:
    told = subprocess.check_output(["ps", "-o", "rss=", "-p", str(process)])
    return int(told) / 1000


def test_sasl_mechanisms_of_other_stacks_are_taken(broker: BrokerProcess) -> None:
    for mechanism, code in (("PLAIN", 0), ("MSSBCBS", 0), ("EXTERNAL", 1)):
        with broker.connect() as connection:
            initial = b"\x00user\x00secret"
            body = encode_described_list(0x41, [Symbol(mechanism), initial])
            frame = pack(">IBBH", len(body) + 8, 2, 1, 0) + body
            connection.sendall(b"AMQP\x03\x01\x00\x00" + frame)
            received = b""
            while not received.endswith(b"\x00\x53\x44\xc0\x03\x01\x50" + bytes((code,))):
                part = connection.recv(4096)
                assert part
                received += part
