"""Plays a shopper against the running shop and prints each call with its answer."""

import argparse
import json
import secrets
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from funchost.pipes import run_quietly
from local.environment import SANDBOX, STATE
from local.serve import DEFAULT_PORT, port_number
from local.token import NoShopError, Tokens, tokens_of

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postcode": "SW1Y 4JH",
    "country": "GB",
}
PATIENCE_SECONDS = 60
_SHORT = 300
_LOOKS_EVERY_SECONDS = 0.2

Wanted = Callable[[Any], Any]


class OffTheRouteError(Exception):
    """The shop answered something that no shopper should get."""


class Shopper:
    """A browser: it keeps its cookie, and its token once it has signed in."""

    def __init__(self, origin: str, tokens: Tokens) -> None:
        self._origin = origin
        self._tokens = tokens
        self._token: str | None = None
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def sign_in(self, subject: str) -> None:
        self._token = self._tokens.token_for(subject)

    def api(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        show: Wanted,
        expect: int = 200,
        **headers: str,
    ) -> Any:
        """`show` picks from the answer what is worth a look; headers are written with underscores.
        Raises OffTheRouteError."""
        content = None if body is None else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            sent["Content-Type"] = "application/json"
        if self._token is not None:
            sent["Authorization"] = f"Bearer {self._token}"
        address = f"{self._origin}/api/v1/{path}"
        return self._call(method, address, content, sent, show, expect, shown_body=body)

    def form(self, address: str, values: dict[str, str], *, show: Wanted, expect: int = 200) -> Any:
        """As Stripe.js calls Stripe."""
        content = urlencode(values).encode()
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        body = {**values, "client_secret": "..."}
        return self._call("POST", address, content, sent, show, expect, shown_body=body)

    def sandbox(self, method: str, address: str, body: object = None, *, show: Wanted) -> Any:
        """As a developer asks it: the sandbox wants no token."""
        content = None if body is None else json.dumps(body).encode()
        return self._call(method, address, content, {}, show, 200, shown_body=body)

    def until(self, path: str, enough: Wanted) -> None:
        """Asks, without a word, until the answer is enough; `path` may be a whole address. Raises
        OffTheRouteError."""
        is_ours = not path.startswith("http")
        address = f"{self._origin}/api/v1/{path}" if is_ours else path
        headers = {"Authorization": f"Bearer {self._token}"} if is_ours else {}
        last_call = time.monotonic() + PATIENCE_SECONDS
        while True:
            request = urllib.request.Request(address, headers=headers)  # noqa: S310
            with self._browser.open(request, timeout=PATIENCE_SECONDS) as reply:
                answer = json.loads(reply.read())
            if enough(answer):
                return
            if time.monotonic() > last_call:
                raise OffTheRouteError(f"{address} stays at {_line(answer)}")
            time.sleep(_LOOKS_EVERY_SECONDS)

    def _call(
        self,
        method: str,
        address: str,
        content: bytes | None,
        headers: dict[str, str],
        show: Wanted,
        expect: int,
        *,
        shown_body: object,
    ) -> Any:
        print(f"  {method} {address}")
        if "Idempotency-Key" in headers:
            print(f"    Idempotency-Key: {headers['Idempotency-Key']}")
        if shown_body is not None:
            print(f"    {_line(shown_body)}")
        request = urllib.request.Request(address, content, headers, method=method)  # noqa: S310
        try:
            with self._browser.open(request, timeout=PATIENCE_SECONDS) as reply:
                status, raw = int(reply.status), reply.read()
        except urllib.error.HTTPError as reply:
            with reply:
                status, raw = reply.code, reply.read()
        answer = json.loads(raw) if raw else None
        if status != expect:
            raise OffTheRouteError(f"{status} where {expect} was expected: {_line(answer)}")
        print(f"  {status} {_line(show(answer))}\n")
        return answer


