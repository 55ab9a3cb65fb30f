"""Pages where a person pays, declines or authenticates by hand."""

import json
from contextlib import suppress
from html import escape
from urllib.parse import parse_qs, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import html
from sandbox.answers import Refused, body_of
from sandbox.stripe import intents
from sandbox.stripe.errors import StripeError
from sandbox.stripe.state import Body, State
from sandbox.stripe.webhooks import Webhooks

_MOST_SHOWN = 100
_SITE = html.Site("Sandbox payments", "/stripe", "A stand-in for Stripe; no money moves here.")
_CARDS = {
    "pm_card_visa": "Visa, succeeds",
    "pm_card_mastercard": "Mastercard, succeeds",
    "pm_card_visa_chargeDeclined": "Visa, declined",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "Visa, insufficient funds",
    "pm_card_chargeDeclinedExpiredCard": "Visa, expired",
    "pm_card_chargeDeclinedIncorrectCvc": "Visa, wrong CVC",
    "pm_card_chargeDeclinedProcessingError": "Visa, processing error",
    "pm_card_threeDSecure2Required": "Visa, asks for authentication (3-D Secure)",
    "pm_card_refundFail": "Visa, succeeds; a refund fails later",
}


def routes(state: State, webhooks: Webhooks, public_url: str) -> list[BaseRoute]:
    async def everything(request: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(_list, state))

    async def one(request: Request) -> Response:
        said = request.query_params.get("said")
        return HTMLResponse(
            await run_in_threadpool(_detail, state, request.path_params["intent"], said)
        )

    async def act(request: Request) -> Response:
        identity, action = request.path_params["intent"], request.path_params["action"]
        form = parse_qs(await body_of(request))
        card = form.get("card", ["pm_card_visa"])[0]
        answer = await run_in_threadpool(_act, state, public_url, identity, action, card)
        webhooks.wake()
        return answer

    async def bank(request: Request) -> Response:
        return HTMLResponse(
            await run_in_threadpool(_bank, state, request.path_params["client_secret"])
        )

    async def answered(request: Request) -> Response:
        passes = parse_qs(await body_of(request)).get("passes") == ["yes"]
        secret = request.path_params["client_secret"]
        answer = await run_in_threadpool(_authenticated, state, secret, passes)
        webhooks.wake()
        return answer

    return [
        Route("/stripe", everything, methods=["GET"]),
        Route("/stripe/payments/{intent}", one, methods=["GET"]),
        Route("/stripe/payments/{intent}/{action}", act, methods=["POST"]),
        Route("/stripe/authenticate/{client_secret}", bank, methods=["GET"]),
        Route("/stripe/authenticate/{client_secret}", answered, methods=["POST"]),
    ]


def _list(state: State) -> str:
    with state.transaction() as transaction:
        rows = transaction.sql.execute(
            "SELECT body FROM objects WHERE kind = 'payment_intent' ORDER BY sequence DESC LIMIT ?",
            (_MOST_SHOWN,),
        ).fetchall()
    found = [json.loads(row["body"]) for row in rows]
    if not found:
        return _SITE.page(
            "Payments",
            "<h1>Payments</h1><p class=empty>There are none yet. A checkout makes the first.</p>",
        )
    shown = html.table(
        ["Payment", "Order", "Amount", "Status", "Made"],
        [
            [
                f'<a href="/stripe/payments/{one["id"]}"><code>{one["id"]}</code></a>',
                escape(_order(one)),
                html.money(one["amount"], one["currency"]),
                html.status(one["status"]),
                html.moment(one["created"]),
            ]
            for one in found
        ],
    )
    return _SITE.page("Payments", f"<h1>Payments</h1>{shown}")


def _detail(state: State, identity: str, said: str | None) -> str:
    with state.transaction() as transaction:
        intent = _found(transaction.find("payment_intent", identity), identity)
        refunds = transaction.of_intent("refund", identity)
        events = transaction.sql.execute(
            "SELECT json_extract(o.body, '$.type') AS type, o.created, d.state, d.attempts,"
            " d.answer FROM objects o LEFT JOIN deliveries d ON d.event = o.id"
            " WHERE o.intent = ? AND o.kind = 'event' ORDER BY o.sequence DESC, d.id",
            (identity,),
        ).fetchall()
    parts = [
        f"<h1>{html.money(intent['amount'], intent['currency'])}</h1>",
        f"<p>{html.status(intent['status'])} &middot; order {escape(_order(intent))} &middot; "
        f"<code>{identity}</code> &middot; {html.moment(intent['created'])}</p>",
        html.alert(said) if said else "",
        _what_went_wrong(intent, said),
        _actions(intent),
    ]
    if refunds:
        parts.append(
            "<h2>Refunds</h2>"
            + html.table(
                ["Refund", "Amount", "Status", "Made"],
                [
                    [
                        f"<code>{one['id']}</code>",
                        html.money(one["amount"], one["currency"]),
                        html.status(one["status"]),
                        html.moment(one["created"]),
                    ]
                    for one in refunds
                ],
            )
        )
    parts.append(
        "<h2>Events</h2>"
        + html.table(
            ["Event", "Made", "Webhook", "Attempts", "Last answer"],
            [
                [
                    f"<code>{escape(row['type'])}</code>",
                    html.moment(row["created"]),
                    html.status(row["state"] or "not sent"),
                    str(row["attempts"] or 0),
                    escape(row["answer"] or ""),
                ]
                for row in events
            ],
        )
    )
    return _SITE.page(f"Payment {identity}", "".join(parts))


