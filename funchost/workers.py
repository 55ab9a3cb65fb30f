"""Runs the host in this process, or supervises several that listen at one address."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from funchost.auth import Keys
from funchost.command import Command
from funchost.hostjson import read_host_json
from funchost.logs import Console, HostLog
from funchost.settings import SettingsError

if TYPE_CHECKING:
    from funchost.serving import Ending

__all__ = ["BAD_SETTINGS", "DEALS_OUT_CONNECTIONS", "bind_beside", "run_here", "supervise"]

BAD_SETTINGS = 2
"""The exit code of a host whose settings are wrong; to start it again would change nothing."""

DEALS_OUT_CONNECTIONS = sys.platform == "linux"
"""Whether the kernel deals connections out among sockets at one address. Of processes that share
one socket, the first that wakes takes all connections that wait; elsewhere that has to do."""

_SWITCH_SECONDS = 0.001
_SHORT_LIFE_SECONDS = 10.0
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0
# Beyond the drain limit, for the worker's own orderly end.
_GRACE_SECONDS = 5.0


def run_here(
    command: Command,
    listening: socket.socket,
    log: HostLog,
    *,
    place: int | None = None,
    prints_banner: bool = True,
    watch_parent: "Callable[[Ending], None] | None" = None,
) -> int:
    """`place` is this worker's among several. Returns the exit code. Raises SettingsError."""
    if command.pins:
        _stay_on_one_core(place)
    _prepare_imports(command)
    # Only now: the app's folder may hold the azure-functions that it was built with.
    from funchost.serving import serve

    # A thread that comes back from the disk waits so long for one that computes, Python's own 5 ms
    # being the time of several whole functions.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(
            serve(listening, command, log, prints_banner=prints_banner, watch_parent=watch_parent)
        )


