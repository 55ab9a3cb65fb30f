"""The sandbox's Stripe as it tells of what happened: webhooks, knobs, pages, and a kill."""

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk

from sandbox.stripe.keys import account_keys
from tests.host.test_sandbox import running
from tests.support.stripe import StripeSandbox, new_intent, paid_intent, stripe_sandbox, until
from tests.support.taker import open_shop


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return sorted(one["type"] for one in events)


def test_webhooks_are_signed_and_come_again_until_they_are_taken(stripe: StripeSandbox) -> None:
    with open_shop("Stripe-Signature") as (shop, address):
        shop.refuses = 2
        before = stripe.http.get("/admin/stripe/deliveries").json()["waiting"]
        stripe.order("webhooks", endpoint=address)
        paid = paid_intent(stripe)
        shop.wait_for(before + 3)
        mine = [json.loads(body) for _, body in shop.got if paid.id.encode() in body]
        assert kinds(mine) == [
            "charge.succeeded",
            "payment_intent.created",
            "payment_intent.succeeded",
        ]
        for signature, body in shop.got:
            sdk.WebhookSignature.verify_header(
                body, signature, stripe.keys.webhook_secret, tolerance=300
            )
        answers = stripe.http.get("/admin/stripe/deliveries").json()["deliveries"]
        assert max(one["attempts"] for one in answers) >= 2


def test_the_shop_is_told_only_of_what_it_asked_for(tmp_path: Path) -> None:
    asked = ("payment_intent.succeeded", "refund.created")
    with (
        open_shop("Stripe-Signature") as (shop, address),
        stripe_sandbox(tmp_path, shop_events=asked) as sandbox,
    ):
        sandbox.order("webhooks", endpoint=address)
        paid = paid_intent(sandbox)
        listed = sandbox.http.get("/admin/stripe/deliveries").json()["deliveries"]
        (told,) = shop.wait_for(1)
        assert (told["type"], told["pending_webhooks"]) == ("payment_intent.succeeded", 1)
        assert [one["event"] for one in listed] == [told["id"]]
        made = [one for one in sandbox.events(paid.id) if one["type"] == "payment_intent.created"]
        assert [one["pending_webhooks"] for one in made] == [0]


def test_knobs_duplicate_drop_pause_and_resend(stripe: StripeSandbox) -> None:
    with open_shop("Stripe-Signature") as (shop, address):
        stripe.order("webhooks", endpoint=address)
        until(
            lambda: stripe.http.get("/admin/stripe/deliveries").json()["waiting"],
            lambda waiting: waiting == 0,
        )
        shop.got.clear()
        stripe.order("webhooks", duplicate=1, reorder=1, seed=7)
        new_intent(stripe)
        first, second = shop.wait_for(2)
        assert first["id"] == second["id"]

        stripe.order("webhooks", reset=True)
        stripe.order("webhooks", endpoint=address, drop=1)
        dropped = new_intent(stripe)
        (event,) = stripe.events(dropped.id)
        listed = stripe.http.get("/admin/stripe/deliveries").json()["deliveries"]
        assert listed[0] == {
            "event": event["id"],
            "type": "payment_intent.created",
            "intent": dropped.id,
            "state": "dropped",
            "attempts": 0,
            "answer": None,
        }
        stripe.order("webhooks", paused=True, drop=0)
        new_intent(stripe)
        assert stripe.http.get("/admin/stripe/deliveries").json()["waiting"] == 1
        assert stripe.http.post(f"/admin/stripe/events/{event['id']}/resend").status_code == 202
        stripe.order("webhooks", paused=False)
        assert event["id"] in {one["id"] for one in shop.wait_for(4)}
        assert stripe.http.post("/admin/stripe/events/evt_no/resend").status_code == 404


