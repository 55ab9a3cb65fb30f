"""Topics and forwarding: who gets a copy, what it looks like, where it ends."""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from funchost.servicebus.broker.catalogue import Catalogue
from funchost.servicebus.broker.clock import ManualBrokerClock
from funchost.servicebus.broker.errors import (
    ArgumentOutOfRange,
    BrokerError,
    BrokerUnavailable,
    NotAllowed,
    RuleExists,
    RuleNotFound,
)
from funchost.servicebus.broker.interface import Broker, DeadLetter, PropertyValue, ReceiveMode
from funchost.servicebus.broker.namespace import EntitySettings, Namespace, NamespaceError
from funchost.servicebus.broker.rules.rule import CorrelationFilter, Rule, SqlFilter
from funchost.servicebus.broker.storage.rules import remove_rule
from funchost.servicebus.broker.storage.schema import DATABASE_NAME
from funchost.servicebus.broker.storage.transaction import Transaction
from funchost.servicebus.broker.storage.writer import Writer
from tests.support.broker import open_link, running, settled
from tests.support.broker_codec import JsonCodec, application, body, message, system


def topic(**subscriptions: Sequence[Rule]) -> Namespace:
    namespace = Namespace()
    namespace.add_topic("t")
    for name, rules in subscriptions.items():
        namespace.add_subscription("t", name, rules=rules)
    return namespace


async def bodies(broker: Broker, path: str) -> list[str]:
    return [body(each) for each in await broker.peek(path, 1, 100)]


async def test_every_subscription_whose_rules_match_gets_a_copy(tmp_path: Path) -> None:
    namespace = topic(
        red=[Rule("r", SqlFilter("colour = 'red'"))],
        labelled=[Rule("r", CorrelationFilter({"Label": "x"}, {"n": 1}))],
        either=[Rule("1", SqlFilter("n = 1")), Rule("2", SqlFilter("colour = 'red'"))],
        none=[Rule("r", SqlFilter("1 = 0"))],
    )
    namespace.add_subscription("t", "all")
    async with running(tmp_path, namespace) as broker:
        sent = [
            message("a", colour="red"),
            message("b", label="x", n=1),
            message("c", label="x", n=True),
            message("d", label="X", n=1, colour="red"),
        ]
        assert await broker.send("t", sent) == [0] * 4
        assert await bodies(broker, "t/Subscriptions/red") == ["a", "d"]
        assert await bodies(broker, "t/Subscriptions/labelled") == ["b"]
        assert await bodies(broker, "t/Subscriptions/either") == ["a", "b", "d"]
        assert await bodies(broker, "t/Subscriptions/none") == []
        assert await bodies(broker, "t/Subscriptions/all") == ["a", "b", "c", "d"]
        (first,) = await broker.peek("t/Subscriptions/labelled", 1, 9)
        assert (first.sequence_number, first.enqueued_sequence_number) == (1, 2)


async def test_each_rule_with_an_action_makes_a_copy_of_its_own(tmp_path: Path) -> None:
    namespace = topic(
        s=[
            Rule("plain 1", SqlFilter("1 = 1")),
            Rule("plain 2", SqlFilter("1 = 1")),
            Rule("up", SqlFilter("n > 0"), "SET n = n + 1; SET sys.Label = 'up'"),
            Rule("clean", SqlFilter("EXISTS(n)"), "REMOVE n; SET user.clean = TRUE"),
        ]
    )
    async with running(tmp_path, namespace) as broker:
        await broker.send("t", [message("a", n=1, label="old")])
        copies = await broker.peek("t/Subscriptions/s", 1, 9)
        assert [(application(each), system(each, "Label")) for each in copies] == [
            ({"n": 1}, "old"),
            ({"n": 2, "RuleName": "up"}, "up"),
            ({"clean": True, "RuleName": "clean"}, "old"),
        ]


