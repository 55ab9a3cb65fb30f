"""How locks end: settled, renewed, expired; deferred messages and dead letters."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from funchost.servicebus.broker.clock import ManualBrokerClock
from funchost.servicebus.broker.errors import (
    MessageLockLost,
    MessageNotFound,
)
from funchost.servicebus.broker.interface import (
    Abandon,
    Complete,
    DeadLetter,
    Defer,
    MessageState,
    ReceiveMode,
    Release,
)
from tests.support.broker import one_queue, open_link, running, settled
from tests.support.broker_codec import application, body, message

LOCK = 60_000
DEAD_LETTERS = "q/$DeadLetterQueue"
DELETE = ReceiveMode.RECEIVE_AND_DELETE


async def test_a_completed_message_is_gone(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a"), message("b")])
        link = await open_link(broker, "q")
        await link.take(2)
        await broker.settle("q", link.tokens(), Complete())
        assert await broker.peek("q", 1, 10) == []


async def test_a_lock_that_expires_makes_the_message_available_with_a_delivery_more(
    tmp_path: Path,
) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(lock_duration=5000), clock) as broker:
        await broker.send("q", [message("a")])
        link = await open_link(broker, "q")
        await link.take(1)
        clock.advance(4999)
        assert await link.available() == []
        clock.advance(1)
        (again,) = await link.take(1)
        assert again.delivery_count == 1
        with pytest.raises(MessageLockLost):
            await broker.settle("q", link.tokens()[:1], Complete())
        await broker.settle("q", link.tokens()[1:], Complete())


async def test_a_renewed_lock_lasts_a_full_duration_more(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        await broker.send("q", [message("a"), message("b")])
        link = await open_link(broker, "q")
        await link.take(2)
        clock.advance(LOCK - 1)
        until = await broker.renew_locks("q", link.tokens())
        assert until == [clock.now() + LOCK] * 2
        clock.advance(LOCK - 1)
        await broker.settle("q", link.tokens(), Complete())
        with pytest.raises(MessageLockLost):
            await broker.renew_locks("q", link.tokens())


async def test_all_tokens_are_settled_or_none(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a"), message("b")])
        link = await open_link(broker, "q")
        await link.take(2)
        for wrong in (uuid4(), *_token_of_another_queue(link.tokens()[0].int)):
            with pytest.raises(MessageLockLost):
                await broker.settle("q", [*link.tokens(), wrong], Complete())
            with pytest.raises(MessageLockLost):
                await broker.renew_locks("q", [*link.tokens(), wrong])
        assert len(await broker.peek("q", 1, 10)) == 2
        await broker.settle("q", link.tokens(), Complete())


def _token_of_another_queue(token: int) -> list[object]:
    return [UUID(int=token ^ 1 << 120), UUID(int=token ^ 1), UUID(int=0)]


async def test_settling_again_with_the_same_outcome_is_accepted_without_effect(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a")])
        link = await open_link(broker, "q")
        await link.take(1)
        await broker.settle("q", link.tokens(), Abandon())
        await broker.settle("q", link.tokens(), Abandon())
        with pytest.raises(MessageLockLost):
            await broker.settle("q", link.tokens(), Complete())
        (again,) = await link.take(1)
        assert again.delivery_count == 1


async def test_a_settlement_goes_by_the_token_after_its_receiver_was_closed(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a")])
        link = await open_link(broker, "q")
        await link.take(1)
        await link.receiver.close()
        other = await open_link(broker, "q")
        assert await other.available() == []
        await broker.settle("q", link.tokens(), Complete())
        assert await broker.peek("q", 1, 10) == []


async def test_an_abandoned_message_comes_next_with_its_changed_properties(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a", tries=0, kept=True), message("b")])
        link = await open_link(broker, "q")
        await link.take(1)
        await broker.settle("q", link.tokens(), Abandon({"tries": 1}))
        again, _ = await link.take(2)
        assert (body(again), again.delivery_count) == ("a", 1)
        assert application(again) == {"tries": 1, "kept": True}


async def test_a_released_message_was_not_delivered(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue(max_delivery_count=1)) as broker:
        await broker.send("q", [message("a")])
        link = await open_link(broker, "q")
        for _ in range(3):
            (received,) = await link.take(1)
            assert received.delivery_count == 0
            await broker.settle("q", [received.lock_token], Release())  # type: ignore[list-item]


async def test_the_last_delivery_leads_to_the_dead_letters(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(max_delivery_count=3), clock) as broker:
        await broker.send("q", [message("poison"), message("slow")])
        link = await open_link(broker, "q")
        for count in range(3):
            poison, slow = await link.take(2)
            assert poison.delivery_count == slow.delivery_count == count
            await broker.settle("q", [poison.lock_token], Abandon())  # type: ignore[list-item]
            clock.advance(LOCK)
            await settled(broker)
        assert await link.available() == []
        dead = await open_link(broker, DEAD_LETTERS)
        letters = await dead.take(2)
        assert [body(each) for each in letters] == ["poison", "slow"]
        for number, letter in enumerate(letters, 1):
            assert letter.sequence_number == number
            assert letter.delivery_count == 0
            assert application(letter) == {
                "DeadLetterReason": "MaxDeliveryCountExceeded",
                "DeadLetterErrorDescription": (
                    "Message could not be consumed after 3 delivery attempts."
                ),
            }


async def test_a_dead_letter_is_never_given_up(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue(max_delivery_count=1)) as broker:
        await broker.send("q", [message("a")])
        link = await open_link(broker, "q")
        await link.take(1)
        await broker.settle("q", link.tokens(), DeadLetter("first", "why"))
        dead = await open_link(broker, DEAD_LETTERS)
        for count in range(12):
            (letter,) = await dead.take(1)
            assert letter.delivery_count == count
            await broker.settle(DEAD_LETTERS, dead.tokens()[-1:], Abandon())
        await dead.take(1)
        await broker.settle(DEAD_LETTERS, dead.tokens()[-1:], DeadLetter("second"))
        (letter,) = await dead.take(1)
        assert application(letter)["DeadLetterReason"] == "second"
        await broker.settle(DEAD_LETTERS, dead.tokens()[-1:], Complete())
        assert await broker.peek(DEAD_LETTERS, 1, 10) == []


async def test_dead_lettering_keeps_number_time_and_properties(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(), clock) as broker:
        await broker.send("q", [message("x"), message("a", colour="red", ttl=70_000)])
        sent_at = clock.now()
        clock.advance(10)
        link = await open_link(broker, "q")
        await link.take(2)
        await broker.settle(
            "q", link.tokens()[1:], DeadLetter("Bad", "it is bad", {"colour": "blue"})
        )
        clock.advance(1_000_000)
        (letter,) = await broker.peek(DEAD_LETTERS, 1, 10)
        assert (letter.sequence_number, letter.enqueued_at) == (2, sent_at)
        assert application(letter) == {
            "colour": "blue",
            "DeadLetterReason": "Bad",
            "DeadLetterErrorDescription": "it is bad",
        }


async def test_a_deferred_message_is_received_by_its_number_alone(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(max_delivery_count=4), clock) as broker:
        await broker.send("q", [message("a"), message("b")])
        link = await open_link(broker, "q")
        await link.take(2)
        await broker.settle("q", link.tokens(), Defer({"why": "later"}))
        assert await link.available() == []
        assert [each.state for each in await broker.peek("q", 1, 9)] == [MessageState.DEFERRED] * 2
        second, first = await broker.receive_deferred("q", [2, 1], ReceiveMode.PEEK_LOCK)
        assert (body(second), body(first)) == ("b", "a")
        assert application(first) == {"why": "later"}
        assert first.state is MessageState.DEFERRED
        assert first.delivery_count == 1
        with pytest.raises(MessageNotFound):
            await broker.receive_deferred("q", [1], ReceiveMode.PEEK_LOCK)
        await broker.settle("q", [first.lock_token], Abandon())  # type: ignore[list-item]
        clock.advance(LOCK)
        await settled(broker)
        deleted = await broker.receive_deferred("q", [1, 2], DELETE)
        assert [each.delivery_count for each in deleted] == [2, 2]
        assert await broker.peek("q", 1, 9) == []


async def test_deferred_messages_are_received_all_or_none(tmp_path: Path) -> None:
    async with running(tmp_path, one_queue()) as broker:
        await broker.send("q", [message("a"), message("b")])
        link = await open_link(broker, "q")
        await link.take(1)
        await broker.settle("q", link.tokens(), Defer())
        for absent in (2, 3, 0, -1):
            with pytest.raises(MessageNotFound):
                await broker.receive_deferred("q", [1, absent], DELETE)
        assert len(await broker.receive_deferred("q", [1], DELETE)) == 1


async def test_an_expired_deferred_message_ends_when_somebody_asks_for_it(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    async with running(tmp_path, one_queue(dead_letter_on_expiration=True), clock) as broker:
        await broker.send("q", [message("a", ttl=1000)])
        link = await open_link(broker, "q")
        await link.take(1)
        await broker.settle("q", link.tokens(), Defer())
        clock.advance(5000)
        with pytest.raises(MessageNotFound):
            await broker.receive_deferred("q", [1], ReceiveMode.PEEK_LOCK)
        assert len(await broker.peek(DEAD_LETTERS, 1, 9)) == 1
