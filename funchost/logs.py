"""What the host prints: the line format and the level rules of Azure Functions Core Tools.

A line is `[2026-01-01T00:00:00.123Z] message`; later lines of one message follow as they are.
Everything, the app's own `print` included, goes through one buffered stream in the order in which
it was written, and is flushed within ten milliseconds, at once after an error, and at the end.
"""

import asyncio
import io
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO, cast

from funchost.hostjson import HostJson
from funchost.settings import SettingsError

__all__ = ["DEBUG", "ERROR", "INFORMATION", "WARNING", "Console", "HostLog", "install_user_logging"]

DEBUG, INFORMATION, WARNING, ERROR = 10, 20, 30, 40
_LEVELS = {
    "trace": 5,
    "debug": DEBUG,
    "information": INFORMATION,
    "warning": WARNING,
    "error": ERROR,
    "critical": 50,
    "none": 1000,
}
_BUFFER_SIZE = 1 << 20
_FLUSH_SECONDS = 0.01
_SYSTEM_LOGGERS = ("azure_functions_worker", "azure_functions_runtime", "azure.functions")


class Console:
    """Standard output with a buffer that holds more than is written between two flushes, so that
    the lines of several processes do not tear each other."""

    def __init__(self, stream: TextIO) -> None:
        self.stream: TextIO | _Nowhere = stream
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._flush_pending = False
        self._second = (0, "")

    @classmethod
    def take_over_stdout(cls) -> "Console":
        """Makes `sys.stdout` the stream of this console. A stdout that is no file stays."""
        try:
            descriptor = sys.stdout.fileno()
        except (AttributeError, OSError, ValueError):
            return cls(sys.stdout)
        sys.stdout.flush()
        raw = io.FileIO(descriptor, "w", closefd=False)
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(raw, _BUFFER_SIZE), encoding="utf-8", errors="backslashreplace"
        )
        return cls(sys.stdout)

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """With a loop, lines wait a moment for others; without one, they are flushed at once."""
        self._loop = loop
        self._thread = threading.get_ident()

    def stamp(self) -> str:
        now = time.time()
        second, prefix = self._second
        if int(now) != second:
            second = int(now)
            prefix = time.strftime("[%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
            self._second = (second, prefix)
        return f"{prefix}{int((now - second) * 1000):03d}Z] "

    def line(self, message: str) -> None:
        self.write(f"{self.stamp()}{message}\n")

    def write(self, text: str) -> None:
        try:
            self.stream.write(text)
        except (OSError, ValueError):
            self._lose_stream()
        self.flush_soon()

    def flush_soon(self) -> None:
        if self._flush_pending:
            return
        if self._loop is None:
            self.flush()
            return
        self._flush_pending = True
        if threading.get_ident() == self._thread:
            self._loop.call_later(_FLUSH_SECONDS, self.flush)
            return
        try:
            self._loop.call_soon_threadsafe(self.flush)
        except RuntimeError:  # the loop has just been closed
            self.flush()

    def flush(self) -> None:
        self._flush_pending = False
        try:
            self.stream.flush()
        except (OSError, ValueError):
            self._lose_stream()

    def _lose_stream(self) -> None:
        """The reader has gone, the disk is full, or the app has closed it: a host that cannot print
        goes on serving, and keeps nothing of what nobody will read."""
        lost, self.stream = self.stream, _Nowhere()
        if sys.stdout is lost:
            sys.stdout = cast(TextIO, self.stream)


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text)


class HostLog:
    """Lines by category and level, filtered as host.json's `logging.logLevel` says."""

    def __init__(
        self,
        console: Console,
        host_json: HostJson | None = None,
        *,
        verbose: bool = False,
        user_log_level: str | None = None,
    ) -> None:
        """Raises SettingsError for a level that is none."""
        self.console = console
        rules = {} if host_json is None else _rules(host_json)
        default = rules.pop("default", None)
        self._rules = sorted(rules.items(), key=lambda rule: -len(rule[0]))
        system = INFORMATION if verbose else WARNING
        user = _level_named(user_log_level, "--user-log-level") if user_log_level else INFORMATION
        self._system_default = system if default is None else default
        self._function_default = user if default is None else default
        self._thresholds: dict[str, int] = {}

    def threshold(self, category: str) -> int:
        """The lowest level of this category that is printed. The longest prefix wins."""
        known = self._thresholds.get(category)
        if known is None:
            name = category.lower()
            known = next((level for prefix, level in self._rules if name.startswith(prefix)), None)
            if known is None:
                is_function = name.startswith(("function.", "host.results"))
                known = self._function_default if is_function else self._system_default
            self._thresholds[category] = known
        return known

    def log(self, category: str, level: int, message: str) -> None:
        if level >= self.threshold(category):
            self.console.line(message)

    def host(self, message: str, level: int = INFORMATION) -> None:
        self.log("Host.General", level, message)


def _level_named(name: str, where: str) -> int:
    """By its name in any case or its number, as .NET reads it. Raises SettingsError."""
    text = name.strip().lower()
    levels = [*_LEVELS.values()]
    if text.isdecimal() and int(text) < len(levels):
        return levels[int(text)]
    if text not in _LEVELS:
        known = ", ".join(level.capitalize() for level in _LEVELS)
        raise SettingsError(f"{where}: {name!r} is no level of logging. There are {known}.")
    return _LEVELS[text]


def _rules(host_json: HostJson) -> dict[str, int]:
    """Levels by category. Those of single sinks (`logging.console.logLevel`) are read as well, for
    what is wrong with one keeps Azure's host from starting, as LoggerFilterConfigureOptions in
    dotnet/runtime reads them; a level that is empty is no rule.
    """
    for sink, section in host_json.section("logging").items():
        if isinstance(section, Mapping):
            _levels(host_json, "logging", sink, "logLevel")
    return _levels(host_json, "logging", "logLevel")


def _levels(host_json: HostJson, *path: str) -> dict[str, int]:
    given: Mapping[str, Any] = host_json.section(*path)
    return {
        category.lower(): _level_named(str(level), f"{'.'.join([*path, category])} in host.json")
        for category, level in given.items()
        if level not in (None, "") and not isinstance(level, Mapping)
    }


class _UserLogHandler(logging.Handler):
    def __init__(self, log: HostLog, current_function: Callable[[], str | None]) -> None:
        super().__init__()
        self._log = log
        self._current_function = current_function

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.name.startswith("Host."):
                category = record.name
            elif record.name.startswith(_SYSTEM_LOGGERS):
                category = "Worker.Python"
            else:
                name = self._current_function()
                category = "Function.User" if name is None else f"Function.{name}.User"
            if record.levelno >= self._log.threshold(category):
                self._log.console.line(self.format(record))
        except Exception:
            # A bad format string of the app must not fail its function; logging reports it.
            self.handleError(record)


def install_user_logging(
    log: HostLog, current_function: Callable[[], str | None], *, debug: bool
) -> None:
    """Sends the root logger's records to the console, as the Python worker does."""
    root = logging.getLogger()
    root.addHandler(_UserLogHandler(log, current_function))
    root.setLevel(logging.DEBUG if debug else logging.INFO)
    # Its access and lifecycle lines are no part of a Functions host's output.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