def tour(shopper: Shopper, subject: str) -> str:
    """Buys one book as the customer `subject`; the order's id. Raises OffTheRouteError."""
    say("Look for a book")
    found = shopper.api(
        "GET",
        "books?q=austen&in_stock=true&limit=3",
        show=lambda page: [
            f"{book['isbn']} {book['title']}, {_money(book['price'])}" for book in page["items"]
        ],
    )
    if not found["items"]:
        raise OffTheRouteError("nothing by Austen is in stock; start over with --fresh")
    isbn = found["items"][0]["isbn"]

    say("Put it in the cart; the answer sets a cookie")
    shopper.api("POST", "cart/items", {"isbn": isbn, "quantity": 1}, show=_cart)

    say("Sign in; the guest's cart becomes the customer's")
    shopper.sign_in(subject)
    print(f"  python3 dev.py token --subject {subject}\n")
    shopper.api("GET", "cart", show=_cart)

    say("Ask what delivery costs")
    shopper.api(
        "GET",
        "shipping/rates?" + urlencode({"country": "GB", "postcode": ADDRESS["postcode"]}),
        show=lambda rates: [f"{rate['name']}, {_money(rate['price'])}" for rate in rates["items"]],
    )

    say("Check out")
    checkout = shopper.api(
        "POST",
        "checkouts",
        {
            "email": mail_of(subject),
            "shipping_address": ADDRESS,
            "shipping_method": "standard",
        },
        show=_checkout,
        expect=202,
        Idempotency_Key=secrets.token_hex(8),
    )
    path = f"checkouts/{checkout['id']}"

    say("Wait until it can be paid")
    checkout = wait(shopper, path, lambda one: one["status"] == "awaiting_payment")
    payment = checkout["payment"]

    say("Pay with a card that the bank declines, as Stripe.js would")
    pay(shopper, payment, "pm_card_visa_chargeDeclined", expect=402)
    wait(shopper, path, lambda one: one["payment"] is not None and one["payment"]["declined"])

    say("Pay with a good one")
    pay(shopper, payment, "pm_card_visa", expect=200)
    checkout = wait(shopper, path, lambda one: one["status"] == "confirmed")

    say("Look at the order")
    order = shopper.api(
        "GET",
        f"orders/{checkout['order_id']}",
        show=lambda order: {
            "order_number": order["order_number"],
            "status": order["status"],
            "total": _money(order["total"]),
            "timeline": [one["kind"] for one in order["timeline"]],
        },
    )
    print(f"That was order {order['order_number']}.")
    return str(order["id"])


_RESET = """-d '{"reset": true}'"""


def to_the_door(shopper: Shopper, subject: str, order_id: str, sandbox: str) -> None:
    """Moves the shop's clock until the parcel has come, and reads the mails on the way. Raises
    OffTheRouteError."""
    order, parcels = f"orders/{order_id}", f"orders/{order_id}/shipments"
    read_mail(shopper, subject, "is placed", sandbox)

    say("See the parcel that is made ready")
    shopper.until(
        parcels, lambda page: page["items"] and all(one["tracking_number"] for one in page["items"])
    )
    shopper.api("GET", parcels, show=_parcels)

    say("Let the shop's clock go on by five hours: the carrier fetches it")
    shopper.sandbox("POST", f"{sandbox}/admin/clock", {"advance": "PT5H"}, show=_clock)
    shopper.until(order, lambda one: one["status"] == "dispatched")
    read_mail(shopper, subject, "has been dispatched", sandbox)

    say("And by six days")
    shopper.sandbox("POST", f"{sandbox}/admin/clock", {"advance": "P6D"}, show=_clock)
    shopper.until(order, lambda one: one["status"] == "delivered")
    shopper.api("GET", parcels, show=_parcels)
    read_mail(shopper, subject, "has been delivered", sandbox)
    print(f"The mails: {sandbox}/mailbox?to={mail_of(subject)}")
    print(f"The shop's clock stays ahead. To reset it: curl -X POST {sandbox}/admin/clock {_RESET}")


