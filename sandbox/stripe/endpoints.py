"""Each endpoint: what it takes, who may call it, what it does."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe import intents, methods, refunds
from sandbox.stripe.errors import StripeError, missing_object
from sandbox.stripe.lists import PAGING, SEARCHING, list_of, search
from sandbox.stripe.parameters import Flag, Group, Kind, Metadata, Shape, Text, Whole, Words
from sandbox.stripe.state import Body, Transaction

_ADDRESS = Group(
    {
        name: Text(can_be_unset=True)
        for name in ("city", "country", "line1", "line2", "postal_code", "state")
    },
    required=True,
)
_EXPAND: dict[str, Kind] = {"expand": Words()}
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_METHOD = {
    "payment_method": Text(),
    "payment_method_data": Group(
        methods.METHOD_DATA, unsupported=("allow_redisplay", "link", "radar_options")
    ),
}
_DESCRIBED: dict[str, Kind] = {
    "customer": Text(),
    "description": Text(longest=1000, can_be_unset=True),
    "metadata": Metadata(),
    "receipt_email": Text(can_be_unset=True),
    "shipping": Group(
        {
            "address": _ADDRESS,
            "name": Text(required=True),
            "carrier": Text(),
            "phone": Text(),
            "tracking_number": Text(),
        }
    ),
    "statement_descriptor": Text(longest=22),
    "statement_descriptor_suffix": Text(longest=22),
    "transfer_group": Text(),
}
_CREATE: dict[str, Kind] = {
    "amount": Whole(required=True, least=1),
    "currency": Text(required=True),
    "automatic_payment_methods": Group(
        {"enabled": Flag(required=True), "allow_redirects": Text(one_of=("always", "never"))}
    ),
    "payment_method_types": Words(one_of=("card",)),
    "capture_method": Text(one_of=("automatic", "automatic_async", "manual")),
    "confirmation_method": Text(one_of=("automatic",)),
    "confirm": Flag(),
    "return_url": Text(),
    "use_stripe_sdk": Flag(),
    **_METHOD,
    **_DESCRIBED,
    **_EXPAND,
}
_UNSUPPORTED = (
    *("allowed_payment_method_types", "amount_details", "application_fee_amount"),
    *("confirmation_token", "customer_account", "error_on_requires_action"),
    *("excluded_payment_method_types", "hooks", "mandate", "mandate_data", "off_session"),
    *("on_behalf_of", "payment_details", "payment_method_configuration"),
    *("payment_method_options", "radar_options", "setup_future_usage", "transfer_data"),
)
_UPDATE: dict[str, Kind] = {
    "amount": Whole(least=1),
    "currency": Text(),
    "payment_method": Text(),
    **_DESCRIBED,
    **_EXPAND,
}
_CONFIRM: dict[str, Kind] = {
    "return_url": Text(),
    "use_stripe_sdk": Flag(),
    "client_secret": Text(),
    "receipt_email": Text(can_be_unset=True),
    **_METHOD,
    **_EXPAND,
}
_CANCEL: dict[str, Kind] = {
    "cancellation_reason": Text(one_of=(*_REASONS, "abandoned")),
    **_EXPAND,
}
_CAPTURE: dict[str, Kind] = {"amount_to_capture": Whole(least=1), **_EXPAND}
_REFUND: dict[str, Kind] = {
    "amount": Whole(least=1),
    "charge": Text(),
    "payment_intent": Text(),
    "metadata": Metadata(),
    "reason": Text(one_of=_REASONS),
    **_EXPAND,
}


@dataclass(frozen=True, slots=True)
class Request:
    """`ids` are the path's values; `payer` says that a browser calls, with a publishable key."""

    ids: tuple[str, ...]
    given: dict[str, Any]
    path: str
    public_url: str
    payer: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    path: re.Pattern[str]
    shape: Shape
    run: Callable[[Transaction, Request], Body]
    unsupported: Sequence[str] = ()
    for_payers: bool = field(default=False)


def _intent(transaction: Transaction, request: Request) -> Body:
    intent = intents.find(transaction, request.ids[0])
    if request.payer and request.given.get("client_secret") != intent["client_secret"]:
        raise StripeError(
            "The client_secret provided does not match the client_secret associated with the"
            " PaymentIntent.",
            code="payment_intent_invalid_parameter",
            param="client_secret",
        )
    return intent


def _create_intent(transaction: Transaction, request: Request) -> Body:
    created = intents.create(transaction, request.given, request.public_url)
    autopay = transaction.knob("autopay", None)
    if autopay and created["status"] == "requires_payment_method":
        answer = dict(created)
        paid = {"payment_method": autopay, "return_url": "http://localhost"}
        try:
            intents.confirm(transaction, dict(created), paid, request.public_url)
        except StripeError as declined:
            if not declined.keeps:
                raise
        return answer
    return created


def _confirm_intent(transaction: Transaction, request: Request) -> Body:
    intent = _intent(transaction, request)
    return intents.confirm(transaction, intent, request.given, request.public_url)


