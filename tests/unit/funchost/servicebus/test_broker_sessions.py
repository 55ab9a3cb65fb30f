"""Sessions: their order, their locks, their state."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from funchost.servicebus.broker.clock import ManualBrokerClock
from funchost.servicebus.broker.errors import (
    BrokerUnavailable,
    MessageLockLost,
    MessageNotFound,
    MessageSizeExceeded,
    NotAllowed,
    OperationTimedOut,
    SessionCannotBeLocked,
    SessionLockLost,
)
from funchost.servicebus.broker.interface import (
    NEXT_SESSION,
    Abandon,
    Complete,
    DeadLetter,
    Defer,
    ReceiveMode,
)
from funchost.servicebus.broker.namespace import EntitySettings, Namespace
from tests.support.broker import Link, open_link, running, settled
from tests.support.broker_codec import body, message

LOCK = 60_000
DELETE = ReceiveMode.RECEIVE_AND_DELETE


@pytest.fixture
def namespace() -> Namespace:
    namespace = Namespace()
    namespace.add_queue("s", settings=EntitySettings(requires_session=True, max_delivery_count=3))
    namespace.add_queue("plain")
    return namespace


async def test_a_receiver_gets_its_session_alone_and_in_order(
    tmp_path: Path, namespace: Namespace
) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, namespace, clock) as broker:
        await broker.send("s", [message(f"{s}{n}", session=s) for n in range(3) for s in "ab"])
        link = await open_link(broker, "s", session="a")
        assert link.receiver.session_id == "a"
        assert link.receiver.session_locked_until == clock.now() + LOCK
        got = await link.available()
        assert [body(each) for each in got] == ["a0", "a1", "a2"]
        assert [(each.session_id, each.locked_until) for each in got] == [("a", None)] * 3
        await broker.send("s", [message("a3", session="a"), message("b3", session="b")])
        (late,) = await link.take(1)
        assert body(late) == "a3"


async def test_an_abandoned_message_comes_before_those_behind_it(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message(str(n), session="a") for n in range(3)])
        link = await open_link(broker, "s", session="a")
        order = []
        for _ in range(3):
            (got,) = await link.take(1)
            order.append((body(got), got.delivery_count))
            await broker.settle("s", link.tokens()[-1:], Abandon())
        (got,) = await link.take(1)
        assert [*order, (body(got), got.delivery_count)] == [("0", 0), ("0", 1), ("0", 2), ("1", 0)]
        assert [body(each) for each in await broker.peek("s/$DeadLetterQueue", 1, 9)] == ["0"]


async def test_what_was_fetched_for_withdrawn_credit_does_not_change_the_order(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message(str(n), session="a") for n in range(6)])
        link = await open_link(broker, "s", session="a")
        link.receiver.set_credit(4)
        link.receiver.set_credit(1)
        await link.receiver.drain()
        assert await link.bodies() == ["1", "2", "3", "4", "5"]
        assert [each.delivery_count for each in link.got] == [0] * 6


async def test_a_session_has_one_holder(tmp_path: Path, namespace: Namespace) -> None:
    async with running(tmp_path, namespace) as broker:
        link = await open_link(broker, "s", session="")
        assert broker.session_holder("s", "") is link.receiver
        with pytest.raises(SessionCannotBeLocked):
            await open_link(broker, "s", session="")
        await open_link(broker, "s", session="another")
        await link.receiver.close()
        with pytest.raises(SessionLockLost):
            broker.session_holder("s", "")
        await open_link(broker, "s", session="")


async def test_a_session_that_is_being_given_up_can_be_had_a_moment_later(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message("a", session="1")])
        link = await open_link(broker, "s", session="1")
        await link.take(1)
        closing = asyncio.create_task(link.receiver.close())
        await asyncio.sleep(0)
        again = await open_link(broker, "s", session="1")
        await closing
        (got,) = await again.take(1)
        assert got.delivery_count == 1


async def test_closing_gives_unsettled_messages_back(tmp_path: Path, namespace: Namespace) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message(str(n), session="a") for n in range(3)])
        for count in range(3):
            link = await open_link(broker, "s", session="a")
            (first,) = await link.take(1)
            assert (body(first), first.delivery_count) == ("0", count)
            await link.receiver.close()
            with pytest.raises(MessageLockLost):
                await broker.settle("s", link.tokens(), Complete())
        assert [body(each) for each in await broker.peek("s/$DeadLetterQueue", 1, 9)] == ["0"]
        link = await open_link(broker, "s", session="a")
        assert await link.bodies() == ["1", "2"]


async def test_an_expired_session_ends_its_receiver(tmp_path: Path, namespace: Namespace) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, namespace, clock) as broker:
        await broker.send("s", [message("a", session="1")])
        link = await open_link(broker, "s", session="1")
        await link.take(1)
        clock.advance(LOCK)
        assert isinstance(await link.closed, SessionLockLost)
        for call in (
            link.receiver.session_state(),
            link.receiver.set_session_state(b""),
            broker.settle("s", link.tokens(), Complete()),
        ):
            with pytest.raises((SessionLockLost, MessageLockLost)):
                await call
        with pytest.raises(SessionLockLost):
            link.receiver.renew_session_lock()
        again = await open_link(broker, "s", session="1")
        (got,) = await again.take(1)
        assert got.delivery_count == 1
        await link.receiver.close()
        await broker.settle("s", again.tokens(), Complete())


async def test_a_renewed_session_stays(tmp_path: Path, namespace: Namespace) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, namespace, clock) as broker:
        link = await open_link(broker, "s", session="1")
        for _ in range(3):
            clock.advance(LOCK - 1)
            assert link.receiver.renew_session_lock() == clock.now() + LOCK
        assert link.receiver.session_locked_until == clock.now() + LOCK
        assert not link.closed.done()


async def test_a_message_that_comes_while_its_session_is_given_up_is_not_overlooked(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message("0", session="a")])
        link = await open_link(broker, "s", DELETE, session=NEXT_SESSION)
        for number in range(5):
            assert [body(each) for each in await link.take(1)] == [str(number)]
            waiting = asyncio.ensure_future(open_link(broker, "s", DELETE, session=NEXT_SESSION))
            await settled(broker)
            await asyncio.gather(
                link.receiver.close(), broker.send("s", [message(str(number + 1), session="a")])
            )
            link = await waiting


async def test_what_a_session_still_holds_when_it_is_given_up_goes_to_who_waits(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message(str(n), session="a") for n in range(2)])
        first = await open_link(broker, "s", session=NEXT_SESSION)
        await first.take(1)
        waiting = asyncio.ensure_future(open_link(broker, "s", session=NEXT_SESSION))
        await settled(broker)
        await first.receiver.close()
        assert await (await waiting).bodies() == ["0", "1"]


async def test_the_next_session_is_one_with_messages_that_nobody_holds(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message(session=name) for name in ("", "a", "b", "c")])
        links = [await open_link(broker, "s", session=NEXT_SESSION) for _ in range(4)]
        assert [link.receiver.session_id for link in links] == ["", "a", "b", "c"]
        await links[0].take(1)
        await broker.settle("s", links[0].tokens(), Complete())
        await links[0].receiver.close()
        await links[2].receiver.close()
        again = await open_link(broker, "s", session=NEXT_SESSION)
        assert again.receiver.session_id == "b"


async def test_sessions_take_turns(tmp_path: Path, namespace: Namespace) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message(session=name) for name in "abc" for _ in range(2)])
        turns = []
        for _ in range(6):
            link = await open_link(broker, "s", DELETE, session=NEXT_SESSION)
            await link.take(1)
            turns.append(link.receiver.session_id)
            await link.receiver.close()
        assert turns == list("abcabc")


async def test_who_waits_for_a_session_gets_the_first_that_comes(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        waiting = [_next(broker) for _ in range(3)]
        await settled(broker)
        await broker.send("s", [message(session="new")])
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().receiver.session_id for task in done] == ["new"]
        await broker.send("s", [message(session="x"), message(session="y")])
        links = [task.result() for task in (await asyncio.wait(waiting))[0]]
        assert {link.receiver.session_id for link in links} == {"new", "x", "y"}


async def test_who_waits_for_a_session_gets_one_that_is_given_up(
    tmp_path: Path, namespace: Namespace
) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, namespace, clock) as broker:
        await broker.send("s", [message(session="a"), message(session="b")])
        first = await open_link(broker, "s", session="a")
        await open_link(broker, "s", session="b")
        waiting = _next(broker)
        await settled(broker)
        await first.receiver.close()
        assert (await waiting).receiver.session_id == "a"
        other = _next(broker)
        await settled(broker)
        clock.advance(LOCK)
        assert (await other).receiver.session_id in ("a", "b")


def _next(broker: object) -> "asyncio.Task[Link]":
    return asyncio.create_task(open_link(broker, "s", session=NEXT_SESSION))  # type: ignore[arg-type]


async def test_waiting_for_a_session_ends_in_time(tmp_path: Path, namespace: Namespace) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, namespace, clock) as broker:
        waiting = asyncio.create_task(
            open_link(broker, "s", session=NEXT_SESSION, wait_seconds=2.5)
        )
        await settled(broker)
        clock.advance(2500)
        with pytest.raises(OperationTimedOut):
            await waiting


async def test_cancelling_the_wait_locks_nothing(tmp_path: Path, namespace: Namespace) -> None:
    async with running(tmp_path, namespace) as broker:
        waiting = [_next(broker), _next(broker)]
        await settled(broker)
        sent = broker.send("s", [message(session="a")])
        waiting[0].cancel()
        await sent
        assert (await waiting[1]).receiver.session_id == "a"


async def test_the_broker_s_end_ends_the_wait(tmp_path: Path, namespace: Namespace) -> None:
    async with running(tmp_path, namespace) as broker:
        waiting = _next(broker)
        await settled(broker)
        await broker.stop()
        with pytest.raises(BrokerUnavailable):
            await waiting


async def test_state_outlives_messages_and_the_broker(tmp_path: Path, namespace: Namespace) -> None:
    async with running(tmp_path, namespace) as broker:
        link = await open_link(broker, "s", session="a")
        assert await link.receiver.session_state() is None
        await link.receiver.set_session_state(b"one")
        await link.receiver.set_session_state(b"two")
        with pytest.raises(MessageSizeExceeded):
            await link.receiver.set_session_state(b"x" * 262_145)
    async with running(tmp_path, namespace) as broker:
        link = await open_link(broker, "s", session="a")
        assert await link.receiver.session_state() == b"two"
        other = await open_link(broker, "s", session="b")
        assert await other.receiver.session_state() is None
        await link.receiver.set_session_state(None)
        assert await link.receiver.session_state() is None


async def test_deferred_messages_need_their_session(tmp_path: Path, namespace: Namespace) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message("a", session="1"), message("b", session="2")])
        link = await open_link(broker, "s", session="1")
        await link.take(1)
        await broker.settle("s", link.tokens(), Defer())
        await open_link(broker, "s", session="2")
        for session, error in ((None, SessionLockLost), ("3", SessionLockLost)):
            with pytest.raises(error):
                await broker.receive_deferred("s", [1], DELETE, session_id=session)
        with pytest.raises(MessageNotFound):
            await broker.receive_deferred("s", [1], DELETE, session_id="2")
        (got,) = await broker.receive_deferred("s", [1], ReceiveMode.PEEK_LOCK, session_id="1")
        assert (body(got), got.locked_until) == ("a", None)
        await link.receiver.close()
        with pytest.raises(MessageLockLost):
            await broker.settle("s", [got.lock_token], Complete())  # type: ignore[list-item]
        again = await open_link(broker, "s", session="1")
        assert await again.available() == []
        (got,) = await broker.receive_deferred("s", [1], DELETE, session_id="1")
        assert got.delivery_count == 2


async def test_sessions_with_active_messages_or_a_state_are_listed(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message(session=str(n)) for n in range(5) for _ in range(3)])
        assert await broker.sessions("s", skip=0, top=100) == ["0", "1", "2", "3", "4"]
        assert await broker.sessions("s", skip=1, top=2) == ["1", "2"]
        assert await broker.sessions("s", skip=9, top=2) == []
        assert await broker.sessions("plain", skip=0, top=100) == []
        link = await open_link(broker, "s", session="2")
        await link.take(3)
        assert await broker.sessions("s", skip=0, top=100) == ["0", "1", "2", "3", "4"]
        await broker.settle("s", link.tokens(), Complete())
        assert await broker.sessions("s", skip=0, top=100) == ["0", "1", "3", "4"]
        (counts, *_) = await broker.counts()
        assert (counts.active, counts.sessions) == (12, 4)
        await link.receiver.set_session_state(b"noted")
        assert await broker.sessions("s", skip=0, top=100) == ["0", "1", "2", "3", "4"]
        (counts, *_) = await broker.counts()
        assert counts.sessions == 4
        await link.receiver.set_session_state(None)
        assert await broker.sessions("s", skip=0, top=100) == ["0", "1", "3", "4"]


async def test_sessions_are_listed_by_when_their_state_was_set(
    tmp_path: Path, namespace: Namespace
) -> None:
    clock = ManualBrokerClock()
    began = clock.now()
    async with running(tmp_path, namespace, clock) as broker:
        await broker.send("s", [message(session="without state")])
        for number, name in enumerate(("a", "b", "c")):
            link = await open_link(broker, "s", session=name)
            await link.receiver.set_session_state(b"%d" % number)
            await link.receiver.close()
            clock.advance(1000)

        async def updated_after(seconds: int, skip: int = 0) -> Sequence[str]:
            after = began + 1000 * seconds
            return await broker.sessions("s", skip=skip, top=100, updated_after=after)

        assert await updated_after(-1) == ["a", "b", "c"]
        assert await updated_after(-1, skip=2) == ["c"]
        assert await updated_after(0) == ["b", "c"]
        assert await updated_after(2) == []
        link = await open_link(broker, "s", session="a")
        await link.receiver.set_session_state(b"again")
        assert await updated_after(2) == ["a"]
    async with running(tmp_path, namespace, clock) as broker:
        assert await broker.sessions("s", skip=0, top=9, updated_after=began + 2000) == ["a"]


async def test_peek_can_look_at_one_session_in_all_its_states(
    tmp_path: Path, namespace: Namespace
) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, namespace, clock) as broker:
        await broker.send("s", [message(f"{s}{n}", session=s) for n in range(4) for s in "ab"])
        await broker.schedule("s", [message("a4", session="a", at=clock.now() + 1000)])
        link = await open_link(broker, "s", session="a")
        await link.take(3)
        await broker.settle("s", link.tokens()[1:2], Defer())
        seen = await broker.peek("s", 1, 9, session_id="a")
        assert [body(each) for each in seen] == ["a0", "a1", "a2", "a3", "a4"]
        assert [body(e) for e in await broker.peek("s", 4, 2, session_id="a")] == ["a2", "a3"]


async def test_dead_letters_of_a_session_are_received_without_one(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        await broker.send("s", [message("a", session="1")])
        link = await open_link(broker, "s", session="1")
        await link.take(1)
        await broker.settle("s", link.tokens(), DeadLetter())
        dead = await open_link(broker, "s/$DeadLetterQueue")
        (letter,) = await dead.take(1)
        assert letter.session_id == "1"


async def test_sessions_are_used_where_they_are_and_nowhere_else(
    tmp_path: Path, namespace: Namespace
) -> None:
    async with running(tmp_path, namespace) as broker:
        with pytest.raises(NotAllowed, match="requires sessions to create a non-sessionful"):
            await open_link(broker, "s")
        for session in ("a", NEXT_SESSION):
            with pytest.raises(NotAllowed):
                await open_link(broker, "plain", session=session)
        with pytest.raises(NotAllowed):
            await broker.renew_locks("s", [])
        plain = await open_link(broker, "plain")
        assert (plain.receiver.session_id, plain.receiver.session_locked_until) == (None, None)
        with pytest.raises(NotAllowed):
            plain.receiver.renew_session_lock()
        with pytest.raises(SessionLockLost):
            broker.session_holder("plain", "a")
