"""python3 dev.py deployment prepare|provisioned|deployed|smoke

The hooks of azure.yaml, in their order, and the smoke test. What the templates gave is in the
environment, where azd puts it.
"""

import ipaddress
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx

from local import api_document
from local.deployment import databases, front_door, site, smoke, third_parties
from local.deployment.management import Azure, Stopped, Token, azd_token
from local.deployment.vault import STRIPE_WEBHOOK, Vault, fill

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

Environment = Mapping[str, str]
Resolve = Callable[[str], str]
"""The address of a host."""


def prepare(environment: Environment) -> list[str]:
    """Before the templates: what they need is set, and the API's documents are written."""
    if lacking := [name for name in ASKED if not environment.get(name)]:
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
    put_in = fill(vault, json.loads(environment["NEEDED_SECRETS"]), environment)
    said = [f"The vault has a new {name}." for name in put_in]
    client = client or httpx.Client(timeout=60)
    said += register(vault, environment["PUBLIC_BASE_URL"], put_in, client)
    if count := front_door.approve(azure, environment["API_MANAGEMENT_NAME"]):
        said.append(f"{count} private way of Front Door is approved; set SHOP_GATEWAY_PUBLIC_ACCESS"
                    " to Disabled and provision again.")  # fmt: skip
    print("\n".join(said))
    stay_inside(environment, resolve)
    logins = json.loads(environment["SQL_LOGINS"])
    return bring_up(environment["SQL_SERVER_HOST"], logins, azd_token)


def register(
    vault: Vault, origin: str, put_in: Mapping[str, str], client: httpx.Client
) -> list[str]:
    """The webhooks, where this run was given the keys to do so."""
    said = []
    has_secret = vault.holds(STRIPE_WEBHOOK)
    if stripe_key := put_in.get("stripe-secret-key"):
        secret = third_parties.register_stripe(
            origin, stripe_key, keeps_secret=has_secret, client=client
        )
        if secret is not None:
            vault.put(STRIPE_WEBHOOK, secret)
        said.append(f"Stripe calls {origin}/api/v1/webhooks/stripe.")
    elif not has_secret:
        raise Stopped("Set STRIPE_SECRET_KEY in the environment of this command, once.")
    carrier_secret = put_in.get("easypost-webhook-secret")
    carrier_key = put_in.get("easypost-api-key")
    if carrier_secret and carrier_key:
        third_parties.register_carrier(origin, carrier_key, carrier_secret, client=client)
        said.append(f"The carrier calls {origin}/api/v1/webhooks/carrier.")
    return said


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
    return smoke.look(environment["PUBLIC_BASE_URL"])


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