def _update_intent(transaction: Transaction, request: Request) -> Body:
    changed = {k: v for k, v in request.given.items() if k != "expand"}
    return intents.update(transaction, _intent(transaction, request), changed)


def _cancel_intent(transaction: Transaction, request: Request) -> Body:
    reason = request.given.get("cancellation_reason")
    return intents.cancel(transaction, _intent(transaction, request), reason)


def _capture_intent(transaction: Transaction, request: Request) -> Body:
    amount = request.given.get("amount_to_capture")
    return intents.capture(transaction, _intent(transaction, request), amount)


def _found(kind: str, param: str = "id") -> Callable[[Transaction, Request], Body]:
    def find(transaction: Transaction, request: Request) -> Body:
        found = transaction.find(kind, request.ids[0])
        if found is None:
            raise missing_object(kind, request.ids[0], param)
        return found

    return find


def _listed(kind: str, *filters: str) -> Callable[[Transaction, Request], Body]:
    def run(transaction: Transaction, request: Request) -> Body:
        equal = {name: request.given.get(name) for name in filters}
        return list_of(transaction, kind, request.path, request.given, **equal)

    return run


def _searched(transaction: Transaction, request: Request) -> Body:
    return search(transaction, "payment_intent", request.path, request.given)


def _list_shape(*filters: str) -> Mapping[str, Kind]:
    return {**PAGING, **{name: Text() for name in filters}}


def _at(method: str, path: str) -> tuple[str, re.Pattern[str]]:
    return method, re.compile("/v1/" + path.replace("{id}", r"([A-Za-z0-9_]{1,255})"))


ENDPOINTS = (
    Endpoint(*_at("POST", "payment_intents"), _CREATE, _create_intent, _UNSUPPORTED),
    Endpoint(
        *_at("GET", "payment_intents"),
        _list_shape("customer"),
        _listed("payment_intent", "customer"),
        ("customer_account",),
    ),
    Endpoint(*_at("GET", "payment_intents/search"), SEARCHING, _searched),
    Endpoint(
        *_at("GET", "payment_intents/{id}"),
        {"client_secret": Text(), **_EXPAND},
        _intent,
        for_payers=True,
    ),
    Endpoint(*_at("POST", "payment_intents/{id}"), _UPDATE, _update_intent, _UNSUPPORTED),
    Endpoint(
        *_at("POST", "payment_intents/{id}/confirm"),
        _CONFIRM,
        _confirm_intent,
        (*_UNSUPPORTED, "capture_method", "payment_method_types", "shipping"),
        for_payers=True,
    ),
    Endpoint(*_at("POST", "payment_intents/{id}/cancel"), _CANCEL, _cancel_intent),
    Endpoint(
        *_at("POST", "payment_intents/{id}/capture"),
        _CAPTURE,
        _capture_intent,
        (*_UNSUPPORTED, "final_capture", "metadata", "statement_descriptor"),
    ),
    Endpoint(
        *_at("POST", "refunds"),
        _REFUND,
        lambda transaction, request: refunds.create(transaction, request.given),
        (
            "currency",
            "customer",
            "instructions_email",
            "origin",
            "refund_application_fee",
            "reverse_transfer",
        ),
    ),
    Endpoint(
        *_at("GET", "refunds"),
        _list_shape("charge", "payment_intent"),
        _listed("refund", "charge", "payment_intent"),
    ),
    Endpoint(*_at("GET", "refunds/{id}"), _EXPAND, _found("refund")),
    Endpoint(
        *_at("GET", "charges"),
        _list_shape("customer", "payment_intent"),
        _listed("charge", "customer", "payment_intent"),
        ("transfer_group",),
    ),
    Endpoint(*_at("GET", "charges/{id}"), _EXPAND, _found("charge")),
    Endpoint(
        *_at("GET", "events"),
        {**_list_shape("type"), "types": Words()},
        _listed("event", "type"),
        ("delivery_success",),
    ),
    Endpoint(*_at("GET", "events/{id}"), _EXPAND, _found("event")),
    Endpoint(
        *_at("GET", "balance_transactions"),
        _list_shape("source", "type", "currency"),
        _listed("balance_transaction", "source", "type", "currency"),
        ("payout",),
    ),
    Endpoint(*_at("GET", "balance_transactions/{id}"), _EXPAND, _found("balance_transaction")),
    Endpoint(
        *_at("POST", "payment_methods"),
        methods.METHOD_DATA | _EXPAND,
        lambda transaction, request: methods.create_method(transaction, request.given),
        methods.METHOD_UNSUPPORTED,
        for_payers=True,
    ),
    Endpoint(*_at("GET", "payment_methods/{id}"), _EXPAND, _found("payment_method")),
    Endpoint(
        *_at("POST", "customers"),
        methods.CUSTOMER | _EXPAND,
        lambda transaction, request: methods.create_customer(transaction, request.given),
        methods.CUSTOMER_UNSUPPORTED,
    ),
    Endpoint(*_at("GET", "customers"), _list_shape("email"), _listed("customer", "email")),
    Endpoint(*_at("GET", "customers/{id}"), _EXPAND, _found("customer")),
)