def _actions(intent: Body) -> str:
    here = f"/stripe/payments/{intent['id']}"
    match intent["status"]:
        case "requires_payment_method" | "requires_confirmation":
            options = "".join(
                f'<option value="{name}">{escape(what)}</option>' for name, what in _CARDS.items()
            )
            choice = f'<select name=card aria-label="Card">{options}</select>'
            return (
                "<h2>Pay</h2>"
                + html.button(f"{here}/pay", "Pay with this card", main=True, more=choice)
                + html.button(f"{here}/decline", "Decline")
                + html.button(f"{here}/cancel", "Cancel the payment")
            )
        case "requires_action":
            address = f"/stripe/authenticate/{intent['client_secret']}"
            return (
                f'<h2>Authentication</h2><p><a href="{address}">Open the bank\'s page</a></p>'
                + html.button(f"{here}/cancel", "Cancel the payment")
            )
        case "requires_capture":
            return html.button(f"{here}/capture", "Capture", main=True) + html.button(
                f"{here}/cancel", "Cancel the payment"
            )
    return ""


def _act(state: State, public_url: str, identity: str, action: str, card: str) -> Response:
    here = f"/stripe/payments/{identity}"
    said: str | None = None
    try:
        with state.transaction() as transaction:
            intent = _found(transaction.find("payment_intent", identity), identity)
            paid = {"payment_method": card, "return_url": f"{public_url}{here}"}
            try:
                match action:
                    case "pay":
                        intents.confirm(transaction, intent, paid, public_url)
                    case "decline":
                        paid["payment_method"] = "pm_card_visa_chargeDeclined"
                        intents.confirm(transaction, intent, paid, public_url)
                    case "cancel":
                        intents.cancel(transaction, intent, "requested_by_customer")
                    case "capture":
                        intents.capture(transaction, intent, None)
                    case _:
                        raise Refused("not_found", f"There is no action {action}.", 404)
            except StripeError as error:
                if not error.keeps:
                    raise
    except StripeError as error:
        said = error.message
    if intent["status"] == "requires_action":
        return RedirectResponse(f"/stripe/authenticate/{intent['client_secret']}", 303)
    return RedirectResponse(here + (f"?{urlencode({'said': said})}" if said else ""), 303)


def _bank(state: State, secret: str) -> str:
    with state.transaction() as transaction:
        intent = _of_secret(transaction.find("payment_intent", _intent_of(secret)), secret)
    if intent["status"] != "requires_action":
        return _SITE.page(
            "Your bank", f"<h1>Your bank</h1><p>Nothing is to be done: this payment"
            f" {html.status(intent['status'])}.</p>"
        )  # fmt: skip
    here = f"/stripe/authenticate/{secret}"
    return _SITE.page(
        "Your bank",
        "<h1>Your bank asks: is it you?</h1>"
        f"<p>A payment of <strong>{html.money(intent['amount'], intent['currency'])}</strong> for"
        f" order {escape(_order(intent))}.</p>"
        + html.button(
            here, "Yes, authenticate", main=True, more="<input type=hidden name=passes value=yes>"
        )
        + html.button(here, "No, fail", more="<input type=hidden name=passes value=no>"),
    )


def _authenticated(state: State, secret: str, passes: bool) -> Response:
    """Sends the payer back to where the shop asked for, with the parameters that Stripe adds."""
    with state.transaction() as transaction:
        intent = _of_secret(transaction.find("payment_intent", _intent_of(secret)), secret)
        back = ((intent["next_action"] or {}).get("redirect_to_url") or {}).get("return_url")
        # A card that declines after all: what it left behind is kept. One that was answered before
        # changes nothing.
        with suppress(StripeError):
            intents.authenticate(transaction, intent, passes=passes)
    if back is None or back.startswith("/stripe") or "/stripe/payments/" in back:
        return RedirectResponse(f"/stripe/payments/{intent['id']}", 303)
    outcome = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": secret,
        "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
    }
    return RedirectResponse(f"{back}{'&' if '?' in back else '?'}{urlencode(outcome)}", 303)


def _what_went_wrong(intent: Body, said: str | None) -> str:
    error = intent["last_payment_error"]
    if not error or said:
        return ""
    reason = error.get("decline_code") or error.get("code") or error["type"]
    return html.alert(f"{error['message']} ({reason})")


def _found(intent: Body | None, identity: str) -> Body:
    if intent is None:
        raise Refused("not_found", f"There is no payment {identity}.", 404)
    return intent


def _of_secret(intent: Body | None, secret: str) -> Body:
    if intent is None or intent["client_secret"] != secret:
        raise Refused("not_found", "There is no such payment.", 404)
    return intent


def _intent_of(secret: str) -> str:
    return secret.partition("_secret_")[0]


def _order(intent: Body) -> str:
    metadata = intent["metadata"]
    return str(metadata.get("order_number") or metadata.get("order_id") or "unknown")
