"""The settings of a shop whose stores are all embedded, in one state folder."""

import os
import secrets
from pathlib import Path

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
)
BROKER = 2
"""The host's Service Bus broker listens this many ports above the shop."""


def embedded(state: Path, port: int) -> dict[str, str]:
    """Every setting that such a shop needs; a name already in the environment wins. With a key of
    Stripe's own there, the shop talks to Stripe, and to the sandbox only where that is said."""
    origin = f"http://127.0.0.1:{port}"
    beside = f"http://127.0.0.1:{port + SANDBOX}"
    stripe = account_keys(state)
    values = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "16",
        "PUBLIC_BASE_URL": origin,
        "CDN_BASE_URL": f"{origin}/cdn",
        "SHOP_CURRENCY": "GBP",
        "SHOP_CLOCK_FILE": str(state / "clock.json"),
        "AUTH_ISSUER": f"{beside}/oidc",
        "AUTH_AUDIENCE": "bookstore",
        "BLOB_FOLDER": str(state / "blobs"),
        "SQL_INVENTORY": f"sqlite:///{(state / 'inventory.db').as_posix()}",
        "SQL_PAYMENTS": f"sqlite:///{(state / 'payments.db').as_posix()}",
        "SQL_SHIPPING": f"sqlite:///{(state / 'shipping.db').as_posix()}",
        "SQL_ORDERS": f"sqlite:///{(state / 'orders.db').as_posix()}",
        "SHOP_SECRET": shop_secret(state),
        "DOCUMENTS_FILE": str(state / "documents.db"),
        "ServiceBusConnection": f"Endpoint=sb://127.0.0.1:{port + BROKER};"
        "SharedAccessKeyName=local;SharedAccessKey=local;UseDevelopmentEmulator=true;",
        "STRIPE_SECRET_KEY": stripe.secret_key,
        "STRIPE_PUBLISHABLE_KEY": stripe.publishable_key,
        "STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "STRIPE_API_BASE": beside,
    }
    values = {name: os.environ.get(name) or value for name, value in values.items()}
    if not os.environ.get("STRIPE_API_BASE") and not is_sandboxed(values["STRIPE_SECRET_KEY"]):
        del values["STRIPE_API_BASE"]
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
