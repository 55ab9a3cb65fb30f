"""Who serves a connection: the broker in this process, or whoever listens at its address."""

import asyncio
from dataclasses import dataclass, field

from funchost.servicebus.connections import Connection
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.sources.port import MessageSource, SourceProvider

__all__ = ["Providers"]


@dataclass
class _Served:
    """`moved` is set when the connection gets another provider."""

    provider: SourceProvider | None = None
    senders: dict[str, MessageSource] = field(default_factory=dict)
    moved: asyncio.Event = field(default_factory=asyncio.Event)


class Providers:
    def __init__(self, options: ServiceBusOptions) -> None:
        self._options = options
        self._direct: SourceProvider | None = None
        self._direct_ports: frozenset[int] = frozenset()
        self._served: dict[Connection, _Served] = {}
        self._replaced: list[_Served] = []

    def provider(self, connection: Connection) -> SourceProvider:
        """Raises SourceError for a connection string that the SDK refuses."""
        served = self._served.setdefault(connection, _Served())
        if served.provider is None:
            if self._direct is not None and connection.local_port in self._direct_ports:
                served.provider = self._direct
            else:
                # Its import takes half a second, and an app that the host serves itself needs none.
                from funchost.servicebus.sources.client import ClientProvider

                served.provider = ClientProvider(connection, self._options)
        return served.provider

    def sender(self, connection: Connection, entity: str) -> MessageSource:
        """The same one each time, to send with. Raises as `provider`."""
        provider = self.provider(connection)
        senders = self._served[connection].senders
        if entity not in senders:
            senders[entity] = provider.source(entity)
        return senders[entity]

    def moved(self, connection: Connection) -> asyncio.Event:
        return self._served.setdefault(connection, _Served()).moved

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
