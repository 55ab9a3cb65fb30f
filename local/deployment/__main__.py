"""python3 dev.py deployment prepare|provisioned|deployed|smoke

The hooks of azure.yaml, in their order, and the smoke test. What the templates gave is in the
environment, where azd puts it.
"""

import ipaddress
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path

import httpx

from local import api_document
from local.deployment import databases, front_door, site, smoke, third_parties
from local.deployment.management import Azure, Stopped, Token, azd_token
from local.deployment.vault import (
    CARRIER_WEBHOOK,
    GIVEN,
    STRIPE_WEBHOOK,
    Vault,
    fill,
    to_renew,
)

ROOT = Path(__file__).resolve().parent.parent.parent
OUTSIDE = (
    "The size {size} is private: databases, app and vault cannot be reached from here. The"
    " resources are made; from here on the runner inside the network deploys: run the workflow"
    " deploy.yml for this environment (docs/operations.md, First deployment)."
)
ASKED = ("SHOP_SECOND_LOCATION", "SHOP_OPERATOR_ADDRESS", "SHOP_BUDGET_START", "AUTH_ISSUER",
         "AUTH_AUDIENCE", "STRIPE_PUBLISHABLE_KEY", "SHOP_SENDER_NAME", "SHOP_SENDER_LINE1",
         "SHOP_SENDER_CITY", "SHOP_SENDER_POSTCODE", "SHOP_SENDER_COUNTRY",
         "SHOP_SENDER_PHONE")  # fmt: skip
"""Parameters without a default; azd itself asks for the region and the subscription."""
ASKED_OPEN = ("SHOP_DEPLOYER_ADDRESS",)
"""In dev: the address that may migrate the databases."""
ASKED_PRIVATE = ("SHOP_ADMINISTRATOR_ID", "SHOP_RUNNER_REPOSITORY", "SHOP_RUNNER_PUBLIC_KEY",
                 "SHOP_RUNNER_VERSION", "SHOP_RUNNER_DIGEST")  # fmt: skip
"""In the private sizes: a group, since two deploy there, and the runner."""

_SITES = "2025-03-01"

Environment = Mapping[str, str]
Resolve = Callable[[str], str]
"""The address of a host."""


def prepare(environment: Environment) -> list[str]:
    """Before the templates: what they need is set, and the API's documents are written."""
    size = environment.get("SHOP_SIZE") or "dev"
    asked = (*ASKED, *(ASKED_OPEN if size == "dev" else ASKED_PRIVATE))
    if lacking := [name for name in asked if not environment.get(name)]:
        commands = "; ".join(f"azd env set {name} ..." for name in lacking)
        raise Stopped(f"Not set yet: {commands}.")
    return [f"{file.relative_to(ROOT)} is written." for file in api_document.write()]


def provisioned(
    environment: Environment,
    *,
    azure: Azure | None = None,
    client: httpx.Client | None = None,
    resolve: Resolve = socket.gethostbyname,
    bring_up: Callable[
        [str, Mapping[str, Mapping[str, str]], Token], list[str]
    ] = databases.bring_up,
) -> list[str]:
    """After the templates, before the app's first start. All of it can be run again."""
    azure = azure or Azure(group_of(environment))
    vault = Vault(azure, environment["KEY_VAULT_NAME"])
    renew = to_renew(environment)
    put_in = fill(vault, json.loads(environment["NEEDED_SECRETS"]), environment, renew)
    said = [f"The vault has a new {name}." for name in put_in]
    client = client or httpx.Client(timeout=60)
    said += register(vault, environment["PUBLIC_BASE_URL"], put_in, client, renew)
    read_again(azure, environment["FUNCTION_APP_NAME"])
    if count := front_door.approve(azure, environment["API_MANAGEMENT_NAME"]):
        said.append(f"{count} private way of Front Door is approved; set SHOP_GATEWAY_PUBLIC_ACCESS"
                    " to Disabled and provision again.")  # fmt: skip
    print("\n".join(said))
    stay_inside(environment, resolve)
    logins = json.loads(environment["SQL_LOGINS"])
    return bring_up(environment["SQL_SERVER_HOST"], logins, azd_token)


