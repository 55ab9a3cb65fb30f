"""`python -m funchost bus` on a running broker, on a stopped one, and by a connection string."""

import contextlib
import io
import json
import sys
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient
from azure.servicebus.amqp import AmqpAnnotatedMessage

from funchost.cli import main
from funchost.servicebus.connections import parse_connection_string
from funchost.servicebus.operator.browsing import browse
from funchost.servicebus.operator.replaying import replay
from funchost.servicebus.operator.rows import EntityRow, rows_of_namespace
from funchost.servicebus.operator.target import Target
from tests.host.service_bus import (
    connection_string,
    declaration,
    producing,
    write_declaration,
)
from tests.support.ports import free_ports

APP = """
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.service_bus_queue_trigger(arg_name="m", queue_name="failing", connection="SB")
async def failing(m: func.ServiceBusMessage) -> None:
    raise ValueError("never")

@app.service_bus_topic_trigger(arg_name="m", topic_name="events", subscription_name="mail",
                               connection="SB")
async def mail(m: func.ServiceBusMessage) -> None:
    raise ValueError("never")
"""
QUEUES = {
    "failing": {"MaxDeliveryCount": 1},
    "box": {},
    "ordered": {"RequiresSession": True},
}
TOPICS = [
    {
        "Name": "events",
        "Subscriptions": [
            {"Name": "mail", "Properties": {"MaxDeliveryCount": 1}},
            {"Name": "other"},
        ],
    }
]


class Shop:
    def __init__(self, hosts):
        self.hosts = hosts
        self.port = free_ports()
        self.folder = hosts.write(APP)
        write_declaration(self.folder, declaration(QUEUES, TOPICS))
        self.host = hosts.start(self.folder, environment={"SB": connection_string(self.port)})
        self.state = self.host.state

    def bus(self, *words, code=0, answer="", where=None):
        place = ["--state", str(self.state)] if where is None else where
        printed = io.StringIO()
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, "stdin", io.StringIO(answer))
            assert main(["bus", *words, *place]) == code, printed.getvalue()
        return printed.getvalue()

    def rows(self, **options):
        lines = self.bus("list", "--json", **options).splitlines()
        return {row["path"]: row for row in map(json.loads, lines)}


@pytest.fixture(scope="module")
def shop(hosts):
    made = Shop(hosts)
    with producing(made.port) as producer:
        made.producer = producer
        producer.send(
            "failing",
            ServiceBusMessage(
                "order 1", message_id="m1", subject="s", correlation_id="c",
                application_properties={"ce-id": "e1", "n": 2**31 - 1, "at": datetime.now(UTC)},
            ),
            ServiceBusMessage("order 2", message_id="m2"),
        )  # fmt: skip
        producer.send("events", "news", topic=True)
        made.host.wait_for_log(r"Executed 'Functions\.\w+' \(Failed", 3)
        producer.send("box", "one", "two")
        for session in ("a", "b"):
            producer.send("ordered", ServiceBusMessage("x", session_id=session))
        yield made


def test_the_list_shows_every_entity_with_its_counts(shop):
    rows = shop.rows()
    assert {path: (row["active"], row["dead"]) for path, row in rows.items()} == {
        "failing": (0, 2),
        "box": (2, 0),
        "ordered": (2, 0),
        "events": (0, 0),
        "events/Subscriptions/mail": (0, 1),
        "events/Subscriptions/other": (1, 0),
    }
    assert rows["ordered"]["sessions"] == 2
    table = shop.bus("list").splitlines()
    assert table[0].split() == [
        "entity", "kind", "active", "scheduled", "deferred", "dead", "sessions",
    ]  # fmt: skip
    assert any(line.split() == ["box", "queue", "2", "0", "0", "0", "-"] for line in table)


