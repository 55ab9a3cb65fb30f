"""Brings a broker to life."""

import json
from pathlib import Path

from funchost.servicebus.broker.catalogue import Catalogue
from funchost.servicebus.broker.clock import BrokerClock, SystemBrokerClock
from funchost.servicebus.broker.interface import Broker, MessageCodec
from funchost.servicebus.broker.namespace import Namespace
from funchost.servicebus.broker.namespace_file import parse_namespace
from funchost.servicebus.broker.service import ServiceBroker
from funchost.servicebus.broker.storage.schema import DATABASE_NAME, stored_definition

__all__ = ["open_broker"]


async def open_broker(
    folder: Path,
    namespace: Namespace | None,
    codec: MessageCodec,
    clock: BrokerClock | None = None,
) -> Broker:
    """On the running loop, with what `folder` holds from before. `namespace` None leaves the
    entities as they were last; without a broker before, there are none.

    The caller holds the folder's InstanceLock. Should two processes believe that they do, the one
    that came first can commit nothing any more, and its broker ends with BrokerSuperseded.

    Raises NamespaceError where the entities do not fit each other or the messages that are there,
    and BrokerUnavailable for a database that cannot be used."""
    file = folder / DATABASE_NAME
    if namespace is None:
        definition = stored_definition(file)
        namespace = Namespace() if definition is None else parse_namespace(json.loads(definition))
    namespace.check_forwarding()
    broker = ServiceBroker(file, Catalogue(namespace), codec, clock or SystemBrokerClock())
    await broker.start()
    return broker
