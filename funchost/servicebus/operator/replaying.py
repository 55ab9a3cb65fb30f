"""Sends dead letters again, and empties entities."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusReceiveMode
from azure.servicebus.exceptions import OperationTimeoutError, ServiceBusError

from funchost.servicebus.operator.browsing import BrowsedMessage, browse, dead_letters_of
from funchost.servicebus.operator.resending import resending
from funchost.servicebus.operator.target import Target

__all__ = ["Replay", "purge", "replay", "sends_to"]

_BURST = 100
_PATIENCE_SECONDS = 3.0
_SESSION_SECONDS = 1.0


@dataclass
class Replay:
    """`missing` were chosen and could not be had: somebody else has them, or took them away."""

    sent: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)


def sends_to(entity: str) -> str:
    """Where a dead letter of the entity is sent: a subscription takes nothing by itself, so to its
    topic, whose other subscriptions get it as well."""
    name = dead_letters_of(entity)
    name = name[: -len("/$DeadLetterQueue")]
    topic, separator, _ = name.partition("/Subscriptions/")
    return topic if separator else name


async def replay(target: Target, entity: str, chosen: Callable[[BrowsedMessage], bool]) -> Replay:
    """Each chosen dead letter of now is sent with a fresh message id, its body and its application
    properties unchanged, and completed only after that send was accepted: one that dies in between
    is there twice, none is lost. What fails again meanwhile is not sent a second time."""
    path = dead_letters_of(entity)
    wanted = {message.sequence_number async for message in browse(target, path) if chosen(message)}
    result = Replay()
    if not wanted:
        return result
    last = max(wanted)
    passed_over = []
    async with (
        resending(target, path, sends_to(entity)) as resender,
        target.client.get_queue_receiver(path) as receiver,
    ):
        try:
            is_past = False
            while wanted and not is_past:
                messages = await receiver.receive_messages(_BURST, max_wait_time=_PATIENCE_SECONDS)
                if not messages:
                    break
                for message in messages:
                    number = message.sequence_number or 0
                    is_past = is_past or number > last
                    if number not in wanted:
                        # It stays locked until the end, so that it does not come again at once.
                        passed_over.append(message)
                        continue
                    await resender.send(message)
                    await receiver.complete_message(message)
                    wanted.discard(number)
                    result.sent.append(number)
        finally:
            for message in passed_over:
                await receiver.abandon_message(message)
    result.missing = sorted(wanted)
    return result


async def purge(target: Target, entity: str) -> int:
    """Deletes what can be received; deferred and scheduled messages stay, and what is locked."""
    try:
        return await _drain(target, entity, None)
    except ServiceBusError as error:
        if "session" not in str(error).lower():
            raise
    # The entity has sessions: one by one, but for those that somebody holds.
    count = 0
    while True:
        try:
            count += await _drain(target, entity, NEXT_AVAILABLE_SESSION)
        except OperationTimeoutError:
            return count


async def _drain(target: Target, entity: str, session: Any) -> int:
    options = {} if session is None else {"session_id": session}
    count = 0
    async with target.client.get_queue_receiver(
        entity,
        receive_mode=ServiceBusReceiveMode.RECEIVE_AND_DELETE,
        max_wait_time=_PATIENCE_SECONDS if session is None else _SESSION_SECONDS,
        **options,
    ) as receiver:
        # A look costs less than to wait in vain, of which there may be one for each session.
        while await receiver.peek_messages(1, sequence_number=1):
            messages = await receiver.receive_messages(_BURST, max_wait_time=1.0)
            if not messages:
                break
            count += len(messages)
    return count