@pytest.mark.parametrize("dead_letter", [True, False])
async def test_a_filter_that_fails_dead_letters_the_copy_if_so_set(
    tmp_path: Path, dead_letter: bool
) -> None:
    namespace = Namespace()
    namespace.add_topic("t")
    namespace.add_subscription(
        "t",
        "s",
        settings=EntitySettings(dead_letter_on_filter_error=dead_letter),
        rules=[Rule("r", SqlFilter("1 / n = 1"))],
    )
    async with running(tmp_path, namespace) as broker:
        await broker.send("t", [message("a", n=0), message("b", n=1)])
        assert await bodies(broker, "t/Subscriptions/s") == ["b"]
        letters = await broker.peek("t/Subscriptions/s/$DeadLetterQueue", 1, 9)
        assert [application(each) for each in letters] == [
            {
                "n": 0,
                "DeadLetterReason": "FilterEvaluationException",
                "DeadLetterErrorDescription": "division by zero",
            }
        ][: int(dead_letter)]


async def test_a_scheduled_message_waits_at_the_topic(tmp_path: Path) -> None:
    clock = ManualBrokerClock()
    namespace = topic(s=[Rule("r", SqlFilter("n = 1"))])
    async with running(tmp_path, namespace, clock) as broker:
        at = clock.now() + 1000
        numbers = await broker.schedule("t", [message(str(n), n=n, at=at) for n in range(3)])
        await broker.cancel_scheduled("t", numbers[:1])
        assert len(await broker.peek("t", 1, 9)) == 2
        clock.advance(1000)
        link = await open_link(broker, "t/Subscriptions/s")
        (got,) = await link.take(1)
        assert (body(got), got.enqueued_sequence_number) == ("1", 2)
        assert await broker.peek("t", 1, 9) == []


async def test_duplicates_are_found_at_the_topic(tmp_path: Path) -> None:
    namespace = Namespace()
    namespace.add_topic("t", settings=EntitySettings(requires_duplicate_detection=True))
    namespace.add_subscription("t", "s")
    async with running(tmp_path, namespace) as broker:
        await broker.send("t", [message("a", message_id="1"), message("b", message_id="1")])
        assert await bodies(broker, "t/Subscriptions/s") == ["a"]


async def test_the_shortest_time_to_live_counts(tmp_path: Path) -> None:
    namespace = Namespace()
    namespace.add_topic("t", settings=EntitySettings(time_to_live=5000))
    namespace.add_subscription("t", "short", settings=EntitySettings(time_to_live=1000))
    namespace.add_subscription("t", "long", settings=EntitySettings(time_to_live=9000))
    async with running(tmp_path, namespace) as broker:
        await broker.send("t", [message(), message(ttl=700)])
        for name, expected in (("short", [1000, 700]), ("long", [5000, 700])):
            seen = await broker.peek(f"t/Subscriptions/{name}", 1, 9)
            assert [each.time_to_live for each in seen] == expected


async def test_a_copy_without_session_for_a_subscription_with_sessions_is_dead(
    tmp_path: Path,
) -> None:
    namespace = Namespace()
    namespace.add_topic("t")
    namespace.add_subscription("t", "s", requires_session=True)
    namespace.add_subscription(
        "t",
        "named",
        requires_session=True,
        rules=[Rule("r", SqlFilter("1=1"), "SET sys.SessionId = user.customer")],
    )
    async with running(tmp_path, namespace) as broker:
        await broker.send("t", [message("a", customer="7"), message("b", session="1")])
        assert await bodies(broker, "t/Subscriptions/s") == ["b"]
        (letter,) = await broker.peek("t/Subscriptions/s/$DeadLetterQueue", 1, 9)
        assert application(letter)["DeadLetterReason"] == "Session id is null."
        link = await open_link(broker, "t/Subscriptions/named", session="7")
        assert await link.bodies() == ["a"]


