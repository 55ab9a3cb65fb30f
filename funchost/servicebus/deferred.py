"""A message whose body is at hand, and the rest of which is decoded when it is asked for.

Most functions read the body alone. To print some thirty fields as .NET does, and to read them back,
with a dozen date formats tried on each time, costs more than all else that the host does for it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from azure.functions.servicebus import ServiceBusMessage

from funchost.convert import Datum, decode
from funchost.function import Parameter

__all__ = ["DeferredMetadata", "argument"]

_READ_FROM_TEXT = frozenset(
    name.lower()
    for name in (
        "ApplicationProperties",
        "DeliveryCount",
        "EnqueuedSequenceNumber",
        "EnqueuedTimeUtc",
        "ExpiresAtUtc",
        "LockedUntil",
        "ScheduledEnqueueTimeUtc",
        "SequenceNumber",
        "State",
        "TimeToLive",
        "UserProperties",
    )
)
"""Fields of which the converter may refuse what a body puts over them."""


class DeferredMetadata(Mapping[str, Datum]):
    """Made by `make` when somebody looks."""

    def __init__(self, make: Callable[[], Mapping[str, Datum]]) -> None:
        self._make = make

    @cached_property
    def _made(self) -> Mapping[str, Datum]:
        return self._make()

    def __getitem__(self, name: str) -> Datum:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def argument(parameter: Parameter, data: Datum, metadata: Mapping[str, Datum]) -> Any:
    """`convert.decode` for one message. What that would refuse is refused at once, so that the
    function does not run, as in Azure."""
    is_message = parameter.kind == "serviceBusTrigger"
    if not is_message or (data.type == "string" and _may_be_refused(data.value)):
        return decode(parameter, data, metadata)
    return _Message(data, lambda: decode(parameter, data, metadata))


def _may_be_refused(text: str) -> bool:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return True  # the host reads more as JSON than Python does
    return isinstance(content, dict) and any(name.lower() in _READ_FROM_TEXT for name in content)


class _Message(ServiceBusMessage):
    def __init__(self, data: Datum, decode: Callable[[], ServiceBusMessage]) -> None:
        self._body: bytes = data.value.encode() if data.type == "string" else data.value
        self._decode: Callable[[], ServiceBusMessage] = decode

    def get_body(self) -> bytes:
        return self._body

    def __getattr__(self, name: str) -> Any:
        """Called for what is not there: first of all the private fields behind the properties."""
        if "_decode" not in vars(self):
            raise AttributeError(name)  # of one that is being copied
        decoded = vars(self._decode())
        vars(self).update(decoded)
        try:
            return decoded[name]
        except KeyError:
            raise AttributeError(name) from None
