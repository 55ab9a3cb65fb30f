"""Tells Stripe and the carrier where their webhooks are."""

import secrets
from typing import Any

import httpx

from functions.payments.model import WEBHOOK_EVENTS
from functions.payments.stripe.gateway import API_VERSION
from local.deployment.management import Stopped

STRIPE = "https://api.stripe.com/v1/webhook_endpoints"
CARRIER = "https://api.easypost.com/v2/webhooks"
_MOST = 100


def register_stripe(
    origin: str, key: str, *, keeps_secret: bool, client: httpx.Client
) -> str | None:
    """The endpoint's new signing secret, which Stripe says once; None: the old one still holds.

    `keeps_secret` says that the vault has one. Without it an endpoint that is there is of no use,
    so another one takes its place.
    """
    address = f"{origin}/api/v1/webhooks/stripe"
    events = {f"enabled_events[{i}]": kind for i, kind in enumerate(sorted(WEBHOOK_EVENTS))}
    known = _stripe(client, "GET", f"{STRIPE}?limit={_MOST}", key)["data"]
    for endpoint in (found for found in known if found["url"] == address):
        if keeps_secret and endpoint.get("api_version") == API_VERSION:
            _stripe(client, "POST", f"{STRIPE}/{endpoint['id']}", key, events)
            return None
        _stripe(client, "DELETE", f"{STRIPE}/{endpoint['id']}", key)
    made = _stripe(
        client, "POST", STRIPE, key, {"url": address, "api_version": API_VERSION, **events}
    )
    return str(made["secret"])


def _stripe(
    client: httpx.Client, method: str, url: str, key: str, form: dict[str, str] | None = None
) -> dict[str, Any]:
    answer = client.request(
        method, url, data=form, auth=(key, ""), headers={"Stripe-Version": API_VERSION}
    )
    if not answer.is_success:
        raise Stopped(f"Stripe answered {answer.status_code} to {method} webhook_endpoints.")
    return dict(answer.json())


def register_carrier(
    origin: str, key: str, *, keeps_secret: bool, client: httpx.Client
) -> str | None:
    """The webhook's new secret, which we choose and nobody can read again; None: as above."""
    address = f"{origin}/api/v1/webhooks/carrier"
    known = _carrier(client, "GET", CARRIER, key).json()["webhooks"]
    ours = [found["id"] for found in known if found["url"] == address]
    if ours and keeps_secret:
        return None
    for identifier in ours:
        _carrier(client, "DELETE", f"{CARRIER}/{identifier}", key)
    secret = secrets.token_urlsafe(48)
    body = {"webhook": {"url": address, "webhook_secret": secret}}
    _carrier(client, "POST", CARRIER, key, body)
    return secret


def _carrier(
    client: httpx.Client, method: str, url: str, key: str, body: Any = None
) -> httpx.Response:
    answer = client.request(method, url, json=body, auth=(key, ""))
    if not answer.is_success:
        raise Stopped(f"EasyPost answered {answer.status_code} to {method} webhooks.")
    return answer
