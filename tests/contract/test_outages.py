"""Each client of the shop before a service that is gone: how often it tries, and what it says.

None waits for ever: a test that hangs fails. How long each may wait, `docs/resilience.md` says; the
clients of SQL Server, Redis and the issuer of tokens have tests of their own beside their suites.
"""

import asyncio
import gc
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from funchost.servicebus.broker.namespace_file import read_namespace
from funchost.servicebus.options import RetryOptions
from funchost.servicebus.sources import client as bus_client
from funchost.servicebus.triggers import listener
from functions.notifications.mail import azure as azure_mail
from functions.notifications.mail import smtp
from functions.notifications.mail.azure import AzureMail, email_client
from functions.notifications.mail.smtp import SmtpMail
from functions.notifications.model import Letter, MailId, MailNotSent, Outgoing
from functions.payments.model import OutcomeUnknown
from functions.payments.stripe import gateway as stripe
from functions.shipping.easypost import gateway as easypost
from functions.shipping.easypost.gateway import SdkCarrier
from functions.shipping.shipment_model import CarrierUnavailable
from shared.auth import jwks
from shared.blobs import azure as blobs
from shared.blobs.port import BlobsUnavailable
from shared.cache import redis
from shared.documents import cosmos
from shared.documents.port import DocumentsUnavailable
from shared.kit.clock import MachineClock
from shared.messaging import relay, service_bus, timers
from shared.messaging.publisher import Message, PublishFailed
from shared.sql import engines, sqlite_file
from shared.sql.database import DEADLOCK_TRIES
from tests.support.carrier import SENDER
from tests.support.emulators import ACCOUNT, ACCOUNT_KEY
from tests.support.faulty_proxy import FaultyProxy, faulty_proxy
from tests.support.running_bus import connection_string

SHORT = 0.3
MAIL = Outgoing(
    MailId("6d2f6f4c-4c53-4a53-9a47-0a1d7e3a4b5c"),
    "anna@example.org",
    "Anna",
    Letter("Your order", "text", "<p>text</p>"),
    None,
)


@dataclass(frozen=True)
class Client:
    """`call` makes one call to the service at a port. `tries` are the connections of a call that
    gets no answer."""

    call: Callable[[int], Any]
    error: type[Exception]
    tries: int


def pay(port: int) -> None:
    gateway = stripe.SdkGateway(
        "sk_test_x", "whsec_x", f"http://127.0.0.1:{port}", read_seconds=SHORT
    )
    gateway.intent("pi_1")


def label(port: int) -> None:
    SdkCarrier("EZTKx", "s", SENDER, f"http://127.0.0.1:{port}/v2", timeout_seconds=1).label(
        "shp_1"
    )


def mail_by_azure(port: int) -> None:
    text = f"endpoint=https://127.0.0.1:{port}/;accesskey=a2V5"
    with email_client(text, None, connection_timeout=SHORT, read_timeout=SHORT) as client:
        AzureMail(client, "orders@books.test", None).send(MAIL, again=False)


def mail_by_smtp(port: int) -> None:
    port_ = SmtpMail(
        f"smtp://127.0.0.1:{port}", "orders@books.test", None, MachineClock(), patience=SHORT
    )
    port_.send(MAIL, again=False)


def read_document(port: int) -> None:
    async def read() -> None:
        text = f"AccountEndpoint=http://127.0.0.1:{port}/;AccountKey=a2V5;"
        account = cosmos.CosmosAccount(None, text, "shop")
        store = cosmos.CosmosDocuments(account, "carts", read_seconds=SHORT)
        try:
            await store.read("a")
        finally:
            await store.close()

    asyncio.run(read())


def read_blob(port: int) -> None:
    text = (
        f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT}"
    )
    storage = blobs.AzureStorage(blobs.StorageAccount(None, text), read_seconds=SHORT)
    blobs.AzureBlobs(storage, "public").get("covers/a.webp")


def publish(port: int) -> None:
    publisher = service_bus.ServiceBusPublisher(
        lambda: service_bus.service_bus_client(connection_string(port), None),
        open_seconds=2.0,
    )
    failed = ""
    # The SDK leaves a connection that it could not open to the collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            publisher.publish("orders", [Message("1", "kind", "s", b"{}")], 1.0)
        except PublishFailed as error:
            failed = str(error)
        gc.collect()
    publisher.close()
    if failed:
        raise PublishFailed(failed)


CLIENTS = {
    "stripe": Client(pay, OutcomeUnknown, 1 + stripe.RETRIES),
    # The SDK has three retries for what only reads, which cannot be set; for the rest, none.
    "carrier": Client(label, CarrierUnavailable, 4),
    "mail by Azure": Client(mail_by_azure, MailNotSent, 1),
    "mail by SMTP": Client(mail_by_smtp, MailNotSent, 1),
    "documents": Client(read_document, DocumentsUnavailable, 1 + cosmos.RETRIES),
    "blobs": Client(read_blob, BlobsUnavailable, 1 + blobs.RETRIES),
    "service bus": Client(publish, PublishFailed, 1),
}


