"""Queues: sending, receiving, expiry, schedules, peeking."""

import asyncio
import sqlite3
from pathlib import Path
from uuid import uuid4

import pytest

from funchost.servicebus.broker.clock import ManualBrokerClock
from funchost.servicebus.broker.errors import (
    ArgumentOutOfRange,
    BrokerUnavailable,
    EntityNotFound,
    MessageNotFound,
    MessageSizeExceeded,
    NotAllowed,
)
from funchost.servicebus.broker.interface import (
    Abandon,
    Complete,
    DeadLetter,
    Defer,
    Envelope,
    IncomingMessage,
    MessageState,
    ReceiveMode,
)
from funchost.servicebus.broker.namespace import EntitySettings, Namespace
from tests.support.broker import one_queue, open_link, running, settled
from tests.support.broker_codec import application, body, message

LOCK = 60_000
DEAD_LETTERS = "q/$DeadLetterQueue"
DELETE = ReceiveMode.RECEIVE_AND_DELETE


async def test_messages_come_in_the_order_in_which_they_were_numbered(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        assert await broker.send("q", [message("a"), message("b", session="unused")]) == [1, 2]
        assert await broker.send("Q", [message("c")]) == [3]
        link = await open_link(broker, "q")
        first, second, third = await link.take(3)
    assert [body(each) for each in (first, second, third)] == ["a", "b", "c"]
    assert first.sequence_number == first.enqueued_sequence_number == 1
    assert first.enqueued_at == clock.now()
    assert first.locked_until == clock.now() + LOCK
    assert first.delivery_count == 0
    assert first.state is MessageState.ACTIVE
    assert (first.time_to_live, first.scheduled_at, first.dead_letter_source) == (None, None, None)
    assert (first.session_id, second.session_id) == (None, "unused")


async def test_a_message_that_is_sent_reaches_a_receiver_that_waits(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        link = await open_link(broker, "q")
        assert await link.available() == []
        waiting = asyncio.create_task(link.take(2))
        await broker.send("q", [message("a")])
        await broker.send("q", [message("b")])
        assert [body(each) for each in await waiting] == ["a", "b"]


async def test_what_is_more_than_one_burst_comes_to_a_receiver_that_asked_for_all(
    tmp_path: Path,
) -> None:
    """A burst ends after a mebibyte, and by now the queue is known to have been empty."""
    async with running(tmp_path, one_queue()) as broker:
        link = await open_link(broker, "q", DELETE)
        assert await link.available() == []
        link.receiver.set_credit(0)
        for _ in range(10):
            await broker.send("q", [message("x" * 250_000)])
        await settled(broker)
        assert len(await link.take(10)) == 10


async def test_no_message_comes_beyond_the_credit(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message(str(n)) for n in range(5)])
        link = await open_link(broker, "q")
        link.receiver.set_credit(2)
        link.receiver.set_credit(1)
        await link.receiver.drain()
        assert [body(each) for each in link.got] == ["0"]
        assert link.receiver.credit == 0
        await broker.send("q", [message("late")])
        await settled(broker)
        assert len(link.got) == 1
        assert await link.bodies() == ["1", "2", "3", "4", "late"]


@pytest.mark.parametrize("mode", list(ReceiveMode))
async def test_what_was_fetched_for_withdrawn_credit_stays_in_its_place(
    tmp_path: Path, mode: ReceiveMode
) -> None:
    async with running(tmp_path, one_queue(time_to_live=5000)) as broker:
        await broker.send("q", [message(str(n)) for n in range(4)])
        before = await broker.peek("q", 1, 10)
        link = await open_link(broker, "q", mode)
        link.receiver.set_credit(4)
        link.receiver.set_credit(0)
        await settled(broker)
        assert link.got == []
        await link.receiver.close()
        assert await broker.peek("q", 1, 10) == before
        other = await open_link(broker, "q", mode)
        assert [(body(each), each.delivery_count) for each in await other.available()] == [
            (str(n), 0) for n in range(4)
        ]


@pytest.mark.parametrize("mode", list(ReceiveMode))
async def test_what_was_fetched_for_a_closed_receiver_goes_to_another_one(
    tmp_path: Path, mode: ReceiveMode
) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a"), message("b")])
        link = await open_link(broker, "q", mode)
        link.receiver.set_credit(10)
        await link.receiver.close()
        other = await open_link(broker, "q")
        assert [(body(each), each.delivery_count) for each in await other.take(2)] == [
            ("a", 0),
            ("b", 0),
        ]
        assert link.got == []


async def test_receivers_share_what_comes(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        links = [await open_link(broker, "q", DELETE) for _ in range(4)]
        for link in links:
            link.receiver.set_credit(50)
        for number in range(40):
            await broker.send("q", [message(str(number))])
        await settled(broker)
        assert sorted(int(body(each)) for link in links for each in link.got) == list(range(40))
        assert all(len(link.got) == 10 for link in links)


async def test_received_and_deleted_means_gone(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a")])
        link = await open_link(broker, "q", DELETE)
        (received,) = await link.take(1)
        assert (received.lock_token, received.locked_until) == (None, None)
        assert await broker.peek("q", 1, 10) == []


@pytest.mark.parametrize("to_dead_letters", [False, True])
async def test_an_expired_message_goes(tmp_path: Path, to_dead_letters: bool) -> None:
    clock = ManualBrokerClock()
    namespace = one_queue(dead_letter_on_expiration=to_dead_letters, time_to_live=5000)
    async with running(tmp_path, namespace, clock) as broker:
        await broker.send("q", [message("a"), message("b", ttl=9000), message("c", ttl=2000)])
        assert [each.time_to_live for each in await broker.peek("q", 1, 9)] == [5000, 5000, 2000]
        clock.advance(2000)
        await settled(broker)
        assert [body(each) for each in await broker.peek("q", 1, 9)] == ["a", "b"]
        clock.advance(3000)
        await settled(broker)
        assert await broker.peek("q", 1, 9) == []
        letters = await broker.peek(DEAD_LETTERS, 1, 9)
        assert [body(each) for each in letters] == (["a", "b", "c"] if to_dead_letters else [])
        for letter in letters:
            assert application(letter) == {
                "DeadLetterReason": "TTLExpiredException",
                "DeadLetterErrorDescription": "The message expired and was dead lettered.",
            }


async def test_a_locked_message_can_be_completed_after_its_time(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(dead_letter_on_expiration=True), clock) as broker:
        await broker.send("q", [message("a", ttl=1000), message("b", ttl=1000)])
        link = await open_link(broker, "q")
        await link.take(2)
        clock.advance(2000)
        await broker.settle("q", link.tokens()[:1], Complete())
        await broker.settle("q", link.tokens()[1:], Abandon())
        await settled(broker)
        assert [body(each) for each in await broker.peek(DEAD_LETTERS, 1, 9)] == ["b"]


async def test_a_scheduled_message_is_held_back_and_numbered_anew(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        at = clock.now() + 10_000
        numbers = await broker.schedule("q", [message("later", at=at, ttl=3000)])
        assert numbers == [1]
        await broker.send("q", [message("now"), message("past", at=clock.now() - 1)])
        link = await open_link(broker, "q", DELETE)
        assert await link.bodies() == ["now", "past"]
        (waiting,) = await broker.peek("q", 1, 9)
        assert (waiting.state, waiting.scheduled_at) == (MessageState.SCHEDULED, at)
        clock.advance(10_000)
        (came,) = await link.take(1)
        assert (body(came), came.sequence_number, came.enqueued_sequence_number) == ("later", 4, 1)
        assert (came.enqueued_at, came.scheduled_at) == (at, at)


async def test_a_cancelled_schedule_never_comes(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        at = clock.now() + 1000
        numbers = await broker.schedule("q", [message(str(n), at=at) for n in range(3)])
        with pytest.raises(MessageNotFound):
            await broker.cancel_scheduled("q", [numbers[0], 99])
        await broker.cancel_scheduled("q", numbers[:2])
        with pytest.raises(MessageNotFound):
            await broker.cancel_scheduled("q", numbers[:1])
        clock.advance(1000)
        link = await open_link(broker, "q")
        (came,) = await link.take(1)
        assert body(came) == "2"
        with pytest.raises(MessageNotFound):
            await broker.cancel_scheduled("q", numbers[2:])


async def test_many_that_are_due_at_once_all_come_in_order(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        at = clock.now() + 1000
        await broker.schedule("q", [message(str(n), at=at) for n in range(900)])
        link = await open_link(broker, "q", DELETE)
        clock.advance(1000)
        assert [body(each) for each in await link.take(900)] == [str(n) for n in range(900)]


async def test_a_duplicate_is_dropped_within_the_window_only(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    namespace = one_queue(requires_duplicate_detection=True, duplicate_window=20_000)
    async with running(tmp_path, namespace, clock) as broker:
        assert await broker.send("q", [message("a", message_id="1"), message("b")]) == [1, 2]
        again = [message("a2", message_id="1"), message("c", message_id="2"), message("d")]
        assert await broker.send("q", again) == [0, 3, 4]
        link = await open_link(broker, "q", DELETE)
        assert await link.bodies() == ["a", "b", "c", "d"]
        clock.advance(19_999)
        assert await broker.send("q", [message("a3", message_id="1")]) == [0]
        clock.advance(1)
        assert await broker.send("q", [message("a4", message_id="1")]) == [5]
        assert await broker.send("other", [message(message_id="1")] * 2) == [1, 2]


async def test_records_of_duplicates_are_forgotten(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    namespace = one_queue(requires_duplicate_detection=True, duplicate_window=20_000)
    async with running(tmp_path, namespace, clock) as broker:
        await broker.send("q", [message(message_id=str(n)) for n in range(40)])
        clock.advance(20_000)
        await broker.send("q", [message(message_id=f"new {n}") for n in range(20)])
    with sqlite3.connect(tmp_path / "servicebus.db") as connection:
        assert connection.execute("SELECT count(*) FROM duplicate").fetchone() == (20,)
    connection.close()


async def test_a_send_is_all_or_nothing(tmp_path: Path) -> None:
    namespace = Namespace()
    namespace.add_queue("s", requires_session=True)
    async with running(tmp_path, namespace) as broker:
        with pytest.raises(NotAllowed, match="The SessionId was not set on a message"):
            await broker.send("s", [message("a", session="1"), message("b")])
        assert await broker.peek("s", 1, 9) == []


async def test_messages_that_are_too_large_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        fits = IncomingMessage(b"x" * 262_144, Envelope())
        await broker.send("q", [fits])
        with pytest.raises(MessageSizeExceeded, match="262145 bytes"):
            await broker.send("q", [IncomingMessage(b"x" * 262_145, Envelope())])
        with pytest.raises(MessageSizeExceeded):
            await broker.send("q", [fits, IncomingMessage(b"x", Envelope())])
        assert len(await broker.peek("q", 1, 9)) == 1


async def test_large_messages_come_in_bursts_of_bounded_size(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        for _ in range(12):
            await broker.send("q", [IncomingMessage(b"x" * 200_000, Envelope())])
        link = await open_link(broker, "q")
        assert len(await link.take(12)) == 12
        peeked = await broker.peek("q", 1, 100)
        assert len(peeked) == 12
        for _ in range(12):
            await broker.send("q", [IncomingMessage(b"x" * 200_000, Envelope())])
        assert len(await broker.peek("q", 1, 100)) == 20


async def test_peek_starts_at_a_number_and_leaves_no_trace(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message(str(n), session=str(n % 2)) for n in range(6)])
        assert [body(each) for each in await broker.peek("q", 3, 2)] == ["2", "3"]
        assert [body(each) for each in await broker.peek("q", -5, 1)] == ["0"]
        assert await broker.peek("q", 7, 5) == []
        assert await broker.peek("q", 1 << 62, 5) == []
        assert [body(e) for e in await broker.peek("q", 2, 9, session_id="1")] == ["1", "3", "5"]
        with pytest.raises(ArgumentOutOfRange):
            await broker.peek("q", 1, 0)
        link = await open_link(broker, "q")
        assert [each.delivery_count for each in await link.take(6)] == [0] * 6
        (locked, *_) = await broker.peek("q", 1, 1)
        assert (locked.lock_token, locked.locked_until) == (None, None)


async def test_counts_tell_states_apart(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        await broker.send("q", [message(str(n)) for n in range(5)])
        await broker.schedule("q", [message("s", at=clock.now() + 1000)])
        link = await open_link(broker, "q")
        await link.take(3)
        await broker.settle("q", link.tokens()[:1], Defer())
        await broker.settle("q", link.tokens()[1:2], DeadLetter())
        counts = {each.entity.path: each for each in await broker.counts()}
        queue, dead = counts["q"], counts[DEAD_LETTERS]
        assert (queue.active, queue.deferred, queue.scheduled, queue.sessions) == (3, 1, 1, 0)
        assert (dead.active, dead.deferred, dead.scheduled) == (1, 0, 0)


async def test_entities_are_found_by_their_paths_and_nothing_else(tmp_path: Path) -> None:
    namespace = Namespace()
    namespace.add_queue("Orders/EU", settings=EntitySettings(lock_duration=1000))
    namespace.add_topic("events")
    namespace.add_subscription("events", "billing", requires_session=True)
    async with running(tmp_path, namespace) as broker:
        entity = broker.entity("/orders/eu/$deadletterqueue")
        assert entity.path == "Orders/EU/$DeadLetterQueue"
        assert (entity.can_send, entity.can_receive, entity.lock_duration) == (False, True, 1000)
        assert broker.entity("EVENTS/subscriptions/BILLING").requires_session
        assert not broker.entity("events/Subscriptions/billing/$deadletterqueue").requires_session
        assert broker.entity("events").can_receive is False
        assert [each.path for each in broker.entities()] == [
            "Orders/EU",
            "Orders/EU/$DeadLetterQueue",
            "Orders/EU/$Transfer/$DeadLetterQueue",
            "events",
            "events/$Transfer/$DeadLetterQueue",
            "events/Subscriptions/billing",
            "events/Subscriptions/billing/$DeadLetterQueue",
            "events/Subscriptions/billing/$Transfer/$DeadLetterQueue",
        ]
        for absent in ("orders", "events/billing", "events/$DeadLetterQueue", ""):
            with pytest.raises(EntityNotFound):
                broker.entity(absent)
            with pytest.raises(EntityNotFound):
                await broker.send(absent, [message()])
            with pytest.raises(EntityNotFound):
                await broker.settle(absent, [], Complete())
        with pytest.raises(NotAllowed):
            await broker.send("orders/eu/$DeadLetterQueue", [message()])
        with pytest.raises(NotAllowed):
            await broker.send("events/Subscriptions/billing", [message()])
        with pytest.raises(NotAllowed):
            await open_link(broker, "events")


async def test_a_stopped_broker_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        link = await open_link(broker, "q")
        await broker.stop()
        assert isinstance(await link.closed, BrokerUnavailable)
        for call in (
            broker.send("q", [message()]),
            broker.settle("q", [], Complete()),
            broker.peek("q", 1, 1),
            open_link(broker, "q"),
        ):
            with pytest.raises(BrokerUnavailable):
                await call


async def test_an_operation_that_nobody_waits_for_is_done_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        broker.send("q", [message("a")]).cancel()
        broker.settle("q", [uuid4()], Complete())
        await settled(broker)
        assert len(await broker.peek("q", 1, 9)) == 1


@pytest.mark.parametrize("trick", [1 << 44, -(1 << 44), 1 << 62, (1 << 63) - 1, -1])
async def test_no_number_leads_into_another_entity(tmp_path: Path, trick: int) -> None:
    namespace = Namespace()
    for name in ("a", "b", "c"):
        namespace.add_queue(name)
    clock = ManualBrokerClock()
    async with running(tmp_path, namespace, clock) as broker:
        for name in ("b", "c"):
            await broker.schedule(name, [message("later", at=clock.now() + 1000)])
            await broker.send(name, [message("deferred")])
            link = await open_link(broker, name)
            await link.take(1)
            await broker.settle(name, link.tokens(), Defer())
        for number in range(1, 4):
            for factor in range(1, 12):
                asked = [trick * factor + number]
                if not -(1 << 63) <= asked[0] < 1 << 63:
                    continue
                with pytest.raises(MessageNotFound):
                    await broker.cancel_scheduled("a", asked)
                with pytest.raises(MessageNotFound):
                    await broker.receive_deferred("a", asked, ReceiveMode.RECEIVE_AND_DELETE)
        for name in ("b", "c"):
            assert [body(each) for each in await broker.peek(name, 1, 9)] == ["later", "deferred"]
