"""The sandbox's Stripe on a port of its own, and Stripe's SDK that talks to it."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import stripe

from functions.payments.stripe.gateway import API_VERSION, SdkGateway
from sandbox.app import create_app
from sandbox.stripe.keys import AccountKeys, account_keys
from tests.support.sandbox import listening, serving


@dataclass(frozen=True)
class StripeSandbox:
    url: str
    keys: AccountKeys
    client: stripe.StripeClient
    http: httpx.Client

    def gateway(self, *, read_seconds: float = 30, retries: int = 0) -> SdkGateway:
        return SdkGateway(
            self.keys.secret_key,
            self.keys.webhook_secret,
            self.url,
            read_seconds=read_seconds,
            retries=retries,
        )

    def pay(self, intent: str, client_secret: str, card: str = "pm_card_visa") -> httpx.Response:
        """As a browser does: with the publishable key and the client secret."""
        return self.http.post(
            f"/v1/payment_intents/{intent}/confirm",
            data={
                "key": self.keys.publishable_key,
                "client_secret": client_secret,
                "payment_method": card,
            },
        )

    def order(self, page: str, **said: Any) -> Any:
        """Turns a knob: `faults`, `webhooks` or `settings`."""
        answer = self.http.post(f"/admin/stripe/{page}", json=said)
        assert answer.is_success, answer.text
        return answer.json()

    def turn_back(self) -> None:
        for page in ("faults", "webhooks", "settings"):
            self.order(page, reset=True)

    def faults_left(self) -> int:
        """How many calls are still to go wrong."""
        return sum(one["calls"] for one in self.http.get("/admin/stripe/faults").json()["faults"])

    def events(self, *intents: str) -> list[dict[str, Any]]:
        """All events about these intents, oldest first, as Stripe would send them."""
        found, after = list[dict[str, Any]](), dict[str, str]()
        while True:
            page = self.http.get(
                "/v1/events",
                params={"limit": "100", **after},
                headers={"Authorization": f"Bearer {self.keys.secret_key}"},
            ).json()
            found += page["data"]
            if not page["has_more"]:
                break
            after = {"starting_after": page["data"][-1]["id"]}
        return [event for event in reversed(found) if _intent_of(event) in intents]

    def sign(self, event: Mapping[str, Any] | str) -> tuple[bytes, str]:
        """A webhook's body and its Stripe-Signature."""
        body = event if isinstance(event, str) else json.dumps(event)
        header = stripe.WebhookSignature.generate_signature_header(body, self.keys.webhook_secret)
        return body.encode(), str(header)


@contextmanager
def stripe_sandbox(
    folder: Path, shop_url: str | None = None, shop_events: Sequence[str] = ("*",)
) -> Iterator[StripeSandbox]:
    with (
        listening() as (listener, url),
        serving(create_app(folder, url, shop_url, shop_events), listener),
    ):
        keys = account_keys(folder)
        transport = stripe.RequestsClient(timeout=30)
        client = stripe.StripeClient(
            keys.secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": url},
            http_client=transport,
        )
        try:
            with httpx.Client(base_url=url, timeout=30, trust_env=False) as http:
                yield StripeSandbox(url, keys, client, http)
        finally:
            transport.close()


CARD_ONLY: Any = {"payment_method_types": ["card"]}


def new_intent(sandbox: StripeSandbox, **said: Any) -> stripe.PaymentIntent:
    asked: Any = {"amount": 1000, "currency": "gbp", **CARD_ONLY, **said}
    return sandbox.client.v1.payment_intents.create(asked)


def paid_intent(sandbox: StripeSandbox, card: str = "pm_card_visa") -> stripe.PaymentIntent:
    return new_intent(sandbox, confirm=True, payment_method=card)


def until(look: Any, enough: Any) -> Any:
    """What `look` gives, as soon as it is enough."""
    last_call = time.monotonic() + 60
    while not enough(found := look()):
        assert time.monotonic() < last_call, found
    return found


def _intent_of(event: Mapping[str, Any]) -> str | None:
    about = event["data"]["object"]
    found = about["id"] if about["object"] == "payment_intent" else about.get("payment_intent")
    return found if isinstance(found, str) else None
