"""Runs the operations that wait for one entity: all in one call, their effects in one commit.

A lock (`lockset`) is taken entity by entity in the order of the set, so that two lock requests
cannot wait for each other; while it is held, only its holder's operations are taken.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from funchost.convert import Datum
from funchost.durable.batches import new_execution_id
from funchost.durable.events import Event, EventType, to_micros
from funchost.durable.interface import EntityId, RuntimeStatus
from funchost.durable.live import LiveInstance
from funchost.durable.options import DurableOptions
from funchost.durable.orchestrations import Aborted
from funchost.durable.signals import signal_event
from funchost.durable.store.records import (
    DelayedEvent,
    EntityChange,
    EpisodeCommit,
    OutgoingMessage,
)
from funchost.durable.wire import (
    EntityRequest,
    EntityResult,
    EntitySignal,
    OperationResult,
    WireError,
    compact,
    entity_context,
    entity_request,
    entity_response,
    parse_entity_request,
    parse_entity_result,
)
from funchost.invoke import FunctionTimeoutError, InvocationFailedError
from funchost.kinds import HostedFunction, Invoke, TriggerEvent

__all__ = ["EntityRunner"]

_RELEASE = "release"


@dataclass
class _Turn:
    """What one look into the mailbox comes to: messages taken, operations to run, and either a lock
    or a release that was met."""

    consumed: list[int]
    operations: list[EntityRequest]
    locked_by: str | None
    forwards: list[EntityRequest]


class EntityRunner:
    def __init__(
        self,
        options: DurableOptions,
        invoke: Invoke,
        now: Callable[[], datetime],
        report: Callable[[str], None],
    ) -> None:
        """`report` is told of operations that fail: of a signal, nobody else hears."""
        self._options = options
        self._report = report
        self._invoke = invoke
        self._now = now

    async def run(self, live: LiveInstance, hosted: HostedFunction) -> EpisodeCommit | None:
        """None when nothing can be taken, because another holds the lock. Raises Aborted."""
        turn = self._take(live)
        if not turn.consumed:
            return None
        entity = EntityId.parse(live.id)
        if turn.operations:
            result = await self._call(live, hosted, entity, turn.operations)
        else:
            result = EntityResult(live.is_present, live.state, (), ())
        return self._commit(live, turn, result)

    def give_up(self, live: LiveInstance, why: str) -> EpisodeCommit | None:
        """Answers what waits with an error, so that no caller waits for ever."""
        turn = self._take(live)
        failure = OperationResult(is_error=True, result=json.dumps(why))
        results = [failure] * len(turn.operations)
        return self._commit(live, turn, EntityResult(live.is_present, live.state, results, ()))

    def _take(self, live: LiveInstance) -> _Turn:
        turn = _Turn([], [], live.locked_by, [])
        for message in live.mailbox.values():
            if len(turn.operations) >= self._options.maximum_entity_batch:
                break
            members = message.event.members
            try:
                request = parse_entity_request(str(members["input"]))
            except WireError:
                # An event that a client raised by hand, which no entity understands.
                turn.consumed.append(message.number)
                continue
            if turn.locked_by is not None and request.parent_instance_id != turn.locked_by:
                continue
            turn.consumed.append(message.number)
            if members["name"] == _RELEASE:
                turn.locked_by = None
            elif request.lockset:
                turn.locked_by = request.parent_instance_id
                turn.forwards.append(request)
            else:
                turn.operations.append(request)
        return turn

    async def _call(
        self,
        live: LiveInstance,
        hosted: HostedFunction,
        entity: EntityId,
        operations: list[EntityRequest],
    ) -> EntityResult:
        context = entity_context(
            entity.name, entity.key, exists=live.is_present, state=live.state, batch=operations
        )
        try:
            outcome = await self._invoke(hosted, TriggerEvent(Datum(context, "string")))
            returned = outcome.returned
            return parse_entity_result(str(returned.value if returned else None), len(operations))
        except WireError as error:
            raise Aborted(str(error)) from error
        except InvocationFailedError as failure:
            cause = failure.__cause__ or failure
            if not isinstance(cause, FunctionTimeoutError):
                raise Aborted(f"{type(cause).__name__}: {cause}") from cause
            # As the SDK knows it: this one text is not JSON.
            late = OperationResult(is_error=True, result=str(cause))
            return EntityResult(live.is_present, live.state, [late] * len(operations), ())

    def _commit(self, live: LiveInstance, turn: _Turn, result: EntityResult) -> EpisodeCommit:
        at = to_micros(self._now())
        left = len(live.mailbox) - len(turn.consumed)
        commit = EpisodeCommit(
            live.id,
            live.epoch,
            turn.consumed,
            RuntimeStatus.RUNNING,
            at,
            live.execution_id or new_execution_id(),
            custom_status=compact({"entityExists": result.exists, "queueSize": left}),
            entity=EntityChange(result.state, result.exists, turn.locked_by, at),
        )
        for request, answer in zip(turn.operations, result.results, strict=True):
            if answer.is_error:
                self._report(
                    f"{live.id}: the operation '{request.operation}' failed: {answer.result}"
                )
            if not request.is_signal:
                commit.messages.append(_respond(request, answer, at))
        for signal in result.signals:
            _send(signal, commit, at)
        for request in turn.forwards:
            commit.messages.append(_grant(request, at))
        return commit


def _respond(request: EntityRequest, answer: OperationResult, at: int) -> OutgoingMessage:
    assert request.parent_instance_id is not None
    event = Event(
        EventType.EVENT_RAISED, at, {"name": request.id, "input": entity_response(answer)}
    )
    return OutgoingMessage(request.parent_instance_id, request.parent_execution_id, event)


def _send(signal: EntitySignal, commit: EpisodeCommit, at: int) -> None:
    target = EntityId(signal.name, signal.key).instance_id
    event = signal_event(signal.operation, signal.input, at, due=signal.due)
    if signal.due is not None and signal.due > at:
        commit.delayed.append(DelayedEvent(signal.due, target, None, event))
    else:
        commit.messages.append(OutgoingMessage(target, None, event))


def _grant(request: EntityRequest, at: int) -> OutgoingMessage:
    """The lock goes on to the next entity of the set, and from the last one back to the caller."""
    following = request.position + 1
    if following < len(request.lockset):
        name, key = request.lockset[following]
        content = entity_request(replace(request, position=following), at)
        event = Event(EventType.EVENT_RAISED, at, {"name": "op", "input": content})
        return OutgoingMessage(EntityId(name, key).instance_id, None, event)
    return _respond(request, OperationResult(is_error=False, result="null"), at)
