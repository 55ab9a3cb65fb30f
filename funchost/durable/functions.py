"""The app's durable functions by their durable names, which are compared without regard to case."""

from collections.abc import Callable
from enum import Enum

from funchost.durable.decisions import Names
from funchost.kinds import BindingError, HostedFunction

__all__ = ["DurableKind", "FunctionTable"]


class DurableKind(Enum):
    """`value` is how the extension speaks of it; `key` the binding's member for the name."""

    ORCHESTRATOR = "orchestrator"
    ACTIVITY = "activity"
    ENTITY = "entity"

    @property
    def key(self) -> str:
        return _KEYS[self]


_KEYS = {
    DurableKind.ORCHESTRATOR: "orchestration",
    DurableKind.ACTIVITY: "activity",
    DurableKind.ENTITY: "entityName",
}


class FunctionTable:
    def __init__(self) -> None:
        self._functions: dict[DurableKind, dict[str, tuple[str, HostedFunction]]] = {
            kind: {} for kind in DurableKind
        }
        self.names = Names(
            self._problem(DurableKind.ACTIVITY),
            self._problem(DurableKind.ORCHESTRATOR),
            self._problem(DurableKind.ENTITY),
        )

    def add(self, kind: DurableKind, hosted: HostedFunction) -> None:
        """Raises BindingError for a second function of the same kind and name."""
        name = str(hosted.trigger.get(kind.key) or hosted.function.name)
        known = self._functions[kind].get(name.lower())
        if known is not None and known[1].function is not hosted.function:
            raise BindingError(
                f"The functions '{known[1].function.name}' and '{hosted.function.name}' are both "
                f"named '{name}' as {kind.value} functions."
            )
        if not hosted.function.is_disabled:
            self._functions[kind][name.lower()] = name, hosted

    def find(self, kind: DurableKind, name: str) -> HostedFunction | None:
        found = self._functions[kind].get(name.lower())
        return None if found is None else found[1]

    @property
    def is_empty(self) -> bool:
        return not any(self._functions.values())

    def problem(self, kind: DurableKind, name: str) -> str | None:
        """The extension's own words for a function that does not exist, None for one that does."""
        known = self._functions[kind]
        if name.lower() in known:
            return None
        if known:
            names = ", ".join(f"'{known_name}'" for known_name, _ in known.values())
            more = f"The following are the known {kind.value} functions: {names}."
        else:
            more = f"No {kind.value} functions are currently registered!"
        return (
            f"The function '{name}' doesn't exist, is disabled, or is not an {kind.value} "
            "function. "
            f"Additional info: {more}"
        )

    def _problem(self, kind: DurableKind) -> Callable[[str], str | None]:
        return lambda name: self.problem(kind, name)