def test_a_refund_that_fails_later_is_told(stripe: StripeSandbox) -> None:
    paid = paid_intent(stripe, "pm_card_refundFail")
    refund = stripe.client.v1.refunds.create({"payment_intent": paid.id})
    assert refund.status == "succeeded"
    failed = until(
        lambda: stripe.client.v1.refunds.retrieve(refund.id), lambda one: one.status == "failed"
    )
    assert failed.failure_reason == "expired_or_canceled_card"
    assert "refund.failed" in kinds(stripe.events(paid.id))
    assert stripe.client.v1.charges.retrieve(str(paid.latest_charge)).amount_refunded == 0


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("faults", {}),
        ("faults", {"kind": "earthquake"}),
        ("faults", {"kind": "timeout", "calls": 0}),
        ("webhooks", {"drop": 2}),
        ("webhooks", {"drop": True}),
        ("webhooks", {"endpoint": "ftp://a"}),
        ("webhooks", {"explode": 1}),
        ("settings", {"autopay": "pm_card_none"}),
        ("settings", []),
    ],
)
def test_a_knob_that_does_not_exist_or_go_so_far_is_refused(
    stripe: StripeSandbox, page: str, said: Any
) -> None:
    answer = stripe.http.post(f"/admin/stripe/{page}", json=said)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# Pages and processes


def test_a_person_pays_declines_and_cancels_on_the_page(stripe: StripeSandbox) -> None:
    intent = new_intent(stripe, metadata={"order_number": "B-<17>"})
    assert intent.id in stripe.http.get("/stripe").text
    here = f"/stripe/payments/{intent.id}"
    assert "B-&lt;17&gt;" in stripe.http.get(here).text
    assert stripe.http.post(f"{here}/decline").headers["location"].startswith(here)
    assert "Your card was declined. (generic_decline)" in stripe.http.get(here).text
    asked = stripe.http.post(f"{here}/pay", data={"card": "pm_card_threeDSecure2Required"})
    assert asked.headers["location"].startswith("/stripe/authenticate/")
    back = stripe.http.post(asked.headers["location"], data={"passes": "yes"})
    assert back.headers["location"] == here
    paid = stripe.http.get(here).text
    assert "succeeded" in paid
    assert "<button" not in paid
    too_late = stripe.http.post(f"{here}/cancel").headers["location"]
    assert "You cannot cancel" in stripe.http.get(too_late).text
    assert stripe.http.get("/stripe/payments/pi_none").status_code == 404
    assert stripe.http.get("/stripe/authenticate/pi_1_secret_2").status_code == 404


def test_a_page_without_payments_says_so(tmp_path: Path) -> None:
    with stripe_sandbox(tmp_path) as empty:
        assert "There are none yet" in empty.http.get("/stripe").text


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        keys = account_keys(tmp_path)
        client = sdk.StripeClient(keys.secret_key, base_addresses={"api": first.url})
        made: list[str] = []
        ending = threading.Event()

        def create() -> None:
            while not ending.is_set():
                try:
                    made.append(
                        client.v1.payment_intents.create({"amount": 500, "currency": "gbp"}).id
                    )
                except sdk.APIConnectionError:
                    return

        workers = [threading.Thread(target=create) for _ in range(4)]
        for worker in workers:
            worker.start()
        until(lambda: len(made), lambda count: count >= 20)
        first.process.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.join()
        ending.set()
        first.process.wait()
    with running(tmp_path) as second:
        again = sdk.StripeClient(keys.secret_key, base_addresses={"api": second.url})
        listed = {
            one.id for one in again.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
        }
        assert set(made) <= listed
        events = again.v1.events.list({"limit": 100}).auto_paging_iter()
        assert {one.data.object["id"] for one in events} == listed


def test_two_folders_have_two_accounts(tmp_path: Path) -> None:
    one, other = account_keys(tmp_path / "one"), account_keys(tmp_path / "other")
    assert account_keys(tmp_path / "one") == one
    assert not {one.secret_key, one.webhook_secret} & {other.secret_key, other.webhook_secret}