def bind_beside(address: str, port: int) -> socket.socket:
    """A socket at an address that others of this host have too. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((address, port))
    bound.setblocking(False)
    return bound


def supervise(command: Command, listening: socket.socket, console: Console) -> int:
    """Keeps `command.workers` processes alive until a signal comes; a second one kills them.
    `listening` only keeps the address where connections are dealt out."""
    if command.checks_keys:
        # Before there are several that would each make their own. The durable client hands out the
        # key of its web hook, which any of them must then accept.
        Keys(command.state).system_key("durabletask")
    return _Supervisor(command, listening, console).run()


@dataclass
class _Worker:
    """A place among the workers: its process of now, or the time at which it gets the next one."""

    index: int
    process: BaseProcess | None = None
    parent_end: Connection | None = None
    started: float = 0.0
    short_lives: int = 0
    due: float = 0.0


class _Supervisor:
    def __init__(self, command: Command, listening: socket.socket, console: Console) -> None:
        self._command = command
        self._listening = listening
        self._console = console
        # Started afresh, not forked: the same on every system, and no thread is lost.
        self._context = multiprocessing.get_context("spawn")
        self._woken, self._waker = self._context.Pipe(duplex=False)
        self._signals = 0
        self._has_bad_settings = False
        self._workers = [_Worker(index) for index in range(command.workers)]

    def run(self) -> int:
        signals = {signal.SIGTERM, signal.SIGINT}
        before = {number: signal.signal(number, self._on_signal) for number in signals}
        try:
            while self._signals == 0 and not self._has_bad_settings:
                self._start_due()
                self._wait_and_reap()
            code = self._end()
            return BAD_SETTINGS if self._has_bad_settings else code
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signals += 1
        self._waker.send_bytes(b"!")

    def _start_due(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.process is not None or worker.due > now:
                continue
            is_first = worker.index == 0 and worker.started == 0.0
            parent_end, child_end = self._context.Pipe()
            process = self._context.Process(
                target=_run_worker,
                args=(self._command, self._listening, child_end, worker.index, is_first),
                name=f"worker {worker.index}",
            )
            process.start()
            child_end.close()
            worker.process, worker.parent_end, worker.started = process, parent_end, now

    def _wait_and_reap(self) -> None:
        now = time.monotonic()
        dues = [worker.due for worker in self._workers if worker.process is None]
        timeout = max(0.0, min(dues) - now) if dues else None
        running = [worker.process.sentinel for worker in self._workers if worker.process]
        wait([self._woken, *running], timeout)
        for worker in self._workers:
            process = worker.process
            if process is None or process.is_alive():
                continue
            self._release(worker)
            if process.exitcode == BAD_SETTINGS:
                self._has_bad_settings = True
                continue
            lived = time.monotonic() - worker.started
            worker.short_lives = worker.short_lives + 1 if lived < _SHORT_LIFE_SECONDS else 0
            # The first loss is made good at once.
            delay = 0.0
            if worker.short_lives > 1:
                delay = _FIRST_DELAY_SECONDS * 2.0 ** min(worker.short_lives - 2, 10)
            worker.due = time.monotonic() + min(delay, _LONGEST_DELAY_SECONDS)
            if self._signals == 0:
                self._console.line(
                    f"Worker process {process.pid} ended with exit code {process.exitcode}; "
                    f"another is started in {min(delay, _LONGEST_DELAY_SECONDS):g} s."
                )

    def _end(self) -> int:
        self._listening.close()
        for worker in self._workers:
            if worker.parent_end is not None:
                worker.parent_end.close()
        deadline = time.monotonic() + self._command.drain_seconds + _GRACE_SECONDS
        while alive := [
            worker.process
            for worker in self._workers
            if worker.process is not None and worker.process.is_alive()
        ]:
            if self._signals > 1 or time.monotonic() >= deadline:
                for process in alive:
                    process.kill()
                    process.join()
                return 1 if self._signals > 1 else 0
            if self._woken.poll():
                self._woken.recv_bytes()
            wait(
                [self._woken, *(process.sentinel for process in alive)],
                max(0.0, deadline - time.monotonic()),
            )
        return 0

    def _release(self, worker: _Worker) -> None:
        assert worker.process is not None
        worker.process.join()
        worker.process = None
        if worker.parent_end is not None:
            worker.parent_end.close()
            worker.parent_end = None


def _run_worker(
    command: Command,
    listening: socket.socket,
    parent: Connection,
    place: int,
    prints_banner: bool,
) -> None:
    """The main function of a worker process, which ends when its parent says so or is gone."""

    def watch(ending: "Ending") -> None:
        def wait_for_parent() -> None:
            try:
                parent.recv_bytes()
            except (EOFError, OSError):
                ending.wish()

        threading.Thread(target=wait_for_parent, name="funchost-parent", daemon=True).start()

    if DEALS_OUT_CONNECTIONS:
        # It gets no connection before the app is loaded, when the server listens.
        listening = bind_beside(command.address, command.port)
    console = Console.take_over_stdout()
    log = HostLog(
        console,
        read_host_json(command.app_dir),
        verbose=command.verbose,
        user_log_level=command.user_log_level,
    )
    try:
        code = run_here(
            command,
            listening,
            log,
            place=place,
            prints_banner=prints_banner,
            watch_parent=watch,
        )
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        code = BAD_SETTINGS
    sys.exit(code)


def _stay_on_one_core(place: int | None) -> None:
    """For this thread and all that it starts.

    Of Python's threads one runs at a time. It lets go of the interpreter at each look into a file
    or a database, and wakes another one, mostly in vain: on a core of its own that one costs both
    of them more than the look. As a batch (sched(7)) it does not push aside who has just woken it,
    and still has the interpreter. The only worker stays where it was put when it started.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):  # containers may forbid it: then it goes without
        cores = sorted(os.sched_getaffinity(0))
        core = _current_core() if place is None else cores[place % len(cores)]
        os.sched_setaffinity(0, {core})
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _current_core() -> int:
    """proc(5): the 39th field of `stat`, of which the second may hold spaces."""
    with open("/proc/thread-self/stat", encoding="utf-8", errors="replace") as stat:
        return int(stat.read().rpartition(")")[2].split()[36])


def _prepare_imports(command: Command) -> None:
    """The worker's search path and working folder. The folder that the host was started in goes
    last, so that it never hides a module of the app."""
    launched_in = os.getcwd()
    os.chdir(command.app_dir)
    if sys.path[:1] in ([launched_in], [""]):
        del sys.path[0]
        sys.path.append(launched_in)
    sys.path.insert(0, str(command.app_dir))
    packages = command.app_dir / ".python_packages" / "lib" / "site-packages"
    if packages.is_dir():
        sys.path.insert(0, str(packages))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop
