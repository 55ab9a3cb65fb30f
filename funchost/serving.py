"""Serves one host on a socket until it is told to end: uvicorn, signals, the order of ending."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from email.utils import formatdate
from types import FrameType

import uvicorn

from funchost.command import Command
from funchost.host import Host
from funchost.hostjson import read_host_json
from funchost.logs import Console, HostLog
from funchost.protocol import HostProtocol

__all__ = ["Ending", "serve"]

BACKLOG = 2048
# Beyond the drain limit, in which calls that were cut off say so in the log.
_GRACE_SECONDS = 1.0
# Nearly all that an invocation makes is freed by counting references, and little of it is left to
# look through: Python's own 700 have the collector run several times in each invocation.
_GARBAGE_THRESHOLDS = (20_000, 10, 10)


class Ending:
    """The wish to end, from a signal or from the parent process. The second wish ends at once."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._loop = asyncio.get_running_loop()
        self._is_wished = False
        self.wished = asyncio.Event()

    def wish(self) -> None:
        """Safe in any thread and in a signal handler, also while an app blocks the loop."""
        if self._is_wished:
            self.at_once(1)
        self._is_wished = True
        self._loop.call_soon_threadsafe(self.wished.set)

    def limit(self, seconds: float) -> None:
        """From now on the process lives no longer, whatever threads of the app may still do."""
        watchdog = threading.Timer(seconds, self.abandon)
        watchdog.daemon = True
        watchdog.start()

    def abandon(self) -> None:
        self._console.line("The drain limit has passed; functions that still run are abandoned.")
        self.at_once(0)

    def at_once(self, code: int) -> None:
        self._console.flush()
        os._exit(code)

    @contextlib.contextmanager
    def on_signals(self, signals: Iterable[signal.Signals]) -> Generator[None, None, None]:
        def received(_number: int, _frame: FrameType | None) -> None:
            self.wish()

        before = {number: signal.signal(number, received) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Server(uvicorn.Server):
    """Leaves the signals to us, and keeps the date header and the console current."""

    def __init__(self, config: uvicorn.Config, host: Host, console: Console) -> None:
        super().__init__(config)
        self._host = host
        self._console = console

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        # What the app printed outside of any invocation.
        self._console.flush()
        if counter % 10 == 0:
            self._host.server.set_default_headers(
                [(b"date", formatdate(usegmt=True).encode()), (b"server", b"Kestrel")]
            )
        return await super().on_tick(counter)


async def serve(
    listening: socket.socket,
    command: Command,
    log: HostLog,
    *,
    prints_banner: bool,
    watch_parent: Callable[[Ending], None] | None = None,
) -> int:
    """Returns the exit code: 0 after an orderly end. Raises SettingsError."""
    console = log.console
    console.attach(asyncio.get_running_loop())
    ending = Ending(console)
    signals = {signal.SIGTERM}
    if watch_parent is None:
        signals.add(signal.SIGINT)
        if sys.platform == "win32":
            signals.add(signal.SIGBREAK)
    else:
        # Ctrl-C reaches all processes of a terminal; the parent alone decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        watch_parent(ending)
    with contextlib.ExitStack() as stack:
        stack.enter_context(ending.on_signals(signals))
        host = Host(command, read_host_json(command.app_dir), log)
        await host.start()
        # Once more: what an app does with signals at import is not to keep the host from ending.
        stack.enter_context(ending.on_signals(signals))
        # What is loaded now stays: the collector need not look through it during requests.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GARBAGE_THRESHOLDS)
        if prints_banner:
            for line in host.banner():
                console.write(f"{line}\n")
        config = uvicorn.Config(
            host.server,
            interface="asgi3",
            http=HostProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=max(1, round(command.drain_seconds)),
        )
        server = _Server(config, host, console)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        await host.start_listeners()
        if prints_banner:
            console.line("Worker process started and initialized.")
            console.line(f"Now listening on: {command.base_url}")
            console.line("Application started. Press Ctrl+C to shut down.")
        wished = asyncio.create_task(ending.wished.wait())
        await asyncio.wait({wished, serving}, return_when=asyncio.FIRST_COMPLETED)
        if prints_banner:
            console.line("Application is shutting down...")
        ending.limit(command.drain_seconds + _GRACE_SECONDS)
        server.should_exit = True
        await asyncio.gather(serving, host.stop_listeners())
        await host.close()
        if host.has_running_threads:
            ending.abandon()
    console.flush()
    console.attach(None)
    return 0
