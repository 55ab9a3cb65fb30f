"""The whole shop on its adapters for the cloud, with a faulty network before each thing that it
depends on: Cosmos DB's emulator, Azurite, a real Redis, a broker in a process of its own that the
SDK alone speaks to, and the sandbox's Stripe, carrier and mailbox. SQL is SQLite."""

import asyncio
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from azure.cosmos.aio import CosmosClient

from functions.cart.store import CONTAINER as CARTS
from functions.inventory.media_model import PUBLIC
from local.emulators.__main__ import DATABASE, make_containers, make_database
from local.emulators.cosmos_proxy import mended
from local.environment import BROKER, SANDBOX
from tests.conftest import ROOT, Shop, end, serve
from tests.support.emulators import ACCOUNT, ACCOUNT_KEY, azurite, cosmos_emulator
from tests.support.faulty_proxy import FaultyProxy, faulty_proxy
from tests.support.ports import free_ports
from tests.support.real_redis import real_redis
from tests.support.running_bus import connection_string

ENTITIES = ROOT / "infra" / "servicebus.json"


@dataclass(frozen=True)
class Networks:
    """Between the shop and each of these; browsers and tests reach them directly."""

    carts: FaultyProxy
    blobs: FaultyProxy
    cache: FaultyProxy
    bus: FaultyProxy
    stripe: FaultyProxy
    carrier: FaultyProxy
    mail: FaultyProxy

    def each(self) -> Sequence[FaultyProxy]:
        return list(vars(self).values())


@dataclass(frozen=True)
class FarShop:
    shop: Shop
    networks: Networks
    cosmos: str
    """The account's address, past the network."""
    bus: str
    """The namespace's connection string, past the network."""

    def ready(self) -> tuple[int, str, set[str]]:
        """The status of the answer, what it says, and the names of the checks that failed."""
        try:
            with urllib.request.urlopen(
                f"{self.shop.base_url}/api/health/ready", timeout=60
            ) as answer:
                return _said(answer.status, answer.read())
        except urllib.error.HTTPError as answer:
            return _said(answer.code, answer.read())

    def carts(self) -> str:
        """All that the carts hold."""
        return asyncio.run(_carts(self.cosmos))


def _said(status: int, body: bytes) -> tuple[int, str, set[str]]:
    report: Mapping[str, Any] = httpx.Response(status, content=body).json()
    failed = {check["name"] for check in report["checks"] if check["status"] != "ok"}
    return status, report["status"], failed


async def _carts(url: str) -> str:
    async with CosmosClient(url, ACCOUNT_KEY, enable_endpoint_discovery=False) as client:
        container = client.get_database_client(DATABASE).get_container_client(CARTS)
        return str([item async for item in container.read_all_items()])


@contextmanager
def networks(folder: Path, port: int) -> Iterator[tuple[Networks, str]]:
    """To all that runs beside a shop at this port, and Cosmos DB's own address."""
    with ExitStack() as running:
        cosmos = running.enter_context(cosmos_emulator(folder))
        cosmos = running.enter_context(mended(_port(cosmos), free_ports()))
        asyncio.run(make_database(cosmos))
        blobs = running.enter_context(azurite(folder))
        make_containers(_blob_connection(_port(blobs)))
        redis = running.enter_context(real_redis(folder))
        running.enter_context(_broker(folder, port + BROKER))
        behind = partial(_behind, running)
        yield (
            Networks(
                carts=behind(_port(cosmos)),
                blobs=behind(_port(blobs)),
                cache=behind(redis.port),
                bus=behind(port + BROKER),
                stripe=behind(port + SANDBOX),
                carrier=behind(port + SANDBOX),
                mail=behind(port + SANDBOX),
            ),
            cosmos,
        )


def _behind(running: ExitStack, port: int) -> FaultyProxy:
    return running.enter_context(faulty_proxy(port))


@contextmanager
def far_shop(folder: Path, port: int, between: Networks, cosmos: str) -> Iterator[FarShop]:
    shop = serve(
        folder / "state",
        "--no-covers",
        port=port,
        CosmosConnection=f"AccountEndpoint={between.carts.address('http')}/;"
        f"AccountKey={ACCOUNT_KEY};",
        COSMOS_DATABASE=DATABASE,
        BlobConnection=_blob_connection(between.blobs.port),
        CDN_BASE_URL=f"{between.blobs.address('http')}/{ACCOUNT}/{PUBLIC}",
        REDIS_URL=f"{between.cache.address('redis')}/0",
        ServiceBusConnection=connection_string(between.bus.port),
        STRIPE_API_BASE=between.stripe.address("http"),
        EASYPOST_API_BASE=f"{between.carrier.address('http')}/carrier/v2",
        MAIL_SANDBOX_URL=f"{between.mail.address('http')}/mailbox",
    )
    try:
        yield FarShop(shop, between, cosmos, connection_string(port + BROKER))
    finally:
        for network in between.each():
            network.heal()
        end(shop)


@contextmanager
def _broker(folder: Path, port: int) -> Iterator[None]:
    """One that speaks AMQP alone, as a namespace does."""
    command = [sys.executable, "-m", "tests.support.broker_process"]
    process = subprocess.Popen(
        [*command, str(folder / "bus"), str(ENTITIES), str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith(b"listening")
        yield
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def _blob_connection(port: int) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )


def _port(url: str) -> int:
    port = httpx.URL(url).port
    assert port is not None
    return port
