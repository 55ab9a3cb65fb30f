"""`$management`: what clients ask about an entity beside sending and receiving.

Names and shapes of the operations are Service Bus's own (AMQP request/response protocol).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID

from funchost.servicebus.amqp.bodies import Body
from funchost.servicebus.amqp.codec import incoming, property_value
from funchost.servicebus.amqp.delivery import as_received
from funchost.servicebus.amqp.requests import Reply, Request
from funchost.servicebus.amqp.rules import described_rule, read_rule
from funchost.servicebus.amqp.values import Array, DecodeError, Described, Int, Symbol, Timestamp
from funchost.servicebus.broker.errors import (
    ArgumentOutOfRange,
    BrokerError,
    NotAllowed,
    SessionLockLost,
)
from funchost.servicebus.broker.interface import (
    Abandon,
    Broker,
    Complete,
    DeadLetter,
    Defer,
    Outcome,
    ReceiveMode,
    Receiver,
    StoredMessage,
)

__all__ = ["ManagementNode"]

_UUID_ARRAY: Final = 0x98
_LONG_ARRAY: Final = 0x81
_TIMESTAMP_ARRAY: Final = 0x83
_STRING_ARRAY: Final = 0xB1
_PEEK_LIMIT: Final = 1000
_SESSIONS_LIMIT: Final = 1000
_RULES_LIMIT: Final = 100
_NO_TIME: Final = 253_402_300_800_000
"""The last moment that .NET knows: what clients say who ask for no time."""

_Operation = Callable[[Request, "Body"], Awaitable[Reply]]


class ManagementNode:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._operations: dict[str, _Operation] = {
            "com.microsoft:renew-lock": self._renew_locks,
            "com.microsoft:peek-message": self._peek,
            "com.microsoft:schedule-message": self._schedule,
            "com.microsoft:cancel-scheduled-message": self._cancel_scheduled,
            "com.microsoft:receive-by-sequence-number": self._receive_deferred,
            "com.microsoft:update-disposition": self._settle,
            "com.microsoft:renew-session-lock": self._renew_session_lock,
            "com.microsoft:get-session-state": self._session_state,
            "com.microsoft:set-session-state": self._set_session_state,
            "com.microsoft:get-message-sessions": self._sessions,
            "com.microsoft:add-rule": self._add_rule,
            "com.microsoft:remove-rule": self._remove_rule,
            "com.microsoft:enumerate-rules": self._rules,
            "funchost:list-entities": self._list_entities,
        }

    async def answer(self, request: Request) -> Reply:
        name = request.properties.get("operation")
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None:
            text = f"The operation {name!r} is not known."
            return _failure(501, "amqp:not-implemented", text)
        try:
            return await operation(request, Body(request.body))
        except DecodeError as error:
            return _failure(400, "amqp:decode-error", str(error))

    def failure(self, error: BrokerError) -> Reply:
        return _failure(error.status, error.condition, str(error))

    async def _renew_locks(self, request: Request, body: Body) -> Reply:
        tokens = body.items("lock-tokens", UUID)
        until = await self._broker.renew_locks(request.path, tokens)
        return _success({"expirations": Array(_TIMESTAMP_ARRAY, until)})

    async def _peek(self, request: Request, body: Body) -> Reply:
        found = await self._broker.peek(
            request.path,
            body.need("from-sequence-number", int),
            max(1, min(body.need("message-count", int), _PEEK_LIMIT)),
            session_id=body.get("session-id", str),
        )
        return _messages([{"message": as_received(message)} for message in found])

    async def _schedule(self, request: Request, body: Body) -> Reply:
        messages = []
        for entry in body.items("messages", dict):
            messages.append(incoming(Body(entry).need("message", bytes)))
        numbers = await self._broker.schedule(request.path, messages)
        return _success({"sequence-numbers": Array(_LONG_ARRAY, numbers)})

    async def _cancel_scheduled(self, request: Request, body: Body) -> Reply:
        await self._broker.cancel_scheduled(request.path, body.items("sequence-numbers", int))
        return _success()

    async def _receive_deferred(self, request: Request, body: Body) -> Reply:
        locks = body.get("receiver-settle-mode", int) != 0
        found = await self._broker.receive_deferred(
            request.path,
            body.items("sequence-numbers", int),
            ReceiveMode.PEEK_LOCK if locks else ReceiveMode.RECEIVE_AND_DELETE,
            session_id=body.get("session-id", str),
        )
        return _messages([_received(message) for message in found])

    async def _settle(self, request: Request, body: Body) -> Reply:
        outcome = _outcome(body)
        await self._broker.settle(request.path, body.items("lock-tokens", UUID), outcome)
        return _success()

    async def _renew_session_lock(self, request: Request, body: Body) -> Reply:
        until = self._session(request, body).renew_session_lock()
        return _success({"expiration": Timestamp(until)})

    async def _session_state(self, request: Request, body: Body) -> Reply:
        return _success({"session-state": await self._session(request, body).session_state()})

    async def _set_session_state(self, request: Request, body: Body) -> Reply:
        state = body.get("session-state", bytes)
        await self._session(request, body).set_session_state(state)
        return _success()

    def _session(self, request: Request, body: Body) -> Receiver:
        """The receiver that holds the session: the link that the client names, since another one
        may have the session by now; without a name, whoever has it."""
        session_id = body.need("session-id", str)
        name = request.properties.get("associated-link-name")
        if not isinstance(name, str):
            return self._broker.session_holder(request.path, session_id)
        link = request.session.source_named(name)
        if link is None or link.receiver is None or link.receiver.session_id != session_id:
            raise SessionLockLost(f"The link '{name}' does not hold the session '{session_id}'.")
        return link.receiver

    async def _sessions(self, request: Request, body: Body) -> Reply:
        if not self._broker.entity(request.path).requires_session:
            raise NotAllowed(f"'{request.path}' has no sessions.")
        skip = max(0, body.get("skip", int) or 0)
        top = max(1, min(body.get("top", int) or _SESSIONS_LIMIT, _SESSIONS_LIMIT))
        updated_after = body.get("last-updated-time", Timestamp)
        if updated_after is not None and updated_after >= _NO_TIME:
            updated_after = None
        found = await self._broker.sessions(
            request.path, skip=skip, top=top, updated_after=updated_after
        )
        if not found:
            return _nothing()
        ids = Array(_STRING_ARRAY, found)
        return _success({"skip": Int(skip + len(found)), "sessions-ids": ids})

    async def _add_rule(self, request: Request, body: Body) -> Reply:
        await self._broker.add_rule(request.path, read_rule(body))
        return _success()

    async def _remove_rule(self, request: Request, body: Body) -> Reply:
        await self._broker.remove_rule(request.path, body.need("rule-name", str))
        return _success()

    async def _rules(self, request: Request, body: Body) -> Reply:
        skip = max(0, body.get("skip", int) or 0)
        top = max(1, min(body.get("top", int) or _RULES_LIMIT, _RULES_LIMIT))
        found = (await self._broker.rules(request.path))[skip : skip + top]
        entries = [{"rule-description": described_rule(rule)} for rule in found]
        return _success({"rules": entries}) if entries else _nothing()

    async def _list_entities(self, request: Request, body: Body) -> Reply:
        """The host's own operation, of the namespace: its entities with their counts."""
        entities = [
            {
                "path": counted.entity.path,
                "kind": counted.entity.kind.value,
                "requires-session": counted.entity.requires_session,
                "lock-duration": counted.entity.lock_duration,
                "active": counted.active,
                "deferred": counted.deferred,
                "scheduled": counted.scheduled,
                "sessions": counted.sessions,
            }
            for counted in await self._broker.counts()
        ]
        return _success({"entities": entities})


