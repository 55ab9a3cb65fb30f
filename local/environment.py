"""The settings of a shop whose stores are all embedded, in one state folder."""

import os
from pathlib import Path

STATE = str(Path(__file__).resolve().parent.parent / ".local")
SANDBOX = 1
"""The sandbox listens this many ports above the shop."""


def embedded(state: Path, port: int) -> dict[str, str]:
    """Every setting that such a shop needs; a name already in the environment wins."""
    origin = f"http://127.0.0.1:{port}"
    values = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "16",
        "PUBLIC_BASE_URL": origin,
        "CDN_BASE_URL": f"{origin}/cdn",
        "SHOP_CURRENCY": "GBP",
        "SHOP_CLOCK_FILE": str(state / "clock.json"),
        "AUTH_ISSUER": f"http://127.0.0.1:{port + SANDBOX}/oidc",
        "AUTH_AUDIENCE": "bookstore",
        "BLOB_FOLDER": str(state / "blobs"),
        "SQL_INVENTORY": f"sqlite:///{(state / 'inventory.db').as_posix()}",
    }
    return {name: os.environ.get(name) or value for name, value in values.items()}
