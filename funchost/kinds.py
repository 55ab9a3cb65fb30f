"""The seam between the host and the kinds of triggers and bindings that it serves.

A kind is one entry in `BindingKinds`: a listener for a trigger, a source for an input, a sink for
an output, a web hook. HTTP is served by the host itself; a type without an entry makes its function
an error that names it, and every other function goes on working.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from funchost.clock import HostClock
from funchost.convert import Datum, decode
from funchost.exchange import Exchange
from funchost.function import Function, Parameter
from funchost.hostjson import HostJson
from funchost.http_messages import Response
from funchost.logs import HostLog
from funchost.spans import HostSpans

__all__ = [
    "AdminPage",
    "BindingError",
    "BindingKinds",
    "Extension",
    "HostedFunction",
    "InputSource",
    "Invoke",
    "ListenerFactory",
    "Outcome",
    "OutputSink",
    "Services",
    "TriggerEvent",
    "TriggerListener",
]

AdminPage = Callable[[Exchange], Awaitable[Response]]
ASGIApp = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class BindingError(Exception):
    """A binding that this host cannot serve; the function that has it is not loaded."""


@dataclass(frozen=True)
class TriggerEvent:
    """What a listener hands over. `details` is the log line that some triggers add; `decode` makes
    the trigger's argument of data and metadata."""

    data: Datum
    metadata: Mapping[str, Datum] = field(default_factory=dict)
    decode: Callable[[Parameter, Datum, Mapping[str, Datum]], Any] = decode
    reason: str = "(null)"
    details: str | None = None
    traceparent: str = ""
    tracestate: str = ""


@dataclass(frozen=True)
class Outcome:
    """A finished invocation. `returned` is the encoded return value of a trigger that takes one;
    output bindings have been sent by then."""

    invocation_id: str
    returned: Datum | None


class Invoke(Protocol):
    async def __call__(self, hosted: "HostedFunction", event: TriggerEvent) -> Outcome:
        """Runs the function, with retries where it has a policy that its trigger supports.

        Raises InvocationFailedError, already logged, when the last attempt failed.
        """


class TriggerListener(Protocol):
    async def start(self) -> None:
        """Begins to listen and returns. Raises when that is impossible for now."""

    async def stop(self) -> None:
        """Takes no new event, and returns when the invocations that it started have ended."""


@dataclass(frozen=True)
class Services:
    """What a listener or a binding may need of the host."""

    invoke: Invoke
    clock: HostClock
    state: Path
    host_json: HostJson
    log: HostLog
    spans: HostSpans | None = None


class ListenerFactory(Protocol):
    def __call__(self, hosted: "HostedFunction", services: Services) -> TriggerListener:
        """Raises BindingError for a trigger that is declared wrongly."""


class InputSource(Protocol):
    async def __call__(self, binding: Mapping[str, Any], event: TriggerEvent) -> Datum | None: ...


class OutputSink(Protocol):
    async def __call__(self, binding: Mapping[str, Any], data: Datum) -> None: ...


class Extension(Protocol):
    """What several kinds share and what must live longer than any listener."""

    def check(self, hosted: "HostedFunction") -> None:
        """Raises BindingError for a function that has a binding of its kinds declared wrongly."""

    async def start(self, hosted: Sequence["HostedFunction"]) -> None:
        """Before anything of the app runs, with all functions that will. Raises SettingsError,
        which ends the start of the host."""

    async def close(self) -> None:
        """After all invocations have ended."""


@dataclass
class BindingKinds:
    """All types by their lower-case name; web hooks by the name of the extension."""

    triggers: dict[str, ListenerFactory | None] = field(default_factory=dict)
    """None: the trigger has no listener, because the host itself calls the function."""
    inputs: dict[str, InputSource] = field(default_factory=dict)
    outputs: dict[str, OutputSink] = field(default_factory=dict)
    webhooks: dict[str, ASGIApp] = field(default_factory=dict)
    admin_pages: dict[str, AdminPage] = field(default_factory=dict)
    """By the first part of their path below `/admin`, all of which needs the master key."""
    manual: "dict[str, Callable[[HostedFunction, str], TriggerEvent]]" = field(default_factory=dict)
    """What a run through `/admin/functions/{name}` hands over; plain text where nothing stands."""
    extensions: list[Extension] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class HostedFunction:
    """A function with its bindings resolved and their kinds found.

    `http_output` is the name of the binding that carries the response, None when there is none.
    """

    function: Function
    trigger: Mapping[str, Any]
    inputs: list[tuple[str, Parameter, Mapping[str, Any], InputSource]]
    outputs: list[tuple[str, Parameter, Mapping[str, Any], OutputSink]]
    http_output: str | None = None

    @property
    def trigger_type(self) -> str:
        return str(self.trigger["type"]).lower()