def test_peek_shows_messages_and_takes_none(shop):
    shown = shop.bus("peek", "box")
    assert "one" in shown
    assert "two" in shown
    assert shop.bus("peek", "box", "--count", "1").count("active") == 1
    lines = shop.bus("peek", "failing", "--dead", "--json").splitlines()
    first = json.loads(lines[0])
    assert (first["body"], first["message_id"], first["subject"]) == ("order 1", "m1", "s")
    assert first["application_properties"]["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert first["deliveries"] == 1, "those that led there"
    assert len(shop.bus("peek", "ordered", "--json").splitlines()) == 2
    assert len(shop.bus("peek", "ordered", "--session", "a", "--json").splitlines()) == 1
    assert "is empty" in shop.bus("peek", "box", "--dead")


def test_dead_letters_are_counted_by_entity_and_reason(shop):
    lines = [line.split() for line in shop.bus("deadletters").splitlines()]
    assert ["failing", "MaxDeliveryCountExceeded", "2"] in lines
    assert ["events/Subscriptions/mail", "MaxDeliveryCountExceeded", "1"] in lines
    assert "There are no dead letters" in shop.bus("deadletters", "--reason", "Other")
    one = shop.bus("deadletters", "failing")
    assert "Message could not be consumed after 1 delivery attempts." in one
    assert "order 2" in one


def test_one_dead_letter_is_replayed_with_a_fresh_id_and_the_same_content(shop):
    (old, _) = shop.producer.peek("failing", dead=True)
    sent = shop.bus("replay", "failing", "--number", str(old.sequence_number))
    assert "1 dead letters of failing were sent to failing." in sent
    shop.host.wait_for_log(r"Executed 'Functions\.failing' \(Failed", 3)
    again = shop.producer.peek("failing", dead=True)
    assert [b"".join(message.body) for message in again] == [b"order 2", b"order 1"]
    new = again[1]
    assert new.message_id != old.message_id
    assert new.application_properties == old.application_properties
    assert (new.subject, new.correlation_id) == (old.subject, old.correlation_id)


def test_a_number_that_is_no_dead_letter_is_said(shop):
    assert "no such dead letters" in shop.bus("replay", "failing", "--number", "999", code=1)


def test_all_dead_letters_of_a_reason_are_replayed_once(shop):
    assert "no such" in shop.bus("replay", "failing", "--all", "--reason", "Other")
    text = shop.bus("replay", "failing", "--all", "--reason", "MaxDeliveryCountExceeded")
    assert text.startswith("2 dead letters")
    shop.host.wait_for_log(r"Executed 'Functions\.failing' \(Failed", 5)
    assert shop.rows()["failing"]["dead"] == 2


def test_a_subscription_s_dead_letter_goes_to_its_topic(shop):
    entity = "events/Subscriptions/mail"
    assert "were sent to events." in shop.bus("replay", entity, "--all")
    assert shop.rows()["events/Subscriptions/other"]["active"] == 2


@pytest.mark.parametrize(
    "body", [{"value_body": "text"}, {"sequence_body": [[1, "a"]]}, {"data_body": [b"\xff"]}]
)
def test_bodies_of_every_kind_are_replayed(shop, body):
    receiver = shop.producer.client.get_queue_receiver("box")
    name = str(uuid4())
    sent = AmqpAnnotatedMessage(**body, application_properties={"name": name})
    shop.producer.send("box", sent)
    with receiver:
        for message in receiver.receive_messages(10, max_wait_time=5):
            if (message.application_properties or {}).get(b"name") == name.encode():
                receiver.dead_letter_message(message, reason="test")
            else:
                receiver.abandon_message(message)
    shop.bus("replay", "box", "--all")
    found = [
        message
        for message in shop.producer.peek("box")
        if (message.application_properties or {}).get(b"name") == name.encode()
    ]
    assert [message.body_type.value for message in found] == [next(iter(body)).split("_")[0]]


def test_purge_asks_and_deletes(shop):
    assert "Nothing was deleted" in shop.bus("purge", "ordered", answer="n\n", code=1)
    assert shop.rows()["ordered"]["active"] == 2
    assert "2 messages of ordered were deleted" in shop.bus("purge", "ordered", answer="y\n")
    assert "2 messages of failing/$DeadLetterQueue" in shop.bus(
        "purge", "failing", "--dead", "--yes"
    )
    assert shop.rows()["failing"]["dead"] == 0


def test_a_connection_may_be_named_or_given(shop, tmp_path):
    text = connection_string(shop.port)
    assert "box" in shop.rows(where=["--connection", text])
    settings = {"IsEncrypted": False, "Values": {"Bus": text}}
    (tmp_path / "local.settings.json").write_text(json.dumps(settings))
    assert "box" in shop.rows(where=["--connection", "Bus", "--app-dir", str(tmp_path)])
    assert "box" in shop.rows(where=["--app-dir", str(tmp_path)])


def test_what_is_wrong_is_said_in_a_sentence(shop, tmp_path):
    assert "missing" in shop.bus("peek", "missing", code=1)
    assert "missing" in shop.bus("replay", "missing", "--all", code=1)
    nowhere = ["--app-dir", str(tmp_path)]
    assert "no setting tells which namespace" in shop.bus("list", code=2, where=nowhere)
    text = shop.bus("list", code=2, where=["--connection", "Nothing", *nowhere])
    assert "Service Bus connection 'Nothing' does not exist" in text
    unused = connection_string(free_ports())
    text = shop.bus("list", code=2, where=["--connection", unused, *nowhere])
    assert "none is running" in text


def test_a_stopped_broker_is_looked_into_by_its_state(hosts):
    shop = Shop(hosts)
    with producing(shop.port) as producer:
        producer.send("failing", "order 1")
        shop.host.wait_for_log(r"Executed 'Functions\.failing' \(Failed")
    assert shop.host.stop() == 0
    assert shop.rows()["failing"]["dead"] == 1
    assert "order 1" in shop.bus("peek", "failing", "--dead")
    assert "1 dead letters" in shop.bus("replay", "failing", "--all")
    assert (shop.rows()["failing"]["active"], shop.rows()["failing"]["dead"]) == (1, 0)


async def test_the_counts_of_a_namespace_in_azure_become_the_same_rows():
    """By what the SDK's administration client gives; a namespace itself needs an account."""

    def pages(*items):
        async def each():
            for item in items:
                yield item

        return each()

    counts = {
        "active_message_count": 3, "dead_letter_message_count": 2,
        "transfer_dead_letter_message_count": 1,
    }  # fmt: skip
    administration = SimpleNamespace(
        list_queues_runtime_properties=lambda: pages(
            SimpleNamespace(name="q", scheduled_message_count=4, **counts)
        ),
        list_topics_runtime_properties=lambda: pages(
            SimpleNamespace(name="t", scheduled_message_count=5)
        ),
        list_subscriptions_runtime_properties=lambda topic: pages(
            SimpleNamespace(name=f"{topic}-s", **counts)
        ),
    )
    assert await rows_of_namespace(administration) == [
        EntityRow("q", "queue", 3, 4, dead=3),
        EntityRow("t", "topic", scheduled=5),
        EntityRow("t/Subscriptions/t-s", "subscription", 3, dead=3),
    ]


async def test_elsewhere_dead_letters_are_browsed_and_replayed_through_the_sdk(hosts):
    """As for Azure: the broker is not told from one that knows only Service Bus's own calls."""
    port = free_ports()
    folder = hosts.write("app = func.FunctionApp()")
    write_declaration(folder, declaration({"box": {}}))
    hosts.start(folder, environment={"SB": connection_string(port)})
    connection = parse_connection_string("SB", connection_string(port))
    properties = {"name": "n", "large": {"TYPE": "LONG", "VALUE": 2**40}, "small": -1, "yes": True}
    async with ServiceBusClient.from_connection_string(connection_string(port)) as client:
        target = Target(client, connection, None)
        async with (
            client.get_queue_sender("box") as sender,
            client.get_queue_receiver("box") as box,
        ):
            for body in ({"data_body": [b"\xff"]}, {"value_body": 7}, {"sequence_body": [[1]]}):
                sent = AmqpAnnotatedMessage(**body, application_properties=properties)
                await sender.send_messages(sent)
            for _ in range(3):
                (message,) = await box.receive_messages(1, max_wait_time=20)
                await box.dead_letter_message(message, reason="tried")
            dead = [message async for message in browse(target, "box/$DeadLetterQueue")]
            assert [message.reason for message in dead] == ["tried"] * 3
            result = await replay(target, "box", lambda message: True)
            assert (result.sent, result.missing) == ([1, 2, 3], [])
            again = [message async for message in browse(target, "box")]
    assert [message.body for message in again] == [b"\xff", 7, [1]]
    expected = {"name": "n", "large": 2**40, "small": -1, "yes": True}
    assert [message.application_properties for message in again] == [expected] * 3
    assert all(len(message.message_id) == 32 for message in again)
