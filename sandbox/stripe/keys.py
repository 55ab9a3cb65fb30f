"""The account's keys, made once for each state folder and never the same in another."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.files import locked, replace


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """Each says `sandbox`, so that a deployment can refuse it."""

    secret_key: str
    publishable_key: str
    webhook_secret: str


def account_keys(state: Path) -> AccountKeys:
    """The keys of the shop in this folder; several processes may ask for them at once."""
    file = state / "sandbox" / "stripe.json"
    with locked(file):
        try:
            return AccountKeys(**json.loads(file.read_text("utf-8")))
        except FileNotFoundError:
            keys = AccountKeys(
                secret_key=f"sk_test_sandbox{secrets.token_hex(16)}",
                publishable_key=f"pk_test_sandbox{secrets.token_hex(16)}",
                webhook_secret=f"whsec_sandbox{secrets.token_hex(16)}",
            )
            replace(file, json.dumps(asdict(keys)))
            return keys
