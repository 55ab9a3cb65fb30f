"""The whole shop on its adapters for the cloud, against emulators that nobody here wrote."""

import asyncio
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.cosmos.aio import CosmosClient
from azure.storage.blob import BlobServiceClient

from functions.inventory.media_model import PUBLIC
from local.emulators.__main__ import BLOBS, COLLECTOR, COSMOS
from local.emulators.npm import ACCOUNT, ACCOUNT_KEY
from local.emulators.redis import redis_program
from local.serve import taken
from tests.conftest import ROOT, Shop, until_ready
from tests.journeys.test_media import a_picture, fetched
from tests.support.backstage import Staff
from tests.support.ports import free_ports
from tests.support.shopper import Shopper, client, until

pytestmark = pytest.mark.skipif(
    shutil.which("npm") is None, reason="Node and npm are needed for the emulators"
)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("emulated")
    port, log = free_ports(8), folder / "log"
    command = [sys.executable, "-m", "local.emulators", "--port", str(port), "--no-covers"]
    environment = os.environ | {"OTEL_BSP_SCHEDULE_DELAY": "100", "TMPDIR": str(folder)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--state", str(folder / "state")],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    shop = Shop(
        f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", folder / "state", process, log
    )
    until_ready(shop)
    yield shop
    process.terminate()
    assert process.wait(60) == 0
    # The collector ends last, by itself: it takes what the shop sends at its end.
    until(lambda: [place for place in range(8) if taken(port + place)], lambda left: not left)


def beside(shop: Shop, place: int) -> str:
    return f"http://127.0.0.1:{int(shop.base_url.rpartition(':')[2]) + place}"


def test_it_says_what_runs_and_what_does_not(emulated: Shop) -> None:
    said = emulated.log.read_text("utf-8")
    assert "Azurite" in said
    assert "@vercel/cosmosdb-server" in said
    assert "no SQL Server" in said
    assert ("there is no redis-server here" in said) == (redis_program() is None)


def test_a_book_is_bought_and_the_emulators_hold_what_is_theirs(emulated: Shop) -> None:
    with closing(Staff(emulated)) as staff, closing(Shopper(emulated, "anna")) as anna:
        isbn, other = staff.new_book(), staff.new_book()
        anna.add(isbn)
        assert anna.buy()["status"] == "confirmed"
        until(anna.cart, lambda cart: cart == {})
        anna.add(other)
        [cart] = asyncio.run(carts(beside(emulated, COSMOS)))
        assert str(other) in str(cart)
        assert anna.cart() == {other: 1}


def test_a_cover_lies_in_azurite_where_browsers_fetch_it(emulated: Shop) -> None:
    with closing(Staff(emulated)) as staff:
        isbn = staff.new_book()
    headers = {
        "Authorization": f"Bearer {emulated.token('catalogue.write')}",
        "If-Match": "*",
        "Content-Type": "image/jpeg",
    }
    with client(emulated.base_url) as bookseller:
        path = f"/api/v1/admin/books/{isbn}/cover"
        put = bookseller.put(path, content=a_picture("red"), headers=headers)
    assert put.status_code == 200, put.text
    picture, said = fetched(put.json()["images"]["large"])
    assert said["content-type"] == "image/webp"
    assert said["cache-control"] == "public, max-age=31536000, immutable"
    connection = (
        f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"BlobEndpoint={beside(emulated, BLOBS)}/{ACCOUNT}"
    )
    with BlobServiceClient.from_connection_string(connection) as account:
        names = list(account.get_container_client(PUBLIC).list_blob_names())
    assert picture
    assert urlsplit(put.json()["images"]["large"]).path.partition(f"/{PUBLIC}/")[2] in names


def test_the_collector_shows_the_purchase(emulated: Shop) -> None:
    def listed() -> str:
        with urllib.request.urlopen(beside(emulated, COLLECTOR)) as page:
            text: str = page.read().decode()
            return text

    assert "order.placed" in until(listed, lambda text: "order.placed" in text)


async def carts(url: str) -> list[dict[str, Any]]:
    async with CosmosClient(url, ACCOUNT_KEY, enable_endpoint_discovery=False) as client:
        container = client.get_database_client("bookstore").get_container_client("carts")
        return [item async for item in container.read_all_items()]
