"""The settings of a shop whose stores are all embedded, in one state folder."""

import json
import os
import secrets
from pathlib import Path

from sandbox.carrier.keys import carrier_keys
from sandbox.files import locked, replace
from sandbox.stripe.keys import account_keys

STATE = str(Path(__file__).resolve().parent.parent / ".local")
SANDBOX = 1
"""The sandbox listens this many ports above the shop."""
SANDBOX_KEYS = (
    "STRIPE_SECRET_KEY",
    "STRIPE_PUBLISHABLE_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SHOP_SECRET",
    "EASYPOST_API_KEY",
    "EASYPOST_WEBHOOK_SECRET",
)
STAND_INS = {"STRIPE_API_BASE": "STRIPE_SECRET_KEY", "EASYPOST_API_BASE": "EASYPOST_API_KEY"}
"""Where a stand-in listens, by the key that says whether it is wanted."""
INSTEAD = {
    "BLOB_FOLDER": ("BlobConnection", "BlobConnection__blobServiceUri"),
    "DOCUMENTS_FILE": ("CosmosConnection", "CosmosConnection__accountEndpoint"),
}
"""An embedded store, by the settings that name another in its place."""
SENDER = json.dumps(
    {
        "name": "The Bookstore",
        "line1": "1 Paternoster Row",
        "city": "London",
        "postcode": "EC4M 7DX",
        "country": "GB",
        "phone": "+44 20 7946 0000",
    }
)
"""The number is one of those that Ofcom keeps for stories."""
BROKER = 2
"""The host's Service Bus broker listens this many ports above the shop."""


def embedded(state: Path, port: int) -> dict[str, str]:
    """Every setting that such a shop needs; a name already in the environment wins. With a key of
    Stripe's or EasyPost's own there, the shop talks to them, and to the sandbox only where that is
    said."""
    origin = f"http://127.0.0.1:{port}"
    beside = f"http://127.0.0.1:{port + SANDBOX}"
    stripe = account_keys(state)
    carrier = carrier_keys(state)
    values = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "16",
        "PUBLIC_BASE_URL": origin,
        "CDN_BASE_URL": f"{origin}/cdn",
        "SHOP_CURRENCY": "GBP",
        "SHOP_CLOCK_FILE": str(state / "clock.json"),
        "AUTH_ISSUER": f"{beside}/oidc",
        "AUTH_AUDIENCE": "bookstore",
        "AUTH_CLIENT_ID": "storefront",
        "BLOB_FOLDER": str(state / "blobs"),
        "SQL_INVENTORY": f"sqlite:///{(state / 'inventory.db').as_posix()}",
        "SQL_PAYMENTS": f"sqlite:///{(state / 'payments.db').as_posix()}",
        "SQL_SHIPPING": f"sqlite:///{(state / 'shipping.db').as_posix()}",
        "SQL_ORDERS": f"sqlite:///{(state / 'orders.db').as_posix()}",
        "SQL_NOTIFICATIONS": f"sqlite:///{(state / 'notifications.db').as_posix()}",
        "MAIL_SANDBOX_URL": f"{beside}/mailbox",
        "MAIL_FROM": "Bookstore <orders@bookstore.example>",
        "MAIL_STAFF": "staff@bookstore.example",
        "SHOP_SECRET": shop_secret(state),
        "DOCUMENTS_FILE": str(state / "documents.db"),
        "ServiceBusConnection": f"Endpoint=sb://127.0.0.1:{port + BROKER};"
        "SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true;",
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key,
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "STRIPE_API_BASE": beside,
        "SHOP_SENDER": SENDER,
        "EASYPOST_API_KEY": carrier.api_key,
        "EASYPOST_WEBHOOK_SECRET": carrier.webhook_secret,
        "EASYPOST_API_BASE": f"{beside}/carrier/v2",
    }
    values = {name: os.environ.get(name) or value for name, value in values.items()}
    for name, others in INSTEAD.items():
        if not os.environ.get(name) and any(map(os.environ.get, others)):
            del values[name]
    for address, key in STAND_INS.items():
        if not os.environ.get(address) and not is_sandboxed(values[key]):
            del values[address]
    return values


def is_sandboxed(key: str) -> bool:
    """Every key that is made here says so, in the sample of local settings too."""
    return "sandbox" in key


def shop_secret(state: Path) -> str:
    """What signs checkouts and links, made once for each state folder; several processes may ask
    for it at once. It says `sandbox`, so that a deployment can refuse it."""
    file = state / "shop-secret"
    with locked(file):
        try:
            return file.read_text("ascii")
        except FileNotFoundError:
            secret = f"sandbox-{secrets.token_hex(32)}"
            replace(file, secret)
            return secret
