"""Who serves a connection: the broker in this process, the one of another process of this host's
kind, or whoever listens at its address."""

import asyncio
from dataclasses import dataclass, field

from funchost.servicebus.connections import Connection
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.port import MessageSource, SourceError, SourceProvider

__all__ = ["Providers"]


@dataclass
class _Served:
    """`moved` is set when the connection gets another provider."""

    provider: SourceProvider | None = None
    senders: dict[str, MessageSource] = field(default_factory=dict)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    choosing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Providers:
    def __init__(self, options: ServiceBusOptions) -> None:
        self._options = options
        self._direct: SourceProvider | None = None
        self._direct_ports: frozenset[int] = frozenset()
        self._served: dict[Connection, _Served] = {}
        self._replaced: list[_Served] = []

    async def provider(self, connection: Connection) -> SourceProvider:
        """Raises SourceError for a connection string that the SDK refuses, and where nobody listens
        at a local address."""
        return await self._provider(connection, self._of(connection))

    async def sender(self, connection: Connection, entity: str) -> MessageSource:
        """The same one each time, to send with. Raises as `provider`."""
        served = self._of(connection)
        provider = await self._provider(connection, served)
        if entity not in served.senders:
            served.senders[entity] = provider.source(entity)
        return served.senders[entity]

    def moved(self, connection: Connection) -> asyncio.Event:
        return self._of(connection).moved

    def serve_directly(self, provider: SourceProvider, ports: frozenset[int]) -> None:
        """From now on, for connections to these ports. What began over the wire ends there."""
        self._direct, self._direct_ports = provider, ports
        for connection in list(self._served):
            if connection.local_port in ports:
                served = self._served.pop(connection)
                self._replaced.append(served)
                served.moved.set()

    async def close(self) -> None:
        """After the listeners have stopped."""
        for served in (*self._replaced, *self._served.values()):
            for sender in served.senders.values():
                await sender.close()
            if served.provider is not None:
                await served.provider.close()
        self._served.clear()
        self._replaced.clear()

    def _of(self, connection: Connection) -> _Served:
        return self._served.setdefault(connection, _Served())

    async def _provider(self, connection: Connection, served: _Served) -> SourceProvider:
        async with served.choosing:
            if served.provider is None:
                served.provider = await self._chosen(connection)
        return served.provider

    async def _chosen(self, connection: Connection) -> SourceProvider:
        if self._direct is not None and connection.local_port in self._direct_ports:
            return self._direct
        if connection.local_port is not None and (
            provider := await _by_wire(connection.local_port)
        ):
            return provider
        # Its import takes half a second, and an app that this host's kind serves needs none.
        from funchost.servicebus.sources.client import ClientProvider

        return ClientProvider(connection, self._options)


async def _by_wire(port: int) -> SourceProvider | None:
    """None where somebody listens who speaks AMQP alone."""
    from funchost.servicebus.broker.errors import BrokerError
    from funchost.servicebus.sources.direct import DirectProvider
    from funchost.servicebus.wire.client import WireCalls

    calls = WireCalls(port)
    try:
        return DirectProvider(calls) if await calls.connect() else None
    except BrokerError as error:
        raise SourceError(str(error)) from error
