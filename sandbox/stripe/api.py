"""One request to the API: who asks, under which key, and is the answer known already."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.stripe.access import is_payer
from sandbox.stripe.answers import as_payers_see, expand
from sandbox.stripe.endpoints import ENDPOINTS, Endpoint, Request
from sandbox.stripe.errors import BadParameter, StripeError
from sandbox.stripe.events import API_VERSION
from sandbox.stripe.keys import AccountKeys
from sandbox.stripe.parameters import parse, read
from sandbox.stripe.state import State, Transaction, new_id

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")
_KEYS_KEPT_SECONDS = 24 * 3600

FaultKind = Literal[
    "error_500", "error_500_after", "timeout", "timeout_after", "rate_limit", "slow"
]
"""`..._after`: the work is done, and the caller does not hear of it."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: FaultKind
    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]


class StripeApi:
    def __init__(self, state: State, keys: AccountKeys, public_url: str) -> None:
        self._state = state
        self._keys = keys
        self._public_url = public_url
        self._lock = threading.Lock()
        self._running: set[str] = set()

    def fault(self, method: str, path: str) -> Fault | None:
        """Takes the next fault that fits this call, if one was ordered."""
        with self._state.transaction() as transaction:
            ordered = transaction.knob("faults", [])
            for fault in ordered:
                if fault["method"] in (None, method) and path.startswith(fault["path"]):
                    fault["calls"] -= 1
                    left = [one for one in ordered if one["calls"] > 0]
                    transaction.turn({"faults": left})
                    return Fault(fault["kind"], fault["seconds"])
        return None

    def answer_unless_faulty(
        self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]
    ) -> tuple[Reply | None, Fault | None]:
        """The answer, or else the fault that was ordered for this call, which comes first."""
        fault = self.fault(method, path)
        if fault is not None:
            return None, fault
        return self.answer(method, path, query, body, headers), None

    def answer(
        self,
        method: str,
        path: str,
        query: str,
        body: str,
        headers: Mapping[str, str],
        fault: Fault | None = None,
    ) -> Reply:
        """Never raises. `fault` is what goes wrong on the way."""
        request_id = new_id("req")
        shown = {
            "Request-Id": request_id,
            "Stripe-Version": headers.get("stripe-version", API_VERSION),
        }
        try:
            status, content, more = self._answer(
                method, path, query, body, headers, request_id, fault
            )
        except StripeError as error:
            status, content, more = error.status, error.body(), {}
        return Reply(status, _json(content), shown | more)

    @contextmanager
    def holding(self, key: str | None) -> Iterator[None]:
        """Keeps other calls with this idempotency key out. Raises StripeError where one runs."""
        if key is None:
            yield
            return
        with self._lock:
            if key in self._running:
                raise StripeError(
                    "There is currently another in-progress request using this Idempotent Key"
                    f" (that probably means you submitted twice, and the other request is still"
                    f" going through): {key}. If that request fails, you can retry this one.",
                    status=409,
                    kind="idempotency_error",
                    code="idempotency_key_in_use",
                )
            self._running.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(key)

    def _answer(
        self,
        method: str,
        path: str,
        query: str,
        body: str,
        headers: Mapping[str, str],
        request_id: str,
        fault: Fault | None,
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        if not _VERSION.fullmatch(headers.get("stripe-version", API_VERSION)):
            raise StripeError(f"Invalid Stripe API version: {headers['stripe-version']}")
        given = parse(query) | parse(body)
        endpoint, ids = _endpoint(method, path)
        payer = is_payer(self._keys, headers, given)
        if payer and not endpoint.for_payers:
            raise StripeError(
                "This API call cannot be made with a publishable API key. Please use a secret API"
                " key. You can find a list of your API keys at"
                " https://dashboard.stripe.com/account/apikeys.",
                status=401,
                code="secret_key_required",
            )
        given.pop("key", None)
        key = _idempotency_key(headers) if method == "POST" else None
        fingerprint = hashlib.sha256(_json([method, path, given])).hexdigest()
        if fault is not None and fault.kind == "rate_limit":
            raise StripeError(
                "Too many requests hit the API too quickly. We recommend an exponential backoff of"
                " your requests.",
                status=429,
                code="rate_limit",
            )
        if key is not None and (known := self._known(key, fingerprint)):
            return known
        values = read(given, endpoint.shape, endpoint.unsupported)
        request = Request(ids, values, path, self._public_url, payer)
        return self._run(endpoint, request, key, fingerprint, request_id, fault)

    def _run(
        self,
        endpoint: Endpoint,
        request: Request,
        key: str | None,
        fingerprint: str,
        request_id: str,
        fault: Fault | None,
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        failing = fault is not None and fault.kind in ("error_500", "error_500_after")
        more: dict[str, str] = {"Stripe-Should-Retry": "false"} if failing else {}
        if key is not None:
            more["Idempotency-Key"] = key
            more["Original-Request"] = request_id
        with self._state.transaction() as transaction:
            transaction.request_id = request_id
            transaction.idempotency_key = key
            status, content = 200, dict[str, Any]()
            if fault is None or fault.kind != "error_500":
                status, content = _done(transaction, endpoint, request)
            if failing:
                status, content = 500, _unknown_error(request_id)
            if key is not None:
                transaction.sql.execute(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        key,
                        fingerprint,
                        status,
                        json.dumps(content),
                        request_id,
                        transaction.now,
                    ),
                )
        return status, content, more

    def _known(
        self, key: str, fingerprint: str
    ) -> tuple[int, dict[str, Any], dict[str, str]] | None:
        with self._state.transaction() as transaction:
            transaction.sql.execute(
                "DELETE FROM answers WHERE key = ? AND at < ?",
                (key, transaction.now - _KEYS_KEPT_SECONDS),
            )
            row = transaction.sql.execute("SELECT * FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        if row["request"] != fingerprint:
            raise StripeError(
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}' if you meant to execute a"
                " different request.",
                kind="idempotency_error",
            )
        more = {
            "Idempotent-Replayed": "true",
            "Idempotency-Key": key,
            "Original-Request": row["request_id"],
        }
        if row["status"] >= 500:
            more["Stripe-Should-Retry"] = "false"
        return row["status"], json.loads(row["body"]), more


def refusal(error: StripeError) -> Reply:
    """Of a call that was not even begun."""
    headers = {"Request-Id": new_id("req"), "Stripe-Version": API_VERSION}
    return Reply(error.status, _json(error.body()), headers)


def idempotency_key(method: str, headers: Mapping[str, str]) -> str | None:
    return headers.get("idempotency-key") if method == "POST" else None


def _done(
    transaction: Transaction, endpoint: Endpoint, request: Request
) -> tuple[int, dict[str, Any]]:
    transaction.sql.execute("SAVEPOINT work")
    try:
        content = endpoint.run(transaction, request)
        content = expand(transaction, dict(content), request.given.get("expand", ()))
        return 200, as_payers_see(content) if request.payer else content
    except BadParameter:
        raise
    except StripeError as error:
        if not error.keeps:
            transaction.sql.execute("ROLLBACK TO work")
        if request.payer and "payment_intent" in error.more:
            error.more["payment_intent"] = as_payers_see(error.more["payment_intent"])
        return error.status, error.body()


def _endpoint(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    for endpoint in ENDPOINTS:
        if endpoint.method == method and (found := endpoint.path.fullmatch(path)):
            return endpoint, found.groups()
    raise StripeError(
        f"Unrecognized request URL ({method}: {path}). The sandbox stands in for payments and"
        " refunds only. Please see https://stripe.com/docs or we can help at"
        " https://support.stripe.com/.",
        status=404,
    )


def _idempotency_key(headers: Mapping[str, str]) -> str | None:
    key = idempotency_key("POST", headers)
    if key is not None and not 1 <= len(key) <= 255:
        raise StripeError(
            "Idempotency keys must be between 1 and 255 characters.", kind="idempotency_error"
        )
    return key


def _unknown_error(request_id: str) -> dict[str, Any]:
    return {
        "error": {
            "message": "An unknown error occurred",
            "type": "api_error",
            "request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}",
        }
    }


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, indent=2).encode()
