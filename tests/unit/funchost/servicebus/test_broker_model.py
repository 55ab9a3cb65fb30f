"""A queue against a model of it: any order of calls, time and restarts."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from funchost.servicebus.broker.clock import ManualBrokerClock
from funchost.servicebus.broker.errors import MessageLockLost, MessageNotFound
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.interface import (
    Abandon,
    Broker,
    Complete,
    DeadLetter,
    Defer,
    MessageState,
    Outcome,
    ReceiveMode,
    Release,
    StoredMessage,
)
from tests.support.broker import Link, one_queue, open_link, settled
from tests.support.broker_codec import JsonCodec, body, message

LOCK = 1000
MAX_DELIVERIES = 2
DEAD_LETTERS = "q/$DeadLetterQueue"
OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(
    [Abandon(), Complete(), Release(), Defer(), DeadLetter("r")]
)


@dataclass
class Model:
    """One message as it should be."""

    name: str
    state: Literal["ready", "locked", "deferred", "deferred-locked", "scheduled"]
    deliveries: int = 0
    due: int | None = None
    expires: int | None = None
    token: UUID | None = None


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualBrokerClock()
        self.queue: dict[int, Model] = {}
        self.dead: list[str] = []
        self.spent: list[tuple[UUID, type]] = []
        self.last_sequence = 0
        self.names = 0
        self.broker: Broker
        self.link: Link

    @initialize()
    def start(self) -> None:
        self.runner.run(self._open())

    async def _open(self) -> None:
        namespace = one_queue(
            lock_duration=LOCK, max_delivery_count=MAX_DELIVERIES, dead_letter_on_expiration=True
        )
        self.broker = await open_broker(self.folder, namespace, JsonCodec(), self.clock)
        self.link = await open_link(self.broker, "q")

    @rule(count=st.integers(1, 4), ttl=st.none() | st.integers(1, 3000))
    def send(self, count: int, ttl: int | None) -> None:
        names = [self._name() for _ in range(count)]
        numbers = self.runner.run(self._send([message(name, ttl=ttl) for name in names]))
        expires = None if ttl is None else self.clock.now() + ttl
        for name, number in zip(names, numbers, strict=True):
            self._number(number)
            self.queue[number] = Model(name, "ready", due=expires, expires=expires)

    @rule(delay=st.integers(1, 3000))
    def schedule(self, delay: int) -> None:
        name, at = self._name(), self.clock.now() + delay
        (number,) = self.runner.run(self._send([message(name, at=at)]))
        self._number(number)
        self.queue[number] = Model(name, "scheduled", due=at)

    @precondition(lambda self: self._any("scheduled"))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self._any("scheduled")))
        self.runner.run(self._cancel(number))
        del self.queue[number]

    @rule(data=st.data())
    def cancel_what_is_not_scheduled(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, self.last_sequence + 1))
        if number not in self._any("scheduled"):
            with pytest.raises(MessageNotFound):
                self.runner.run(self._cancel(number))

    @rule(credit=st.integers(1, 3))
    def receive(self, credit: int) -> None:
        got = self.runner.run(self.link.available(credit))
        assert [each.sequence_number for each in got] == self._any("ready")[:credit]
        for each in got:
            self._deliver(each, "locked")

    @precondition(lambda self: self._any("ready"))
    @rule(outcome=OUTCOMES)
    def receive_and_settle(self, outcome: Outcome) -> None:
        self.receive(1)
        (token,) = self.link.tokens()[-1:]
        self._settle(token, outcome)

    @precondition(lambda self: self._any("deferred"))
    @rule(data=st.data(), outcome=st.none() | OUTCOMES)
    def receive_deferred(self, data: st.DataObject, outcome: Outcome | None) -> None:
        number = data.draw(st.sampled_from(self._any("deferred")))
        if self._is_expired(self.queue[number]):
            with pytest.raises(MessageNotFound):
                self.runner.run(self._receive_deferred(number))
            self._bury(number)
            return
        (got,) = self.runner.run(self._receive_deferred(number))
        self._deliver(got, "deferred-locked")
        assert got.lock_token is not None
        if outcome is not None:
            self._settle(got.lock_token, outcome)

    @rule(data=st.data())
    def receive_what_is_not_deferred(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, self.last_sequence + 1))
        if number not in self._any("deferred"):
            with pytest.raises(MessageNotFound):
                self.runner.run(self._receive_deferred(number))

    @precondition(lambda self: self._any("locked", "deferred-locked"))
    @rule(data=st.data(), outcome=OUTCOMES)
    def settle(self, data: st.DataObject, outcome: Outcome) -> None:
        number = data.draw(st.sampled_from(self._any("locked", "deferred-locked")))
        token = self.queue[number].token
        assert token is not None
        self._settle(token, outcome)

    @precondition(lambda self: self._any("locked", "deferred-locked"))
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        model = self.queue[data.draw(st.sampled_from(self._any("locked", "deferred-locked")))]
        assert model.token is not None
        model.due = self.clock.now() + LOCK
        assert self.runner.run(self._renew(model.token)) == [model.due]

    @precondition(lambda self: self.spent)
    @rule(data=st.data())
    def use_a_token_that_is_spent(self, data: st.DataObject) -> None:
        token, last = data.draw(st.sampled_from(self.spent))
        other = DeadLetter() if last is Complete else Complete()
        with pytest.raises(MessageLockLost):
            self.runner.run(self._settle_now(token, other))
        with pytest.raises(MessageLockLost):
            self.runner.run(self._renew(token))

    @rule(milliseconds=st.sampled_from([1, 400, LOCK, 5000]))
    def advance(self, milliseconds: int) -> None:
        async def call() -> None:
            self.clock.advance(milliseconds)

        self.runner.run(call())
        self._pass_time()

    @rule()
    def restart(self) -> None:
        async def call() -> None:
            await self.broker.stop()
            await self._open()

        self.runner.run(call())

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "broker"):
            return
        states = {
            MessageState.ACTIVE: {"ready", "locked"},
            MessageState.DEFERRED: {"deferred", "deferred-locked"},
            MessageState.SCHEDULED: {"scheduled"},
        }

        async def look() -> None:
            await settled(self.broker)
            seen = await self.broker.peek("q", 1, 1000)
            expected = sorted(self.queue.items())
            assert [(e.sequence_number, body(e), e.delivery_count) for e in seen] == [
                (number, model.name, model.deliveries) for number, model in expected
            ]
            for each in seen:
                assert self.queue[each.sequence_number].state in states[each.state]
            letters = await self.broker.peek(DEAD_LETTERS, 1, 1000)
            assert sorted(body(each) for each in letters) == sorted(self.dead)

        self.runner.run(look())

    def teardown(self) -> None:
        if hasattr(self, "broker"):
            self.runner.run(self.broker.stop())
        self.runner.close()
        shutil.rmtree(self.folder)

    async def _send(self, messages: list[object]) -> list[int]:
        return await self.broker.send("q", messages)  # type: ignore[arg-type]

    async def _cancel(self, number: int) -> None:
        await self.broker.cancel_scheduled("q", [number])

    async def _receive_deferred(self, number: int) -> list[StoredMessage]:
        return await self.broker.receive_deferred("q", [number], ReceiveMode.PEEK_LOCK)

    async def _settle_now(self, token: UUID, outcome: Outcome) -> None:
        await self.broker.settle("q", [token], outcome)

    async def _renew(self, token: UUID) -> list[int]:
        return await self.broker.renew_locks("q", [token])

    def _settle(self, token: UUID, outcome: Outcome) -> None:
        (number,) = [n for n, each in self.queue.items() if each.token == token]
        self.runner.run(self._settle_now(token, outcome))
        match outcome:
            case Complete():
                del self.queue[number]
            case DeadLetter():
                self._bury(number)
            case Defer():
                model = self.queue[number]
                model.state, model.token, model.due = "deferred", None, None
            case Release():
                self.queue[number].deliveries -= 1
                self._unlock(number, counts=False)
            case Abandon():
                self._unlock(number)
        self.spent.append((token, type(outcome)))
        self._pass_time()

    def _any(self, *states: str) -> list[int]:
        return [number for number, each in sorted(self.queue.items()) if each.state in states]

    def _name(self) -> str:
        self.names += 1
        return str(self.names)

    def _number(self, number: int) -> None:
        self.last_sequence += 1
        assert number == self.last_sequence

    def _is_expired(self, model: Model) -> bool:
        return model.expires is not None and model.expires <= self.clock.now()

    def _deliver(self, got: StoredMessage, state: Literal["locked", "deferred-locked"]) -> None:
        model = self.queue[got.sequence_number]
        assert (got.delivery_count, got.lock_token is None) == (model.deliveries, False)
        assert not self._is_expired(model)
        model.deliveries += 1
        model.token, model.due = got.lock_token, self.clock.now() + LOCK
        model.state = state

    def _bury(self, number: int) -> None:
        self.dead.append(self.queue.pop(number).name)

    def _unlock(self, number: int, *, counts: bool = True) -> None:
        model = self.queue[number]
        if counts and model.deliveries >= MAX_DELIVERIES:
            self._bury(number)
            return
        is_ready = model.state == "locked"
        model.state, model.token = ("ready" if is_ready else "deferred"), None
        model.due = model.expires if is_ready else None

    def _pass_time(self) -> None:
        now = self.clock.now()
        for number, model in sorted(self.queue.items(), key=lambda item: (item[1].due or 0, item)):
            if model.due is None or model.due > now:
                continue
            if model.state == "scheduled":
                self._number(self.last_sequence + 1)
                self.queue[self.last_sequence] = Model(model.name, "ready")
                del self.queue[number]
                continue
            if model.state in ("locked", "deferred-locked"):
                assert model.token is not None
                self.spent.append((model.token, type(None)))
                self._unlock(number)
            if number in self.queue and model.state == "ready" and self._is_expired(model):
                self._bury(number)


QueueMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
TestQueue = QueueMachine.TestCase
