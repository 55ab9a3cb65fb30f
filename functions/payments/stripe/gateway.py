"""The port to Stripe by its own SDK."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe

from functions.payments.model import (
    BadSignature,
    Intent,
    Notice,
    OutcomeUnknown,
    ProviderRefund,
    Refused,
    Unavailable,
)
from functions.payments.stripe.shapes import intent_from, notice_from, refund_from
from shared.telemetry import http_call

API_VERSION = "2026-10-28.endive"
"""Pinned: the SDK's own default moves with each of its releases. The webhook endpoint in Stripe's
dashboard must have the same."""

SIGNATURE_TOLERANCE_SECONDS = 300
CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
RETRIES = 2
"""By the SDK, with the same idempotency key, after 409, 5xx and lost connections."""
_CLOCKS_APART = timedelta(minutes=5)
"""How far our clock may be ahead of Stripe's when intents are looked for by their time."""
_PAGE = 100


class SdkGateway:
    """May be used from any thread: no two use one connection at a time."""

    def __init__(
        self,
        secret_key: str,
        webhook_secret: str,
        api_base: str | None = None,
        *,
        read_seconds: float = READ_SECONDS,
        retries: int = RETRIES,
    ) -> None:
        # Else each request would carry figures of the one before, and an id of this machine.
        stripe.enable_telemetry = False
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            max_network_retries=retries,
            http_client=stripe.RequestsClient(
                timeout=(CONNECT_SECONDS, read_seconds),
                session=None if api_base is None else _session_without_proxies(),
            ),
            base_addresses={"api": api_base} if api_base else {},
        )
        self._server = urlsplit(api_base or stripe.DEFAULT_API_BASE).hostname or ""
        self._webhook_secret = webhook_secret
        self._livemode = "_live_" in secret_key

    def create_intent(
        self, key: str, order_id: str, order_number: str, amount: int, currency: str
    ) -> Intent:
        with self._called("POST", "/v1/payment_intents"):
            return intent_from(
                self._client.v1.payment_intents.create(
                    {
                        "amount": amount,
                        "currency": currency.lower(),
                        # No method that leaves the page, so that a payer needs no return address.
                        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                        "metadata": {"order_id": order_id, "order_number": order_number},
                        "description": f"Order {order_number}",
                    },
                    {"idempotency_key": key},
                ).to_dict()
            )

    def cancel_intent(self, key: str, intent: str) -> Intent:
        with self._called("POST", "/v1/payment_intents/{id}/cancel"):
            return intent_from(
                self._client.v1.payment_intents.cancel(
                    intent, {"cancellation_reason": "abandoned"}, {"idempotency_key": key}
                ).to_dict()
            )

    def refund(
        self, key: str, intent: str, refund_id: str, order_id: str, amount: int, reason: str
    ) -> ProviderRefund:
        with self._called("POST", "/v1/refunds"):
            return refund_from(
                self._client.v1.refunds.create(
                    {
                        "payment_intent": intent,
                        "amount": amount,
                        "reason": "requested_by_customer",
                        "metadata": {
                            "refund_id": refund_id,
                            "order_id": order_id,
                            "reason": reason[:500],
                        },
                    },
                    {"idempotency_key": key},
                ).to_dict()
            )

    def intent(self, intent: str) -> Intent:
        with self._called("GET", "/v1/payment_intents/{id}"):
            return intent_from(
                self._client.v1.payment_intents.retrieve(
                    intent, {"expand": ["latest_charge"]}
                ).to_dict()
            )

    def intent_of(self, order_id: str, since: datetime) -> Intent | None:
        # Stripe's search lags behind what was written, its list does not.
        earliest = int((since - _CLOCKS_APART).timestamp())
        with self._called("GET", "/v1/payment_intents"):
            page = self._client.v1.payment_intents.list(
                {"created": {"gte": earliest}, "limit": _PAGE}
            )
            for found in page.auto_paging_iter():
                intent = intent_from(found.to_dict())
                if intent.order_id == order_id:
                    return intent
        return None

    def refunds_of(self, intent: str) -> Sequence[ProviderRefund]:
        with self._called("GET", "/v1/refunds"):
            page = self._client.v1.refunds.list({"payment_intent": intent, "limit": _PAGE})
            return [refund_from(found.to_dict()) for found in page.auto_paging_iter()]

    @contextmanager
    def _called(self, method: str, template: str) -> Iterator[None]:
        with http_call(method, self._server, template), _translated():
            yield

    def verify(self, body: bytes, signature: str) -> None:
        try:
            stripe.WebhookSignature.verify_header(
                body, signature, self._webhook_secret, SIGNATURE_TOLERANCE_SECONDS
            )
        except (stripe.SignatureVerificationError, UnicodeDecodeError, TypeError):
            # TypeError: a signature with other signs than ASCII's cannot be compared.
            raise BadSignature from None

    def read(self, body: bytes) -> Notice:
        try:
            event: Any = json.loads(body)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        return notice_from(event, livemode=self._livemode)


def _session_without_proxies() -> requests.Session:
    """What stands in for Stripe is beside us, and no proxy of the environment is between."""
    session = requests.Session()
    session.trust_env = False
    return session


@contextmanager
def _translated() -> Iterator[None]:
    """Stripe's errors as the port's. What may have been done anyway is never called refused."""
    try:
        yield
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        raise Refused(_code(error), error.user_message or "") from error
    except stripe.IdempotencyError as error:
        # The key belongs to a call with other values: what became of that one is to be looked up.
        raise OutcomeUnknown(str(error), answered=True) from error
    except stripe.APIConnectionError as error:
        raise OutcomeUnknown("Stripe gave no answer.", answered=False) from error
    except (stripe.RateLimitError, stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error
    except stripe.StripeError as error:
        if error.http_status == 409:
            raise Unavailable(f"Stripe is still at it: {error}") from error
        raise OutcomeUnknown(str(error), answered=True) from error


def _code(error: stripe.StripeError) -> str:
    kind = error.error.type if error.error is not None else None
    return error.code or kind or "invalid_request_error"