def read_mail(shopper: Shopper, subject: str, about: str, sandbox: str) -> None:
    say("Read the mail")
    address = f"{sandbox}/mailbox/messages?" + urlencode({"to": mail_of(subject)})
    shopper.until(address, lambda box: any(about in one["subject"] for one in box["items"]))
    box = shopper.sandbox("GET", address, show=lambda box: [one["subject"] for one in box["items"]])
    text = next(one["text"] for one in box["items"] if about in one["subject"])
    print(textwrap.indent(text, "  | ", lambda line: True))


def mail_of(subject: str) -> str:
    return f"{subject}@example.org"


def wait(shopper: Shopper, path: str, is_there: Callable[[Any], Any]) -> Any:
    until = time.monotonic() + PATIENCE_SECONDS
    seen = ""
    while time.monotonic() < until:
        checkout = shopper.api("GET", f"{path}?wait=10{seen}", show=_checkout)
        seen = f"&seen={checkout['version']}"
        if is_there(checkout):
            return checkout
        if checkout["status"] in ("rejected", "cancelled", "expired"):
            break
    raise OffTheRouteError(f"the checkout is {checkout['status']}")


def pay(shopper: Shopper, payment: Any, method: str, expect: int) -> None:
    shopper.form(
        f"{payment['api_base']}/v1/payment_intents/{payment['payment_intent']}/confirm",
        {
            "key": payment["publishable_key"],
            "client_secret": payment["client_secret"],
            "payment_method": method,
        },
        show=lambda answer: (
            {name: answer["error"].get(name) for name in ("code", "decline_code", "message")}
            if "error" in answer
            else {"id": answer["id"], "status": answer["status"]}
        ),
        expect=expect,
    )


def say(text: str) -> None:
    print(f"{text}\n")


def _cart(cart: Any) -> Any:
    lines = [f"{item['quantity']} x {item['title']}" for item in cart["items"]]
    return {"items": lines, "subtotal": _money(cart["subtotal"])}


def _checkout(checkout: Any) -> Any:
    payment, totals = checkout["payment"], checkout["totals"]
    return {
        "status": checkout["status"],
        **({"reason": checkout["reason"]} if checkout["reason"] else {}),
        **({} if totals is None else {"total": _money(totals["total"])}),
        **({} if payment is None else {"declined": payment["declined"]}),
        **({"order_number": checkout["order_number"]} if checkout["order_number"] else {}),
    }


def _parcels(page: Any) -> Any:
    return [
        {name: one[name] for name in ("number", "state", "carrier", "tracking_number")}
        for one in page["items"]
    ]


def _clock(clock: Any) -> Any:
    return {"business_now": clock["business_now"]}


def _money(money: Any) -> str:
    return f"{money['amount'] / 100:.2f} {money['currency']}"


def _line(answer: Any) -> str:
    text = json.dumps(answer, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]} ..."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="dev.py tour", description=(__doc__ or "").strip())
    parser.add_argument(
        "--port", type=port_number, default=DEFAULT_PORT, help="the shop's (default: %(default)s)"
    )
    parser.add_argument(
        "--state", default=STATE, metavar="DIR", help="the shop's; default: .local, beside dev.py"
    )
    options = parser.parse_args(arguments)
    origin = f"http://127.0.0.1:{options.port}"
    try:
        # A new customer each time: one who exists may have a cart, or too many open checkouts.
        shopper = Shopper(origin, tokens_of(Path(options.state)))
        subject = f"tour-{secrets.token_hex(3)}"
        order_id = tour(shopper, subject)
        to_the_door(shopper, subject, order_id, f"http://127.0.0.1:{options.port + SANDBOX}")
    except NoShopError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # nobody reads what is printed
        raise
    except OSError as error:
        print(
            f"No shop answers at {origin} ({error}). Start one with `python3 dev.py run`, wait"
            " until it says that it is open, and take the tour in another terminal.",
            file=sys.stderr,
        )
        return 2
    except OffTheRouteError as error:
        print(f"The tour ends here: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run_quietly(main))
