"""The task hubs of one state folder, with a host or without one."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from funchost.clock import StateClock
from funchost.durable.changes import Changes
from funchost.durable.client import HubClient
from funchost.durable.functions import FunctionTable
from funchost.durable.interface import ArgumentError, TaskHubs
from funchost.durable.options import DEFAULT_HUB, DurableOptions, is_hub_name
from funchost.durable.store.schema import hub_file
from funchost.durable.store.writer import Writer

__all__ = ["Hub", "Hubs", "open_hubs"]


class Hub:
    """One hub: its database, its client, and the engine that an app may run on it. The database is
    made with the first write."""

    def __init__(
        self,
        name: str,
        state: Path,
        options: DurableOptions,
        now: Callable[[], datetime],
        functions: FunctionTable | None,
        *,
        is_watching: bool,
    ) -> None:
        self.name = name
        self.file = hub_file(state, name)
        self.changes = Changes(is_told=is_watching)
        self.engine: Any = None
        """An Engine while it runs: it gets the wakes."""
        self._options = options
        self._is_watching = is_watching
        self._writer: Writer | None = None
        self.client = HubClient(
            name,
            self.file,
            options,
            now,
            writer=self.writer,
            changes=self.changes,
            functions=functions,
            owner=lambda: self.engine and self.engine.owner,
            owner_for_new=lambda: self.engine and self.engine.owner_for_new,
        )

    def writer(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(
                self.file,
                is_synchronous_full=self._options.is_synchronous_full,
                on_wakes=self._on_wakes,
                on_foreign=self._on_foreign if self._is_watching else None,
            )
        return self._writer

    def close(self) -> None:
        self.client.close()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _on_wakes(self, wakes: list[Any]) -> None:
        if self.engine is not None:
            self.engine.on_wakes(wakes)

    def _on_foreign(self) -> None:
        self.changes.tell("")
        if self.engine is not None:
            self.engine.on_foreign()


class Hubs:
    """Implements interface.TaskHubs. `functions` are those of the app, whose hub is the default
    one; None is a command that knows no app."""

    def __init__(
        self,
        state: Path,
        options: DurableOptions,
        now: Callable[[], datetime],
        functions: FunctionTable | None = None,
    ) -> None:
        self._state = state
        self._options = options
        self._now = now
        self._functions = functions
        self._hubs: dict[str, Hub] = {}
        self._declared: dict[str, str] = {options.hub.lower(): options.hub}

    @property
    def default_hub(self) -> str:
        return self._options.hub

    @property
    def known(self) -> Sequence[str]:
        stored = {file.stem: file.stem for file in (self._state / "durable").glob("*.db")}
        return sorted((stored | self._declared).values(), key=str.lower)

    def declare(self, name: str) -> None:
        self._declared.setdefault(name.lower(), name)

    def client(self, hub: str | None = None) -> HubClient:
        return self.hub(hub or self.default_hub).client

    def hub(self, name: str) -> Hub:
        """Raises ArgumentError."""
        key = name.lower()
        if key not in self._hubs:
            if not is_hub_name(name):
                raise ArgumentError(
                    f"'{name}' is not the name of a task hub: it starts with a letter and has 3 to "
                    "45 letters and digits."
                )
            if key not in self._declared and not hub_file(self._state, name).is_file():
                raise ArgumentError(
                    f"There is no task hub '{name}'; there is: {', '.join(self.known)}."
                )
            is_own = key == self.default_hub.lower()
            self._hubs[key] = Hub(
                name,
                self._state,
                self._options,
                self._now,
                self._functions if is_own else None,
                is_watching=is_own and self._functions is not None,
            )
        return self._hubs[key]

    def close(self) -> None:
        for hub in self._hubs.values():
            hub.close()
        self._hubs.clear()


@asynccontextmanager
async def open_hubs(state: Path, default_hub: str | None = None) -> AsyncGenerator[TaskHubs, None]:
    """The hubs of a folder for a command that runs no app, also while hosts serve it: they notice
    what it writes. Nothing is made until something is written."""
    options = DurableOptions(default_hub or DEFAULT_HUB, 1, 1, 1)
    hubs = Hubs(state, options, StateClock(state).now)
    try:
        yield hubs
    finally:
        hubs.close()
