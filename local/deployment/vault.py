"""The shop's secrets, put into Key Vault before the app starts for the first time.

They pass through Azure's management, which reaches a private vault from anywhere. Its answers hold
no values: a secret that is there stays as it is, until it is given anew.
"""

import secrets
from collections.abc import Mapping

from local.deployment.management import Azure, Stopped

MADE_HERE = ("shop-secret", "easypost-webhook-secret")
"""Nobody else chooses these."""
GIVEN = {
    "stripe-secret-key": "STRIPE_SECRET_KEY",
    "easypost-api-key": "EASYPOST_API_KEY",
    "otlp-headers": "OTEL_EXPORTER_OTLP_HEADERS",
}
"""What the deployer's environment gives, for this one run: it is nowhere written down."""
STRIPE_WEBHOOK = "stripe-webhook-secret"

_VERSION = "2024-11-01"


class Vault:
    def __init__(self, azure: Azure, name: str) -> None:
        self._azure = azure
        self._path = f"Microsoft.KeyVault/vaults/{name}/secrets"

    def holds(self, name: str) -> bool:
        return self._azure.get(f"{self._path}/{name}", _VERSION) is not None

    def put(self, name: str, value: str) -> None:
        body = {"properties": {"value": value, "contentType": "text/plain"}}
        self._azure.put(f"{self._path}/{name}", _VERSION, body)


def fill(vault: Vault, needed: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Puts in what is missing or given anew, but for Stripe's webhook; returns what it put in."""
    unknown = sorted({*needed} - {*MADE_HERE, *GIVEN, STRIPE_WEBHOOK})
    if unknown:
        raise Stopped(f"Nobody knows where these secrets come from: {', '.join(unknown)}.")
    new = {}
    for name in needed:
        given = environment.get(GIVEN.get(name, ""))
        if given:
            new[name] = given
        elif name in MADE_HERE and not vault.holds(name):
            new[name] = secrets.token_urlsafe(48)
    lacking = [
        GIVEN[name]
        for name in needed
        if name in GIVEN and name not in new and not vault.holds(name)
    ]
    if lacking:
        raise Stopped(f"Set {', '.join(lacking)} in the environment of this command, once.")
    for name, value in new.items():
        vault.put(name, value)
    return new
