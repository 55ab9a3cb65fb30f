"""The shop's secrets, put into Key Vault before the app starts for the first time.

They pass through Azure's management, which reaches a private vault from anywhere. Its answers hold
no values: a secret that is there stays as it is, until it is given anew.
"""

import re
import secrets
from collections.abc import Mapping, Set

from local.deployment.management import Azure, Stopped

MADE_HERE = ("shop-secret",)
"""Nobody else chooses it."""
GIVEN = {
    "stripe-secret-key": "STRIPE_SECRET_KEY",
    "easypost-api-key": "EASYPOST_API_KEY",
    "otlp-headers": "OTEL_EXPORTER_OTLP_HEADERS",
}
"""What the deployer's environment gives, for this one run: it is nowhere written down."""
STRIPE_WEBHOOK = "stripe-webhook-secret"
CARRIER_WEBHOOK = "easypost-webhook-secret"
WEBHOOKS = (STRIPE_WEBHOOK, CARRIER_WEBHOOK)
"""Put in once the third party has taken the webhook."""
RENEW = "SHOP_RENEW"
"""Names of secrets that this one run makes anew. They are not deleted for it: a vault with purge
protection gives a deleted secret's name to no other for 90 days.
"""

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


def to_renew(environment: Mapping[str, str]) -> frozenset[str]:
    names = frozenset(re.findall(r"[^\s,]+", environment.get(RENEW, "")))
    if unknown := sorted(names - {*MADE_HERE, *WEBHOOKS}):
        known = ", ".join((*MADE_HERE, *WEBHOOKS))
        raise Stopped(f"{RENEW} knows {known}, not {', '.join(unknown)}.")
    return names


def fill(
    vault: Vault,
    needed: list[str],
    environment: Mapping[str, str],
    renew: Set[str] = frozenset(),
) -> dict[str, str]:
    """Puts in what is missing, given or to be renewed, but for webhooks; returns what it put in."""
    unknown = sorted({*needed} - {*MADE_HERE, *GIVEN, *WEBHOOKS})
    if unknown:
        raise Stopped(f"Nobody knows where these secrets come from: {', '.join(unknown)}.")
    new = {}
    for name in needed:
        given = environment.get(GIVEN.get(name, ""))
        if given:
            new[name] = given
        elif name in MADE_HERE and (name in renew or not vault.holds(name)):
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