async def test_a_forwarding_entity_keeps_nothing(tmp_path: Path) -> None:
    namespace = topic()
    namespace.add_queue("end")
    namespace.add_queue("middle", settings=EntitySettings(forward_to="end", time_to_live=900))
    namespace.add_queue("start", settings=EntitySettings(forward_to="T"))
    namespace.add_subscription("t", "s", settings=EntitySettings(forward_to="middle"))
    clock = ManualBrokerClock()
    async with running(tmp_path, namespace, clock) as broker:
        await broker.send("start", [message("x")])
        at = clock.now() + 50
        await broker.schedule("start", [message("a", session="7", at=at)])
        clock.advance(50)
        await settled(broker)
        _, got = await broker.peek("end", 1, 9)
        assert (body(got), got.sequence_number, got.enqueued_sequence_number) == ("a", 2, 2)
        assert (got.time_to_live, got.session_id, got.enqueued_at) == (900, "7", at)
        for path in ("start", "middle", "t/Subscriptions/s"):
            assert await broker.peek(path, 1, 9) == []


async def test_duplicates_are_found_where_a_message_is_forwarded_to(tmp_path: Path) -> None:
    namespace = Namespace()
    namespace.add_queue("end", settings=EntitySettings(requires_duplicate_detection=True))
    namespace.add_queue("start", settings=EntitySettings(forward_to="end"))
    async with running(tmp_path, namespace) as broker:
        await broker.send("start", [message("a", message_id="1"), message("b", message_id="1")])
        assert await bodies(broker, "end") == ["a"]


async def test_a_message_that_goes_in_circles_ends_after_four_hops(tmp_path: Path) -> None:
    namespace = Namespace()
    namespace.add_queue("a", settings=EntitySettings(forward_to="b"))
    namespace.add_queue("b", settings=EntitySettings(forward_to="a"))
    async with running(tmp_path, namespace) as broker:
        await broker.send("a", [message("round")])
        (letter,) = await broker.peek("a/$Transfer/$DeadLetterQueue", 1, 9)
        assert body(letter) == "round"
        assert application(letter)["DeadLetterReason"] == "MaxTransferHopCountExceeded"
        link = await open_link(broker, "a/$Transfer/$DeadLetterQueue")
        assert len(await link.take(1)) == 1


async def test_dead_letters_can_be_forwarded(tmp_path: Path) -> None:
    namespace = Namespace()
    namespace.add_queue("morgue")
    namespace.add_queue("q", settings=EntitySettings(forward_dead_letters_to="morgue"))
    async with running(tmp_path, namespace) as broker:
        await broker.send("q", [message("x"), message("a")])
        link = await open_link(broker, "q")
        await link.take(2)
        await broker.settle("q", link.tokens()[1:], DeadLetter("Bad"))
        assert await broker.peek("q/$DeadLetterQueue", 1, 9) == []
        dead = await open_link(broker, "morgue", ReceiveMode.RECEIVE_AND_DELETE)
        (letter,) = await dead.take(1)
        assert (letter.sequence_number, letter.enqueued_sequence_number) == (1, 2)
        assert letter.dead_letter_source == "q"
        assert application(letter) == {"DeadLetterReason": "Bad"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (EntitySettings(forward_to="absent"), "q: ForwardTo: there is no queue or topic 'absent'"),
        (EntitySettings(forward_dead_letters_to="Q"), "cannot forward to itself"),
        (EntitySettings(forward_to="t", requires_session=True), "RequiresSession"),
    ],
)
async def test_forwarding_that_cannot_work_is_refused(
    tmp_path: Path, settings: EntitySettings, message: str
) -> None:
    namespace = topic()
    namespace.add_queue("q", settings=settings)
    with pytest.raises(NamespaceError, match=message):
        async with running(tmp_path, namespace):
            pass


async def test_rules_may_change_while_the_broker_runs(tmp_path: Path) -> None:
    namespace = topic(s=(Rule("$Default", SqlFilter("1=1")),))
    path = "T/subscriptions/S"
    async with running(tmp_path, namespace) as broker:
        await broker.send("t", [message("before", n=1)])
        await broker.remove_rule(path, "$DEFAULT")
        await broker.send("t", [message("to nobody", n=1)])
        sending = broker.send("t", [message("too early", n=2)])
        adding = broker.add_rule(path, Rule("two", SqlFilter("n = 2"), "SET n = 3"))
        await broker.send("t", [message("one", n=1), message("two", n=2)])
        await asyncio.gather(sending, adding)
        assert await bodies(broker, path) == ["before", "two"]
        with pytest.raises(RuleExists):
            await broker.add_rule(path, Rule("TWO", SqlFilter("n = 4")))
        with pytest.raises(RuleNotFound):
            await broker.remove_rule(path, "$Default")
        with pytest.raises(ArgumentOutOfRange):
            await broker.add_rule(path, Rule("x" * 51, SqlFilter("n = 4")))
        assert [rule.name for rule in await broker.rules(path)] == ["two"]
        for other in ("t", f"{path}/$DeadLetterQueue"):
            with pytest.raises(NotAllowed):
                await broker.rules(other)


