"""The host's own broker: who runs it, where it listens, and how another process takes over."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from funchost.logs import ERROR, INFORMATION, HostLog
from funchost.servicebus.amqp.codec import AmqpMessageCodec
from funchost.servicebus.amqp.server import AmqpServer
from funchost.servicebus.broker.hosting import open_broker
from funchost.servicebus.broker.instance_lock import InstanceLock
from funchost.servicebus.broker.interface import Broker
from funchost.servicebus.broker.namespace import Namespace
from funchost.servicebus.loops import LoopThread
from funchost.servicebus.wire.frames import GREETING
from funchost.servicebus.wire.serving import WireServer
from funchost.state import write_private

__all__ = ["LocalBroker", "broker_folder", "broker_lock", "is_listening", "listening_port"]

_CATEGORY = "Host.ServiceBus"
_ADDRESS = "127.0.0.1"
_PORT_FILE = "port"
"""For an operator who knows the state folder alone."""
_PATIENCE_SECONDS = 15.0
_ATTEMPT_SECONDS = 0.1
_PAUSE_SECONDS = 5.0


def broker_folder(state: Path) -> Path:
    return state / "servicebus"


def listening_port(state: Path) -> int | None:
    """Where the process that holds the lock listens; None before it does."""
    try:
        return int((broker_folder(state) / _PORT_FILE).read_text("ascii"))
    except (OSError, ValueError):
        return None


def broker_lock(state: Path) -> InstanceLock:
    return InstanceLock(broker_folder(state) / "broker.lock")


class LocalBroker:
    """Of all processes with one state folder, the one that holds the lock runs the broker and
    listens at the ports; the others are its clients and wait for the lock. A port at which somebody
    else listens when the first of them starts (the official emulator, a host with another state
    folder) is left to him."""

    def __init__(
        self,
        state: Path,
        namespace: Namespace,
        ports: Mapping[int, str],
        log: HostLog,
        serving: Callable[[Broker, LoopThread, frozenset[int]], None],
    ) -> None:
        """`ports` with the name of a setting for each. `serving` is called when the broker has come
        to live in this process, with the ports that it listens at."""
        self._folder = broker_folder(state)
        self._namespace = namespace
        self._ports = ports
        self._log = log
        self._serving = serving
        self._lock = broker_lock(state)
        self._thread: LoopThread | None = None
        self._broker: Broker | None = None
        self._servers: list[AmqpServer] = []
        self._wire: WireServer | None = None
        self._contending: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the broker can be reached, in whichever process it is. Raises OSError and
        whatever the broker raises for a state that it cannot use."""
        if not self._lock.try_acquire():
            self._contending = asyncio.create_task(self._take_over())
            await self._wait_until_reachable()
            return
        sockets = self._bind_free()
        if sockets:
            await self._serve(sockets)
        else:
            self._lock.release()

    async def close(self) -> None:
        """After the last call; the next process takes over."""
        if self._contending is not None:
            self._contending.cancel()
            await asyncio.wait([self._contending])
        await self._end()

    async def _end(self) -> None:
        if self._thread is not None:
            await self._thread.call(self._stop_listening)
            if self._broker is not None:
                await self._thread.call(self._broker.stop)
            await self._thread.close()
        self._servers.clear()
        self._thread = self._broker = self._wire = None
        self._lock.release()

    async def _stop_listening(self) -> None:
        closing = [server.close() for server in self._servers]
        if self._wire is not None:
            closing.append(self._wire.close())
        await asyncio.gather(*closing)

    async def _take_over(self) -> None:
        while True:
            await self._lock.acquire()
            try:
                await self._serve([await self._bind_patiently(port) for port in self._ports])
                return
            except Exception as error:
                # Whatever it is, another process may be able to.
                self._log.log(
                    _CATEGORY, ERROR, f"The Service Bus broker cannot be taken over: {error}"
                )
                await self._end()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _serve(self, sockets: Iterable[socket.socket]) -> None:
        thread = self._thread = LoopThread("funchost-servicebus")
        thread.start()
        folder, namespace = self._folder, self._namespace
        broker = await thread.call(lambda: open_broker(folder, namespace, AmqpMessageCodec()))
        self._broker = broker
        wire = self._wire = WireServer(broker)
        ports = set()
        for listening in sockets:
            ports.add(listening.getsockname()[1])
            server = AmqpServer(broker, listening=listening, others={GREETING: wire.welcome})
            self._servers.append(server)
            await thread.call(server.start)
        write_private(folder / _PORT_FILE, str(min(ports)))
        for port in sorted(ports):
            self._log.log(
                _CATEGORY, INFORMATION, f"The Service Bus broker listens at {_ADDRESS}:{port}."
            )
        self._serving(broker, thread, frozenset(ports))

    def _bind_free(self) -> list[socket.socket]:
        sockets = []
        for port, setting in self._ports.items():
            try:
                sockets.append(_bind(port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                self._log.log(
                    _CATEGORY,
                    INFORMATION,
                    f"Somebody listens at the address of '{setting}' already; it is used as it is.",
                )
        return sockets

    async def _bind_patiently(self, port: int) -> socket.socket:
        """The kernel frees the port of a process that died, though not always at once."""
        is_reported = False
        while True:
            try:
                return _bind(port)
            except OSError as error:
                if not is_reported:
                    self._log.log(
                        _CATEGORY, ERROR, f"Port {port} of the Service Bus broker is taken: {error}"
                    )
                    is_reported = True
            await asyncio.sleep(_ATTEMPT_SECONDS)

    async def _wait_until_reachable(self) -> None:
        """Functions may send as soon as they run. A broker that does not come up is no reason to
        wait for ever: this process may have to take over."""
        for port in self._ports:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    while not await is_listening(port):  # noqa: ASYNC110 - of another process
                        await asyncio.sleep(_ATTEMPT_SECONDS)


def _bind(port: int) -> socket.socket:
    return socket.create_server((_ADDRESS, port), backlog=512)


async def is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(_ADDRESS, port)
    except OSError:
        return False
    writer.close()
    return True
