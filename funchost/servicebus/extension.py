"""Service Bus in the host: triggers, output bindings, and the broker behind local connections."""

import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from funchost.convert import Datum
from funchost.hostjson import HostJson
from funchost.kinds import HostedFunction, Services, TriggerListener
from funchost.logs import HostLog
from funchost.servicebus.broker.errors import BrokerError
from funchost.servicebus.broker.interface import Broker
from funchost.servicebus.broker.namespace import Namespace, NamespaceError
from funchost.servicebus.broker.namespace_file import read_namespace
from funchost.servicebus.connections import ConnectionSettingError, find_connection, local_ports
from funchost.servicebus.conversion import outgoing_bodies
from funchost.servicebus.entities import (
    EntityUse,
    check_declared,
    declarations_file,
    entity_use,
    from_bindings,
    uses,
)
from funchost.servicebus.loops import LoopThread
from funchost.servicebus.messages import OutgoingMessage
from funchost.servicebus.options import ServiceBusOptions
from funchost.servicebus.providers import Providers
from funchost.servicebus.triggers.listener import ServiceBusTrigger
from funchost.settings import SettingsError

if TYPE_CHECKING:
    from funchost.servicebus.local_broker import LocalBroker

__all__ = ["ServiceBusExtension"]


class ServiceBusExtension:
    def __init__(
        self,
        app_dir: Path,
        state: Path,
        declarations: Path | None,
        host_json: HostJson,
        log: HostLog,
    ) -> None:
        """`declarations` is the file that the command line names. Raises SettingsError."""
        self._app_dir = app_dir
        self._state = state
        self._declarations = declarations
        self._log = log
        self._options = ServiceBusOptions.read(host_json)
        self._providers = Providers(self._options)
        self._broker: LocalBroker | None = None

    def trigger(self, hosted: HostedFunction, services: Services) -> TriggerListener:
        return ServiceBusTrigger(hosted, services, self._options, self._providers)

    async def output(self, binding: Mapping[str, Any], data: Datum) -> None:
        """Sends what a function has set; durable when it returns."""
        use = entity_use("", binding)
        messages = [OutgoingMessage(body, uuid.uuid4().hex) for body in outgoing_bodies(data)]
        if messages:
            connection = find_connection(use.connection)
            sender = await self._providers.sender(connection, use.path)
            await sender.send(messages)

    def check(self, hosted: HostedFunction) -> None:
        """See kinds.Extension."""
        for _ in uses(hosted):
            pass

    async def start(self, hosted: Sequence[HostedFunction]) -> None:
        """See kinds.Extension."""
        ports = local_ports(os.environ)
        if not ports:
            return
        # Only now: most apps need no broker, and none of what it is made of.
        from funchost.servicebus.local_broker import LocalBroker

        local = [use for item in hosted for use in uses(item) if _is_local(use)]
        file = declarations_file(self._app_dir, self._declarations)
        self._broker = LocalBroker(
            self._state, _namespace(file, local), ports, self._log, self._serve_directly
        )
        try:
            await self._broker.start()
        except (OSError, NamespaceError, BrokerError) as error:
            raise SettingsError(f"The Service Bus broker cannot start: {error}") from error

    async def close(self) -> None:
        await self._providers.close()
        if self._broker is not None:
            await self._broker.close()

    def _serve_directly(self, broker: Broker, thread: LoopThread, ports: frozenset[int]) -> None:
        from funchost.servicebus.sources.direct import DirectProvider
        from funchost.servicebus.sources.links import ThreadCalls

        provider = DirectProvider(ThreadCalls(broker, thread))
        self._providers.serve_directly(provider, ports)


def _is_local(use: EntityUse) -> bool:
    try:
        return find_connection(use.connection).local_port is not None
    except ConnectionSettingError:
        return False  # its listener will tell


def _namespace(file: Path | None, used: Sequence[EntityUse]) -> Namespace:
    """Raises SettingsError."""
    if file is None:
        return from_bindings(used)
    try:
        namespace = read_namespace(file)
    except NamespaceError as error:
        raise SettingsError(str(error)) from error
    check_declared(namespace, used)
    return namespace
