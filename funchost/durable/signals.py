"""The message by which an operation of an entity is asked for without waiting."""

from funchost.context import new_id
from funchost.durable.events import Event, EventType
from funchost.durable.wire import EntityRequest, entity_request

__all__ = ["signal_event"]


def signal_event(operation: str, given: str | None, at: int, *, due: int | None = None) -> Event:
    """The message by which a client, or another entity, signals an operation."""
    request = EntityRequest(new_id(), operation, given, is_signal=True, due=due)
    return Event(EventType.EVENT_RAISED, at, {"name": "op", "input": entity_request(request, at)})
