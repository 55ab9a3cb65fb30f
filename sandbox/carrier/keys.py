"""The account's keys, made once for each state folder and never the same in another."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.files import locked, replace


@dataclass(frozen=True, slots=True)
class CarrierKeys:
    """Each says `sandbox`, so that a deployment can refuse it."""

    api_key: str
    webhook_secret: str


def carrier_keys(state: Path) -> CarrierKeys:
    """The keys of the shop in this folder; several processes may ask for them at once."""
    file = state / "sandbox" / "carrier.json"
    with locked(file):
        try:
            return CarrierKeys(**json.loads(file.read_text("utf-8")))
        except FileNotFoundError:
            keys = CarrierKeys(
                api_key=f"EZTK_sandbox{secrets.token_hex(16)}",
                webhook_secret=f"carrier_sandbox{secrets.token_hex(16)}",
            )
            replace(file, json.dumps(asdict(keys)))
            return keys
