"""Serves the shop on its adapters for the cloud, against emulators that this machine can run.

Nothing is kept: most emulators hold their data in memory, so the shop begins anew as well.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from functions.cart.store import CONTAINER as CARTS
from functions.inventory.media_model import PUBLIC, UPLOADS
from local import serve
from local.emulators.cosmos_proxy import mended
from local.emulators.npm import (
    ACCOUNT,
    ACCOUNT_KEY,
    EmulatorError,
    azurite,
    cosmos_emulator,
)
from local.emulators.redis import redis, redis_program

STATE = Path(serve.ROOT) / ".local-emulators"
BLOBS, COSMOS, COSMOS_BEHIND, REDIS, COLLECTOR = 3, 4, 5, 6, 7
"""Ports above the shop's; the sandbox and the broker have the first two."""
DATABASE = "bookstore"
_IMPORTS = "imports"
_INSIGHTS_KEY = "00000000-0000-0000-0000-0000000000aa"


def main(arguments: Sequence[str] | None = None) -> int:
    top = serve.parser()
    top.prog, top.description = "dev.py emulators", (__doc__ or "").strip()
    top.set_defaults(state=str(STATE))
    options = top.parse_args(arguments)
    # Until the host takes over, the end of this process has to end what it started.
    signal.signal(signal.SIGTERM, _stop)
    with ExitStack() as running:
        try:
            said = start(running, options)
        except KeyboardInterrupt:
            return 130
        except EmulatorError as error:
            return serve.refuse(f"Nothing was started: {error}; choose with --port.")
        for line in said:
            print(line, flush=True)
        given = ["--port", str(options.port), "--state", options.state, "--fresh"]
        given += ["--workers", str(options.workers)]
        return serve.main([*given, *(["--no-covers"] if options.no_covers else [])])


def start(running: ExitStack, options: argparse.Namespace) -> list[str]:
    """Starts what there is, points the settings to it, and returns what to tell."""
    logs = Path(f"{options.state}-logs")
    logs.mkdir(parents=True, exist_ok=True)
    port = options.port
    said = ["The shop on its adapters for the cloud:"]
    for place in (BLOBS, COSMOS, COSMOS_BEHIND, REDIS, COLLECTOR):
        if serve.taken(port + place):
            raise EmulatorError(f"port {port + place} is taken by another program")
    for name, begin in _STARTS.items():
        try:
            said.append(f"  {name:10} {begin(running, logs, port)}")
        except EmulatorError as error:
            said.append(f"  {name:10} NOT STARTED: {error}")
    return [
        *said,
        "  messages   the host's own broker, by azure-servicebus over AMQP",
        "  SQL        SQLite: no SQL Server runs without Docker (docker-compose.yml has one)",
        "  Stripe, the carrier, mail and sign-in   the sandbox's stand-ins",
    ]


def _start_blobs(running: ExitStack, logs: Path, port: int) -> str:
    url = running.enter_context(azurite(logs, port + BLOBS))
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"BlobEndpoint={url};"
    )
    make_containers(connection)
    os.environ.update(BlobConnection=connection, CDN_BASE_URL=f"{url}/{PUBLIC}")
    return f"Azurite, {url}/{PUBLIC}?restype=container&comp=list"


def make_containers(connection: str) -> None:
    """As the deployment does."""
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(connection) as account:
        account.create_container(PUBLIC, public_access="container")
        for private in (UPLOADS, _IMPORTS):
            account.create_container(private)


def _start_cosmos(running: ExitStack, logs: Path, port: int) -> str:
    running.enter_context(cosmos_emulator(logs, port + COSMOS_BEHIND))
    url = running.enter_context(mended(port + COSMOS_BEHIND, port + COSMOS))
    asyncio.run(make_database(url))
    connection = f"AccountEndpoint={url};AccountKey={ACCOUNT_KEY};"
    os.environ.update(CosmosConnection=connection, COSMOSDATABASE=DATABASE)
    return f"@vercel/cosmosdb-server, {url} (it knows no time to live: carts never expire)"


async def make_database(url: str) -> None:
    from azure.cosmos import PartitionKey
    from azure.cosmos.aio import CosmosClient

    async with CosmosClient(url, ACCOUNT_KEY, enable_endpoint_discovery=False) as client:
        database = await client.create_database(DATABASE)
        await database.create_container(CARTS, PartitionKey("/id"), default_ttl=-1)


def _start_redis(running: ExitStack, logs: Path, port: int) -> str:
    program = redis_program()
    url = running.enter_context(redis(program, logs, port + REDIS))
    os.environ["REDIS_URL"] = url
    return f"{Path(program).name}, {url}"


def _start_collector(_: ExitStack, logs: Path, port: int) -> str:
    """It ends when its standard input does, so after this process and what that sends last."""
    command = [sys.executable, "-m", "local.collector", "--port", str(port + COLLECTOR)]
    with (logs / "collector.log").open("wb") as output:
        collector = subprocess.Popen(
            [*command, "--watch-stdin"],
            cwd=serve.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=os.name == "posix",
        )
    assert collector.stdout is not None
    url = collector.stdout.readline().decode().strip()
    if not url:
        raise EmulatorError(f"the collector ended; see {logs / 'collector.log'}")
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
    os.environ["APPLICATIONINSIGHTS_CONNECTION_STRING"] = (
        f"InstrumentationKey={_INSIGHTS_KEY};IngestionEndpoint={url}/"
    )
    return f"a collector, {url}/ lists traces and domain events"


_STARTS: dict[str, Callable[[ExitStack, Path, int], str]] = {
    "blobs": _start_blobs,
    "carts": _start_cosmos,
    "cache": _start_redis,
    "telemetry": _start_collector,
}


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
