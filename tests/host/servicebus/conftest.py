"""A broker in a process of its own for the tests of a module."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from azure.servicebus import ServiceBusClient
from azure.servicebus.aio import ServiceBusClient as AsyncServiceBusClient

from tests.support.service_bus import PATIENCE, BrokerProcess


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    running = BrokerProcess(tmp_path_factory.mktemp("broker") / "state")
    running.start()
    yield running
    assert running.end() == 0
    assert "Traceback" not in running.log, running.log


@pytest.fixture
def client(broker: BrokerProcess) -> Iterator[ServiceBusClient]:
    with broker.client() as made:
        yield made


@pytest.fixture
async def async_client(broker: BrokerProcess) -> AsyncIterator[AsyncServiceBusClient]:
    async with asyncio.timeout(4 * PATIENCE), broker.async_client() as made:
        yield made
