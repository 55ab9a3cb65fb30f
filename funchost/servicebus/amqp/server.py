"""The listener itself."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from funchost.servicebus.amqp.cbs import ClaimsNode
from funchost.servicebus.amqp.connection import Connection, OtherProtocol
from funchost.servicebus.amqp.management import ManagementNode
from funchost.servicebus.amqp.nodes import Nodes
from funchost.servicebus.broker.interface import Broker

__all__ = ["AmqpServer"]

_BACKLOG: Final = 1024
_LAST_WORDS_SECONDS: Final = 1.0


class AmqpServer:
    """Serves a broker to any number of clients over plain TCP, on the broker's event loop. `port` 0
    takes a free one; a socket that listens already is taken instead of both."""

    def __init__(
        self,
        broker: Broker,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        listening: socket.socket | None = None,
        others: Mapping[bytes, OtherProtocol] | None = None,
    ) -> None:
        """`others` are spoken at the same address, by the eight bytes that they begin with."""
        self._broker = broker
        self._host = host
        self._port = port
        self._socket = listening
        self._others = others or {}
        self._nodes = Nodes(ClaimsNode(), ManagementNode(broker))
        self._container = f"funchost-{uuid4()}"
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._is_quiet = asyncio.Event()

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return self._port

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        if self._socket is not None:
            self._server = await loop.create_server(self._connection, sock=self._socket)
        else:
            self._server = await loop.create_server(
                self._connection, self._host, self._port, backlog=_BACKLOG, reuse_address=True
            )
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self, drain: float = 5.0) -> None:
        """Takes no more clients, lets what is under way finish for `drain` seconds, and tells the
        others that the connection is closed, after which their SDKs look for the server anew."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        await asyncio.gather(*(connection.end(drain) for connection in list(self._connections)))
        try:
            async with asyncio.timeout(_LAST_WORDS_SECONDS):
                while self._connections:
                    self._is_quiet.clear()
                    await self._is_quiet.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
        await server.wait_closed()

    def _connection(self) -> Connection:
        connection = Connection(
            self._broker, self._nodes, self._container, self._gone, self._others
        )
        self._connections.add(connection)
        return connection

    def _gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._is_quiet.set()
