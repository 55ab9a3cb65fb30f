"""Outbox, relay and inbox: nothing is lost, nothing is sent out of order, twice is once."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import azure.functions as func
import pytest
from azure.functions.servicebus import ServiceBusMessage
from sqlalchemy import MetaData, select

from shared.contracts.envelope import Envelope, Payload, UnreadableMessage
from shared.kit.clock import ManualClock
from shared.messaging.consuming import consume
from shared.messaging.outbox import Inbox, Outbox
from shared.messaging.publisher import Message, PublishFailed
from shared.messaging.relay import Relay
from shared.messaging.tables import inbox_table, outbox_table
from shared.sql.database import Database
from shared.telemetry import current_trace_id, span
from shared.telemetry.metrics import measure_with
from tests.support.databases import database_url
from tests.support.exporters import Meter

metadata = MetaData()
outbox = outbox_table(metadata)
inbox = inbox_table(metadata)


class Counted(Payload):
    kind: ClassVar[str] = "thing.counted"

    number: int


@dataclass
class Recorder:
    """A publisher that keeps what it took, and fails when it is told to."""

    taken: list[tuple[str, Message]] = field(default_factory=list)
    refuses: Callable[[str, Sequence[Message]], bool] = lambda destination, messages: False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
        if self.refuses(destination, messages):
            raise PublishFailed(f"{destination}: refused")
        with self.lock:
            self.taken += [(destination, message) for message in messages]

    def numbers(self) -> dict[str, list[int]]:
        by_subject = defaultdict(list)
        for _, message in self.taken:
            envelope = Envelope.parse(message.body)
            by_subject[envelope.subject].append(envelope.payload(Counted).number)
        return dict(by_subject)


@dataclass
class Mail:
    database: Database
    clock: ManualClock
    publisher: Recorder
    relays: list[Relay] = field(default_factory=list)

    def relay(self, publisher: Recorder | None = None) -> Relay:
        relay = Relay(self.database, outbox, publisher or self.publisher, self.clock)
        self.relays.append(relay)
        return relay

    def announce(self, subject: str, *numbers: int, to: str = "things") -> None:
        with self.database.write() as connection:
            box = Outbox(connection, outbox, "tests", self.clock.business_now())
            for number in numbers:
                box.add(to, subject, Counted(number=number))


@pytest.fixture
def mail(sql: None, tmp_path: Path) -> Iterator[Mail]:
    database = Database(database_url(tmp_path, "mail"))
    with database.write() as connection:
        metadata.create_all(connection)
    opened = Mail(database, ManualClock(), Recorder())
    yield opened
    for relay in opened.relays:
        relay.close()
    database.dispose()


def test_what_a_commit_announces_is_sent_once_and_in_order(mail: Mail) -> None:
    mail.announce("a", 1, 2)
    mail.announce("b", 1)
    mail.announce("a", 3)
    assert mail.relay().send_due() == 4
    assert mail.publisher.numbers() == {"a": [1, 2, 3], "b": [1]}
    assert mail.relay().send_due() == 0
    assert mail.relay().waiting() == (0, None)


def test_a_transaction_that_is_given_up_announces_nothing(mail: Mail) -> None:
    def announce_and_fail() -> None:
        with mail.database.write() as connection:
            box = Outbox(connection, outbox, "tests", mail.clock.business_now())
            box.add("things", "a", Counted(number=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        announce_and_fail()
    assert mail.relay().waiting() == (0, None)


def test_what_could_not_be_sent_stays_and_keeps_its_younger_ones_back(mail: Mail) -> None:
    mail.announce("a", 1, to="first")
    mail.announce("a", 2, to="second")
    mail.announce("b", 1, to="second")
    mail.publisher.refuses = lambda destination, _: destination == "first"
    with pytest.raises(PublishFailed):
        mail.relay().send_due()
    assert "a" not in mail.publisher.numbers()
    waiting, oldest = mail.relay().waiting()
    assert waiting >= 2
    assert oldest == mail.clock.business_now()
    mail.publisher.refuses = lambda destination, _: False
    mail.relay().send_due()
    assert mail.publisher.numbers() == {"a": [1, 2], "b": [1]}


def test_a_dead_relays_claim_ends_and_its_rows_are_sent_by_another(mail: Mail) -> None:
    mail.announce("a", 1)

    class KilledError(BaseException):
        """Nothing is tidied up behind it."""

    def die(destination: str, messages: Sequence[Message]) -> bool:
        raise KilledError

    mail.publisher.refuses = die
    with pytest.raises(KilledError):
        mail.relay().send_due()
    mail.publisher.refuses = lambda destination, messages: False
    mail.announce("a", 2)
    assert mail.relay().send_due() == 0, "the younger row waits for the elder, which is claimed"
    mail.clock.advance(timedelta(seconds=31))
    assert mail.relay().send_due() == 2
    assert mail.publisher.numbers() == {"a": [1, 2]}


def test_many_relays_at_once_keep_the_order_of_each_subject(mail: Mail) -> None:
    subjects = [f"order {number}" for number in range(8)]
    relays = [mail.relay() for _ in range(4)]

    def write(place: int) -> None:
        for number in range(25):
            mail.announce(subjects[place], number)
            relays[place % 4].nudge()

    with ThreadPoolExecutor(8) as threads:
        for writer in [threads.submit(write, place) for place in range(8)]:
            writer.result()
    while mail.relay().waiting()[0]:
        mail.relay().send_due()
    assert mail.publisher.numbers() == {subject: list(range(25)) for subject in subjects}


def test_a_nudge_sends_without_waiting_for_the_timer(mail: Mail) -> None:
    sent = threading.Event()

    class Telling(Recorder):
        def publish(self, destination: str, messages: Sequence[Message], patience: float) -> None:
            sent.set()

    mail.announce("a", 1)
    mail.relay(Telling()).nudge()
    assert sent.wait(10)


def test_what_was_sent_is_forgotten_after_its_time_and_nothing_else(mail: Mail) -> None:
    mail.announce("a", 1)
    mail.relay().send_due()
    mail.announce("a", 2)
    mail.clock.advance(timedelta(days=8))
    assert mail.relay().purge(timedelta(days=7)) == 1
    assert mail.relay().waiting()[0] == 1


def test_an_event_is_new_once(mail: Mail) -> None:
    def take(event_id: str) -> bool:
        with mail.database.write() as connection:
            return Inbox(connection, inbox, mail.clock.business_now()).is_new(event_id)

    assert [take("one"), take("one"), take("two")] == [True, False, True]
    mail.clock.advance(timedelta(days=31))
    with mail.database.write() as connection:
        now = mail.clock.business_now()
        assert Inbox(connection, inbox, now).forget(now - timedelta(days=30)) == 2
    with mail.database.primary() as connection:
        assert connection.execute(select(inbox)).all() == []


def test_a_consumer_gets_its_payload_within_the_publishers_trace(mail: Mail) -> None:
    with span("the publisher") as publisher:
        mail.announce("a", 7)
    mail.relay().send_due()
    [(_, message)] = mail.publisher.taken
    seen: list[tuple[int, str | None]] = []

    def count(envelope: Envelope, counted: Counted) -> None:
        seen.append((counted.number, current_trace_id()))

    consume(received(message.body), {Counted: count})
    assert seen == [(7, publisher.context.trace_id)]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b'{"id": "1"}', b"[" * 100_000, b'{"specversion": "2.0"}'],
)
def test_a_body_that_is_no_event_is_refused_without_showing_it(body: bytes) -> None:
    with pytest.raises(UnreadableMessage, match="not a CloudEvent"):
        consume(received(body), {})


def test_a_payload_that_breaks_its_promise_is_refused(mail: Mail) -> None:
    mail.announce("a", 1)
    mail.relay().send_due()
    body = mail.publisher.taken[0][1].body.replace(b'"number":1', b'"number":"many"')
    with pytest.raises(UnreadableMessage, match="number"):
        consume(received(body), {Counted: lambda envelope, counted: None})


def test_an_unknown_kind_is_none_of_a_consumers_business(mail: Mail) -> None:
    mail.announce("a", 1)
    mail.relay().send_due()
    consume(received(mail.publisher.taken[0][1].body), {})


def received(body: bytes) -> func.ServiceBusMessage:
    return ServiceBusMessage(
        body=body, message_id="1", application_properties={}, user_properties={}
    )


@pytest.mark.parametrize(("delivery", "counted"), [(1, 0), (9, 0), (10, 1)])
def test_the_last_delivery_that_fails_is_counted_as_a_dead_letter(
    delivery: int, counted: int
) -> None:
    meter = Meter()
    measure_with(meter)
    message = ServiceBusMessage(
        body=b"{}",
        message_id="1",
        application_properties={},
        user_properties={},
        delivery_count=delivery,
    )
    try:
        with pytest.raises(UnreadableMessage):
            consume(message, {})
    finally:
        measure_with(None)
    assert len(meter.taken) == counted


def test_a_relay_says_how_far_behind_it_is(mail: Mail) -> None:
    meter = Meter()
    mail.announce("a", 1, 2)
    mail.clock.advance_business(timedelta(seconds=90))
    measure_with(meter)
    try:
        mail.relay().measure("tests")
        mail.relay().send_due()
        mail.relay().measure("tests")
    finally:
        measure_with(None)
    assert meter.taken == [
        ("bookstore.outbox.waiting", 2, {"service": "tests"}),
        ("bookstore.outbox.lag", 90, {"service": "tests"}),
        ("bookstore.outbox.waiting", 0, {"service": "tests"}),
        ("bookstore.outbox.lag", 0, {"service": "tests"}),
    ]