def register(
    vault: Vault,
    origin: str,
    put_in: Mapping[str, str],
    client: httpx.Client,
    renew: Set[str] = frozenset(),
) -> list[str]:
    """The webhooks, where this run was given the keys to do so."""
    said = []
    for known_by, key_name, webhook, register_at, path in (
        ("Stripe", "stripe-secret-key", STRIPE_WEBHOOK, third_parties.register_stripe, "stripe"),
        ("The carrier", "easypost-api-key", CARRIER_WEBHOOK, third_parties.register_carrier,
         "carrier"),
    ):  # fmt: skip
        keeps = vault.holds(webhook) and webhook not in renew
        key = put_in.get(key_name)
        if key:
            secret = register_at(origin, key, keeps_secret=keeps, client=client)
            if secret is not None:
                vault.put(webhook, secret)
            said.append(f"{known_by} calls {origin}/api/v1/webhooks/{path}.")
        elif not keeps:
            raise Stopped(f"Set {GIVEN[key_name]} in the environment of this command, once.")
    return said


def read_again(azure: Azure, app: str) -> None:
    """Key Vault references that were read before their secrets were there, or were renewed, are
    otherwise read anew within a day, or with the next change of a setting.
    """
    azure.post(f"Microsoft.Web/sites/{app}/config/configreferences/appsettings/refresh", _SITES)


def stay_inside(environment: Environment, resolve: Resolve = socket.gethostbyname) -> None:
    """Raises Stopped where what is private cannot be reached: SQL has no private address here."""
    if environment.get("SHOP_IS_PRIVATE", "false").lower() != "true":
        return
    try:
        inside = ipaddress.ip_address(resolve(environment["SQL_SERVER_HOST"])).is_private
    except OSError:
        inside = False
    if not inside:
        raise Stopped(OUTSIDE.format(size=environment["SHOP_SIZE"]))


def predeploy(environment: Environment) -> list[str]:
    """The app's package goes to an address that is private too."""
    stay_inside(environment)
    return []


def deployed(environment: Environment) -> list[str]:
    """After the app: the web shop's files, and a look at all of it."""
    azure = Azure(group_of(environment))
    count = site.upload(azure, environment["MEDIA_ACCOUNT_NAME"], ROOT / "storefront")
    return [f"{count} files of the web shop are sent.", *smoke_test(environment)]


def smoke_test(environment: Environment) -> list[str]:
    """Inside the network of a private size the app answers, and API Management alone is there."""
    behind = [environment["GATEWAY_ORIGIN"]]
    if environment.get("SHOP_IS_PRIVATE", "false").lower() != "true":
        behind.append(environment["APP_ORIGIN"])
    closed = [f"{origin}/api/v1/books" for origin in behind]
    return smoke.look(environment["PUBLIC_BASE_URL"], closed=closed)


def group_of(environment: Environment) -> str:
    subscription = environment["AZURE_SUBSCRIPTION_ID"]
    return f"/subscriptions/{subscription}/resourceGroups/{environment['AZURE_RESOURCE_GROUP']}"


STEPS: Mapping[str, Callable[[Environment], list[str]]] = {
    "prepare": prepare,
    "provisioned": provisioned,
    "predeploy": predeploy,
    "deployed": deployed,
    "smoke": smoke_test,
}


def main(arguments: Sequence[str], environment: Environment = os.environ) -> int:
    if len(arguments) != 1 or arguments[0] not in STEPS:
        print(f"One of: {', '.join(STEPS)}.", file=sys.stderr)
        return 2
    try:
        said = STEPS[arguments[0]](environment)
    except KeyError as error:
        print(f"azd did not say {error.args[0]}; run azd provision first.", file=sys.stderr)
        return 2
    except Stopped as reason:
        print(reason, file=sys.stderr)
        return 1
    print("\n".join(said))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