@pytest.fixture
def network() -> Iterator[FaultyProxy]:
    """With nothing behind it."""
    with faulty_proxy(9) as proxy:
        yield proxy


@pytest.fixture(params=CLIENTS.values(), ids=CLIENTS.keys())
def client(request: pytest.FixtureRequest) -> Client:
    assert isinstance(request.param, Client)
    return request.param


def test_a_service_that_says_nothing_is_given_up_after_few_tries(
    client: Client, network: FaultyProxy
) -> None:
    network.is_silent = True
    with pytest.raises(client.error):
        client.call(network.port)
    assert network.connections == client.tries


def test_a_service_that_is_not_there_is_given_up(client: Client, network: FaultyProxy) -> None:
    network.refuse()
    with pytest.raises(client.error):
        client.call(network.port)


SAID = {
    "Azure SQL": (engines.LOGIN_SECONDS, engines.STATEMENT_SECONDS, 1),
    "Cosmos DB": (cosmos.CONNECT_SECONDS, cosmos.READ_SECONDS, 1 + cosmos.RETRIES),
    "Service Bus": (
        service_bus.OPEN_SECONDS,
        relay.PATIENCE_SECONDS,
        1 + service_bus.RETRIES,
    ),
    "Blob Storage": (blobs.CONNECT_SECONDS, blobs.READ_SECONDS, 1 + blobs.RETRIES),
    "Redis": (redis.PATIENCE_SECONDS, redis.PATIENCE_SECONDS, 1),
    "Sign-in": (jwks.REQUEST_SECONDS, jwks.REQUEST_SECONDS, 1),
    "Stripe": (stripe.CONNECT_SECONDS, stripe.READ_SECONDS, 1 + stripe.RETRIES),
    "Carrier": (easypost.TIMEOUT_SECONDS, easypost.TIMEOUT_SECONDS, CLIENTS["carrier"].tries),
    "Mail by Azure": (azure_mail.PATIENCE_SECONDS, azure_mail.PATIENCE_SECONDS, 1),
    "Mail by SMTP": (smtp.PATIENCE_SECONDS, smtp.PATIENCE_SECONDS, 1),
}


BESIDES = {
    "Azure SQL": (engines.POOL_WAIT_SECONDS, sqlite_file.LOCK_WAIT_SECONDS, DEADLOCK_TRIES),
    "Cosmos DB": (
        cosmos.OPERATION_SECONDS,
        1 + cosmos.WRITE_RETRIES,
        429,
        cosmos.THROTTLED_RETRIES,
    ),
    "Service Bus": (service_bus.OPEN_SECONDS, relay.PATIENCE_AFTER_COMMIT_SECONDS),
    "Blob Storage": (2 * blobs.PAUSE_SECONDS,),
    "Redis": (redis.LEFT_ALONE_SECONDS,),
}
"""The numbers in the last column."""


RETRY = RetryOptions()
ENTITIES = read_namespace(Path(__file__).parents[2] / "infra" / "servicebus.json")
LOCK_SECONDS = ENTITIES.queues["stripe-events"].settings.lock_duration / 1000
BACK = {
    "what an outbox holds": timers.RELAY_SECONDS,
    "a listener": listener.LONGEST_PAUSE_SECONDS,
    "a listener without sessions": RETRY.delay * 2**RETRY.max_retries,
    "a destination that was sent to before": relay.PATIENCE_AFTER_COMMIT_SECONDS,
    "a message without a session whose handing over or settlement went lost": LOCK_SECONDS,
    "a listener whose namespace neither answers nor ends its connection": (
        RETRY.try_timeout + bus_client.OPEN_SECONDS
    ),
}


def table(heading: str) -> dict[str, list[str]]:
    """The cells behind the first one, by that."""
    text = (Path(__file__).parents[2] / "docs" / "resilience.md").read_text("utf-8")
    _, _, section = text.partition(f"## {heading}\n")
    section, _, _ = section.partition("\n## ")
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {name.strip(): cells for name, *cells in rows[2:]}


def test_the_documentation_says_how_soon_a_bus_that_came_back_is_used() -> None:
    said = table("How soon a bus that came back is used")
    assert {name: float(cells[0]) for name, cells in said.items()} == pytest.approx(BACK)


def test_the_table_in_the_documentation_says_what_the_clients_do() -> None:
    said = table("How long a call waits")
    assert {name: tuple(map(float, cells[:3])) for name, cells in said.items()} == {
        name: tuple(map(float, each)) for name, each in SAID.items()
    }
    assert {
        name: numbers
        for name, cells in said.items()
        if (numbers := tuple(map(float, re.findall(r"\d+", cells[3]))))
    } == {name: tuple(map(float, each)) for name, each in BESIDES.items()}