def _outcome(body: Body) -> Outcome:
    properties = {
        str(name): property_value(value)
        for name, value in (body.get("properties-to-modify", dict) or {}).items()
        if isinstance(name, str) and not isinstance(value, list | dict | Described)
    }
    match body.need("disposition-status", str):
        case "completed":
            return Complete()
        case "abandoned":
            return Abandon(properties)
        case "defered":  # Spelt so on the wire.
            return Defer(properties)
        case "suspended":
            reason = body.get("deadletter-reason", str)
            return DeadLetter(reason, body.get("deadletter-description", str), properties)
        case other:
            raise ArgumentOutOfRange(f"'disposition-status' may not be '{other}'.")


def _received(message: StoredMessage) -> dict[str, Any]:
    entry: dict[str, Any] = {"message": as_received(message)}
    if message.lock_token is not None:
        entry["lock-token"] = message.lock_token
    return entry


def _messages(entries: Sequence[dict[str, Any]]) -> Reply:
    return _success({"messages": list(entries)}) if entries else _nothing()


def _success(body: dict[str, Any] | None = None) -> Reply:
    return Reply({"statusCode": Int(200), "statusDescription": "OK"}, body or {})


def _nothing() -> Reply:
    return Reply({"statusCode": Int(204), "statusDescription": "No Content"}, {})


def _failure(status: int, condition: str, description: str) -> Reply:
    return Reply(
        {
            "statusCode": Int(status),
            "statusDescription": description,
            "errorCondition": Symbol(condition),
        }
    )
