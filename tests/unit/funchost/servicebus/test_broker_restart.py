"""What outlives a broker, and how one takes over from another."""

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from funchost.servicebus.broker.clock import ManualBrokerClock
from funchost.servicebus.broker.errors import (
    BrokerError,
    BrokerSuperseded,
    BrokerUnavailable,
    MessageLockLost,
)
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.instance_lock import InstanceLock
from funchost.servicebus.broker.interface import (
    Abandon,
    Complete,
    DeadLetter,
    Defer,
    MessageChanges,
    ReceiveMode,
)
from funchost.servicebus.broker.namespace import EntitySettings, Namespace, NamespaceError
from tests.support.broker import one_queue, open_link, running, settled
from tests.support.broker_codec import JsonCodec, body, message

LOCK = 60_000


async def test_what_was_sent_is_there_after_a_restart_and_numbers_go_on(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        await broker.send("q", [message("a"), message("b")])
        await broker.schedule("q", [message("c", at=clock.now() + 1000)])
        before = await broker.peek("q", 1, 9)
        link = await open_link(broker, "q")
        await link.take(2)
        await broker.settle("q", link.tokens()[1:], Complete())
        await broker.settle("q", link.tokens()[:1], Defer())
    async with running(tmp_path, one_queue(), clock) as broker:
        deferred, scheduled = await broker.peek("q", 1, 9)
        assert (deferred.encoded, scheduled) == (before[0].encoded, before[2])
        assert await broker.send("q", [message("d")]) == [4]
        clock.advance(1000)
        link = await open_link(broker, "q")
        assert [body(each) for each in await link.take(2)] == ["d", "c"]


async def test_a_number_is_not_given_twice_although_its_message_is_gone(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a")])
        link = await open_link(broker, "q")
        await link.take(1)
        await broker.settle("q", link.tokens(), Complete())
    async with running(tmp_path, one_queue()) as broker:
        assert await broker.send("q", [message("b")]) == [2]


async def test_a_lock_outlives_the_broker_and_so_does_its_token(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        await broker.send("q", [message("a"), message("b")])
        before = await open_link(broker, "q")
        await before.take(2)
    clock.advance(LOCK - 1)
    async with running(tmp_path, one_queue(), clock) as broker:
        link = await open_link(broker, "q")
        assert await link.available() == []
        await broker.settle("q", before.tokens()[:1], Complete())
        clock.advance(1)
        (again,) = await link.take(1)
        assert (body(again), again.delivery_count) == ("b", 1)
        with pytest.raises(MessageLockLost):
            await broker.settle("q", before.tokens()[1:], Complete())


async def test_a_lock_that_expired_meanwhile_may_have_been_the_last(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(max_delivery_count=1), clock) as broker:
        await broker.send("q", [message("killer")])
        link = await open_link(broker, "q")
        await link.take(1)
    clock.advance(LOCK)
    async with running(tmp_path, one_queue(max_delivery_count=1), clock) as broker:
        await settled(broker)
        assert await broker.peek("q", 1, 9) == []
        assert len(await broker.peek("q/$DeadLetterQueue", 1, 9)) == 1


async def test_sessions_are_free_after_a_restart_and_their_messages_in_order(
    tmp_path: Path,
) -> None:
    namespace = Namespace()
    namespace.add_queue("s", settings=EntitySettings(requires_session=True, max_delivery_count=2))
    for count in range(2):
        async with running(tmp_path, namespace) as broker:
            if count == 0:
                await broker.send("s", [message(str(n), session="a") for n in range(3)])
            link = await open_link(broker, "s", session="a")
            (first,) = await link.take(1)
            assert (body(first), first.delivery_count) == ("0", count)
    async with running(tmp_path, namespace) as broker:
        link = await open_link(broker, "s", session="a")
        assert await link.bodies() == ["1", "2"]
        assert len(await broker.peek("s/$DeadLetterQueue", 1, 9)) == 1


async def test_an_older_broker_can_commit_nothing_more(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as old:
        await old.send("q", [message("a")])
        link = await open_link(old, "q")
        await link.take(1)
        async with running(tmp_path, one_queue()) as new:
            with pytest.raises(BrokerSuperseded):
                await old.settle("q", link.tokens(), Complete())
            assert isinstance(await link.closed, BrokerSuperseded)
            with pytest.raises(BrokerUnavailable):
                await old.send("q", [message("late")])
            assert [body(each) for each in await new.peek("q", 1, 9)] == ["a"]
            await new.settle("q", link.tokens(), Complete())


@contextmanager
def refusing_disk(folder: Path) -> Iterator[None]:
    """Every commit of a new message fails meanwhile."""
    with closing(sqlite3.connect(folder / "servicebus.db")) as connection:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON body"
            " BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )
        connection.commit()
        yield
        connection.execute("DROP TRIGGER refuse")
        connection.commit()


async def test_a_commit_that_the_disk_refuses_fails_for_all_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a")])
        link = await open_link(broker, "q")
        await link.take(1)
        with refusing_disk(tmp_path):
            sent = broker.send("q", [message("b")])
            abandoned = broker.settle("q", link.tokens(), Abandon())
            with pytest.raises(BrokerUnavailable, match="disk is full"):
                await sent
            await asyncio.wait([abandoned])
        if abandoned.exception():
            await broker.settle("q", link.tokens(), Abandon())
        assert await broker.send("q", [message("c")]) == [3]
        link.receiver.set_credit(9)
        await settled(broker)
        assert [body(each) for each in link.got[1:]] == ["a", "c"]
    assert "refused a commit" in caplog.text


async def test_a_faulty_callback_keeps_nothing_from_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a bug in a link")

    async with running(tmp_path, one_queue()) as broker:
        receiver = await broker.open_receiver("q", ReceiveMode.PEEK_LOCK, broken, print)
        receiver.set_credit(1)
        sent = [broker.send("q", [message("a")]), broker.send("q", [message("b")])]
        assert await asyncio.gather(*sent) == [[1], [2]]
        await settled(broker)
    assert "a bug in a link" in caplog.text


async def test_messages_of_an_entity_that_vanishes_are_kept_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualBrokerClock()
    without = Namespace()
    without.add_queue("other")
    async with running(tmp_path, one_queue(), clock) as broker:
        await broker.send("q", [message("locked"), message("old", ttl=500), message("a")])
        await broker.schedule("q", [message("later", at=clock.now() + 1000)])
        link = await open_link(broker, "q")
        await link.take(1)
    async with running(tmp_path, without, clock) as broker:
        clock.advance(100_000)
        await settled(broker)
    assert "The entity 'q' is not declared any more; its 4 messages are kept." in caplog.text
    async with running(tmp_path, one_queue(), clock) as broker:
        await settled(broker)
        link = await open_link(broker, "q")
        assert await link.bodies() == ["locked", "a", "later"]


async def test_sessions_cannot_be_switched_on_while_there_are_messages(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a")])
    with pytest.raises(NamespaceError, match="q: RequiresSession cannot change"):
        async with running(tmp_path, one_queue(requires_session=True)):
            pass
    async with running(tmp_path, one_queue()) as broker:
        link = await open_link(broker, "q")
        await link.take(1)
        await broker.settle("q", link.tokens(), Complete())
    async with running(tmp_path, one_queue(requires_session=True)) as broker:
        await broker.send("q", [message("a", session="1")])


async def test_a_broker_can_be_opened_with_the_entities_that_it_had(tmp_path: Path) -> None:
    namespace = one_queue(max_delivery_count=7)
    namespace.add_topic("t")
    namespace.add_subscription("t", "s", requires_session=True)
    broker = await open_broker(tmp_path, None, JsonCodec())
    assert broker.entities() == []
    await broker.stop()
    async with running(tmp_path, namespace) as first:
        expected = first.entities()
        await first.send("q", [message("a")])
    broker = await open_broker(tmp_path, None, JsonCodec())
    assert broker.entities() == expected
    assert len(await broker.peek("q", 1, 9)) == 1
    await broker.stop()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "servicebus.db").write_bytes(b"something else" * 1000)
    with pytest.raises(BrokerUnavailable, match="cannot be written"):
        await open_broker(tmp_path, one_queue(), JsonCodec())


async def test_a_database_of_a_later_program_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "servicebus.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(BrokerUnavailable, match="version 99"):
        await open_broker(tmp_path, one_queue(), JsonCodec())


HOLDER = """
import sys
from pathlib import Path
from funchost.servicebus.broker.instance_lock import InstanceLock
assert InstanceLock(Path(sys.argv[1])).try_acquire()
print("held", flush=True)
sys.stdin.read()
"""


async def test_who_waits_for_the_lock_gets_it_when_its_holder_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "lock"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(file), stdin=PIPE, stdout=PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    lock, impatient = InstanceLock(file), InstanceLock(file)
    assert not lock.try_acquire()
    cancelled = asyncio.create_task(impatient.acquire())
    waiting = asyncio.create_task(lock.acquire())
    await asyncio.sleep(0)
    cancelled.cancel()
    holder.kill()
    await waiting
    await holder.wait()
    assert not InstanceLock(file).try_acquire()
    lock.release()
    other = InstanceLock(file)
    await other.acquire()
    other.release()


async def test_a_database_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    namespace = Namespace()
    namespace.add_queue("s", requires_session=True)
    async with running(tmp_path, namespace) as broker:
        link = await open_link(broker, "s", session="a")
        await link.receiver.set_session_state(b"kept")
    with closing(sqlite3.connect(tmp_path / "servicebus.db")) as database:
        database.execute("ALTER TABLE session_state DROP COLUMN updated_at")
        database.execute("DROP TABLE changed_rules")
        database.execute("PRAGMA user_version = 1")
    async with running(tmp_path, namespace) as broker:
        link = await open_link(broker, "s", session="a")
        assert await link.receiver.session_state() == b"kept"
        assert await broker.sessions("s", skip=0, top=9, updated_after=0) == []


async def test_a_fault_in_one_operation_is_its_caller_s_alone(tmp_path: Path) -> None:
    class Faulty(JsonCodec):
        def edit(self, encoded: bytes, changes: MessageChanges) -> bytes:
            raise ZeroDivisionError("a fault of this program")

    broker = await open_broker(tmp_path, one_queue(), Faulty(), ManualBrokerClock())
    await broker.send("q", [message("a"), message("b")])
    link = await open_link(broker, "q")
    await link.take(2)
    first, second = link.tokens()
    results = await asyncio.gather(
        broker.settle("q", [first], DeadLetter("broken")),
        broker.send("q", [message("c")]),
        broker.settle("q", [second], Complete()),
        return_exceptions=True,
    )
    assert isinstance(results[0], BrokerError)
    assert not isinstance(results[0], BrokerUnavailable)
    assert results[1:] == [[3], None]
    assert [body(each) for each in await broker.peek("q", 1, 9)] == ["a", "c"]
    await broker.stop()