async def test_changed_rules_outlive_the_broker_until_others_are_declared(tmp_path: Path) -> None:
    kinds: dict[str, PropertyValue] = {
        "text": "x",
        "number": 1,
        "half": 0.5,
        "yes": True,
        "id": UUID(int=7),
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "raw": b"\x00\xff",
    }
    declared = [Rule("first", SqlFilter("n = 1")), Rule("second", SqlFilter("n = 2"))]
    path = "t/Subscriptions/s"
    async with running(tmp_path, topic(s=declared)) as broker:
        await broker.remove_rule(path, "first")
        condition = CorrelationFilter({"Label": "wanted"}, kinds)
        await broker.add_rule(path, Rule("third", condition, "SET n = 9"))
    async with running(tmp_path, topic(s=declared)) as broker:
        second, third = await broker.rules(path)
        assert (second.name, third.condition, third.action_text) == (
            "second",
            CorrelationFilter({"Label": "wanted"}, kinds),
            "SET n = 9",
        )
        await broker.send("t", [message("1", n=1), message("2", n=2)])
        assert await bodies(broker, path) == ["2"]
    async with running(tmp_path, topic(s=[*declared, Rule("more", SqlFilter("n = 3"))])) as broker:
        assert [rule.name for rule in await broker.rules(path)] == ["first", "second", "more"]
    async with running(tmp_path, topic(s=declared)) as broker:
        assert [rule.name for rule in await broker.rules(path)] == ["first", "second"]


async def test_rules_that_were_not_committed_do_not_hold(tmp_path: Path) -> None:
    catalogue = Catalogue(topic(s=[Rule("first", SqlFilter("n = 1"))]))
    container = catalogue.find("t/Subscriptions/s")
    writer = Writer(
        tmp_path / DATABASE_NAME,
        catalogue,
        JsonCodec(),
        ManualBrokerClock(),
        lambda effects: None,
        lambda: None,
    )
    await writer.start()

    async def fail(error: Exception) -> BrokerError | None:
        def operation(transaction: Transaction) -> None:
            remove_rule(transaction, container, "first")
            raise error

        done: asyncio.Future[BrokerError | None] = asyncio.get_running_loop().create_future()
        writer.submit(operation, lambda _, failure: done.set_result(failure))
        return await done

    refused = RuleNotFound("refused")
    assert await fail(refused) is refused
    assert [rule.name for rule in container.rules] == ["first"]
    assert isinstance(await fail(sqlite3.OperationalError("disk full")), BrokerUnavailable)
    assert [rule.name for rule in container.rules] == ["first"]
    await writer.stop()


@pytest.mark.parametrize(
    ("action", "why"),
    [
        ("SET x = " + " + ".join(["s"] * 30), "a text is longer than a message may be"),
        ("; ".join(f"SET x{n} = s" for n in range(20)), "the message would have"),
    ],
)
async def test_an_action_cannot_make_a_message_without_bounds(
    tmp_path: Path, action: str, why: str
) -> None:
    namespace = topic(s=[Rule("r", SqlFilter("1=1"), action)], other=[Rule("r", SqlFilter("1=1"))])
    async with running(tmp_path, namespace) as broker:
        await broker.send("t", [message("a", s="x" * 20_000)])
        assert await bodies(broker, "t/Subscriptions/other") == ["a"]
        (letter,) = await broker.peek("t/Subscriptions/s/$DeadLetterQueue", 1, 9)
        assert str(application(letter)["DeadLetterErrorDescription"]).startswith(why)
