"""The sandbox's Stripe, asked by Stripe's own SDK, by a browser and by hand."""

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe as sdk

from tests.support.stripe import StripeSandbox, new_intent, paid_intent, until


def post(stripe: StripeSandbox, path: str, **headers: str) -> httpx.Response:
    url, _, form = path.partition("?")
    return stripe.http.post(
        url,
        content=form,
        headers={
            "Authorization": f"Bearer {stripe.keys.secret_key}",
            "Content-Type": "application/x-www-form-urlencoded",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )


def refused(answer: httpx.Response) -> tuple[int, str, str | None, str]:
    error = answer.json()["error"]
    return answer.status_code, error["type"], error.get("code"), error["message"]


# Idempotency


def test_a_key_gives_the_same_answer_again_and_says_so(stripe: StripeSandbox) -> None:
    form = "/v1/payment_intents?amount=1000&currency=gbp"
    first = post(stripe, form, Idempotency_Key="same")
    again = post(stripe, form, Idempotency_Key="same")
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert again.headers["request-id"] != first.headers["request-id"]


def test_a_key_with_other_parameters_is_an_idempotency_error(stripe: StripeSandbox) -> None:
    post(stripe, "/v1/payment_intents?amount=1000&currency=gbp", Idempotency_Key="other")
    answer = post(stripe, "/v1/payment_intents?amount=1001&currency=gbp", Idempotency_Key="other")
    status, kind, _, message = refused(answer)
    assert (status, kind) == (400, "idempotency_error")
    assert message.startswith("Keys for idempotent requests can only be used with the same")


def test_a_key_in_flight_is_a_conflict(stripe: StripeSandbox) -> None:
    form = "amount=1000&currency=gbp"
    stripe.order("faults", kind="slow", seconds=3600, method="POST")
    address = stripe.http.base_url
    with socket.create_connection((address.host, address.port or 80)) as held:
        held.sendall(
            "POST /v1/payment_intents HTTP/1.1\r\nHost: sandbox\r\n"
            f"Authorization: Bearer {stripe.keys.secret_key}\r\nIdempotency-Key: flying\r\n"
            f"Content-Length: {len(form)}\r\n\r\n{form}".encode()
        )
        until(stripe.faults_left, lambda left: left == 0)
        answer = post(stripe, f"/v1/payment_intents?{form}", Idempotency_Key="flying")
        assert refused(answer)[:3] == (409, "idempotency_error", "idempotency_key_in_use")
    done = until(
        lambda: post(stripe, f"/v1/payment_intents?{form}", Idempotency_Key="flying"),
        lambda got: got.status_code != 409,
    )
    assert done.status_code == 200


def test_what_fails_validation_is_not_remembered_and_a_decline_is(stripe: StripeSandbox) -> None:
    bad = post(stripe, "/v1/payment_intents?amount=x&currency=gbp", Idempotency_Key="v")
    assert bad.status_code == 400
    good = post(stripe, "/v1/payment_intents?amount=1000&currency=gbp", Idempotency_Key="v")
    assert good.status_code == 200
    intent = new_intent(stripe)
    path = f"/v1/payment_intents/{intent.id}/confirm?payment_method=pm_card_visa_chargeDeclined"
    assert post(stripe, path, Idempotency_Key="d").status_code == 402
    replayed = post(stripe, path, Idempotency_Key="d")
    assert (replayed.status_code, replayed.headers["idempotent-replayed"]) == (402, "true")
    listed = stripe.client.v1.charges.list({"payment_intent": intent.id})
    assert len(listed.data) == 1


def test_a_stored_500_is_repeated_for_its_key(stripe: StripeSandbox) -> None:
    stripe.order("faults", kind="error_500", method="POST")
    form = "/v1/payment_intents?amount=1000&currency=gbp"
    for _ in range(2):
        answer = post(stripe, form, Idempotency_Key="500")
        assert refused(answer)[:2] == (500, "api_error")
        assert answer.headers["stripe-should-retry"] == "false"
    assert post(stripe, form, Idempotency_Key="501").status_code == 200


# What is asked, and by whom


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ("amount=1000&currency=gbp&colour=red", "parameter_unknown", "colour"),
        ("amount=1000&currency=gbp&shipping[colour]=red", "parameter_unknown", "shipping[colour]"),
        ("currency=gbp", "parameter_missing", "amount"),
        ("amount=1000", "parameter_missing", "currency"),
        ("amount=ten&currency=gbp", "parameter_invalid_integer", "amount"),
        ("amount=10.5&currency=gbp", "parameter_invalid_integer", "amount"),
        ("amount=0&currency=gbp", "parameter_invalid_integer", "amount"),
        ("amount=29&currency=gbp", "amount_too_small", "amount"),
        ("amount=100000000&currency=gbp", "amount_too_large", "amount"),
        ("amount=1000&currency=xyz", None, "currency"),
        ("amount=1000&currency=", "parameter_invalid_empty", "currency"),
        ("amount=1000&currency=gbp&capture_method=later", None, "capture_method"),
        ("amount=1000&currency=gbp&confirm=yes", None, "confirm"),
        ("amount=1000&currency=gbp&metadata[a]=" + "x" * 501, None, "metadata[a]"),
        ("amount=1000&currency=gbp&payment_method=pm_none", "resource_missing", "payment_method"),
        ("amount=1000&currency=gbp&customer=cus_none", "resource_missing", "customer"),
    ],
)
def test_wrong_parameters_are_refused_by_name(
    stripe: StripeSandbox, form: str, code: str | None, param: str
) -> None:
    answer = post(stripe, f"/v1/payment_intents?{form}")
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error["param"]) == (code, param)


def test_what_stripe_has_and_the_stand_in_lacks_says_so(stripe: StripeSandbox) -> None:
    answer = post(stripe, "/v1/payment_intents?amount=1000&currency=gbp&off_session=true")
    assert "sandbox does not support the parameter off_session" in refused(answer)[3]
    unknown = stripe.http.get(
        "/v1/invoices", headers={"Authorization": f"Bearer {stripe.keys.secret_key}"}
    )
    assert refused(unknown)[0] == 404
    assert refused(unknown)[3].startswith("Unrecognized request URL (GET: /v1/invoices)")


@pytest.mark.parametrize(
    ("bearer", "status", "message"),
    [
        ("", 401, "You did not provide an API key"),
        ("Bearer sk_test_wrong0123456789", 401, "Invalid API Key provided: sk_test_********6789"),
    ],
)
def test_without_a_right_key_nobody_gets_in(
    stripe: StripeSandbox, bearer: str, status: int, message: str
) -> None:
    answer = stripe.http.get("/v1/payment_intents", headers={"Authorization": bearer})
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, "invalid_request_error")
    assert answer.json()["error"]["message"].startswith(message)


def test_a_browser_may_confirm_and_see_its_own_payment_and_nothing_else(
    stripe: StripeSandbox,
) -> None:
    intent = new_intent(stripe, metadata={"order_id": "secret"})
    key = {"key": stripe.keys.publishable_key}
    path = f"/v1/payment_intents/{intent.id}"
    assert stripe.http.post("/v1/payment_intents", data=key).status_code == 401
    assert stripe.http.get("/v1/payment_intents", params=key).status_code == 401
    assert stripe.http.post(f"{path}/cancel", data=key).status_code == 401
    wrong = stripe.pay(intent.id, "pi_1_secret_2")
    assert wrong.status_code == 400
    paid = stripe.pay(intent.id, str(intent.client_secret)).json()
    assert paid["status"] == "succeeded"
    assert not {"metadata", "latest_charge", "customer"} & set(paid)
    seen = stripe.http.get(path, params={**key, "client_secret": str(intent.client_secret)})
    assert seen.json()["status"] == "succeeded"


def test_a_version_is_echoed_and_a_wrong_one_refused(stripe: StripeSandbox) -> None:
    answer = post(
        stripe, "/v1/payment_intents?amount=1000&currency=gbp", Stripe_Version="2025-03-31.basil"
    )
    assert answer.headers["stripe-version"] == "2025-03-31.basil"
    wrong = post(stripe, "/v1/payment_intents?amount=1000&currency=gbp", Stripe_Version="newest")
    assert refused(wrong)[3] == "Invalid Stripe API version: newest"
    assert wrong.headers["request-id"].startswith("req_")


# Payments and cards


@pytest.mark.parametrize(
    ("card", "code", "decline_code", "message"),
    [
        (
            "pm_card_visa_chargeDeclined",
            "card_declined",
            "generic_decline",
            "Your card was declined.",
        ),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
            "Your card has insufficient funds.",
        ),
        (
            "pm_card_chargeDeclinedExpiredCard",
            "expired_card",
            "expired_card",
            "Your card has expired.",
        ),
        (
            "pm_card_chargeDeclinedIncorrectCvc",
            "incorrect_cvc",
            "incorrect_cvc",
            "Your card's security code is incorrect.",
        ),
        (
            "pm_card_chargeDeclinedProcessingError",
            "processing_error",
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ],
)
def test_declines_have_stripes_codes_and_leave_the_intent_payable(
    stripe: StripeSandbox, card: str, code: str, decline_code: str, message: str
) -> None:
    intent = new_intent(stripe)
    with pytest.raises(sdk.CardError) as caught:
        stripe.client.v1.payment_intents.confirm(intent.id, {"payment_method": card})
    assert (caught.value.http_status, caught.value.code) == (402, code)
    assert caught.value.user_message == message
    assert caught.value.error is not None
    assert caught.value.error.decline_code == decline_code
    after = stripe.client.v1.payment_intents.retrieve(intent.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error is not None
    assert after.last_payment_error.code == code
    paid = stripe.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_received) == ("succeeded", 1000)


@pytest.mark.parametrize(
    ("number", "month", "year", "code"),
    [
        ("4242424242424242", 12, 2034, None),
        ("5555 5555 5555 4444", 12, 34, None),
        ("4000000000000002", 12, 2034, "card_declined"),
        ("4000000000009995", 12, 2034, "card_declined"),
        ("4242424242424241", 12, 2034, "incorrect_number"),
        ("4242424242424242", 13, 2034, "invalid_expiry_month"),
        ("4242424242424242", 1, 2019, "invalid_expiry_year"),
        ("4012888888881881", 12, 2034, "card_declined"),
    ],
)
def test_card_numbers_decide_like_their_test_methods(
    stripe: StripeSandbox, number: str, month: int, year: int, code: str | None
) -> None:
    intent = new_intent(stripe)
    card = {"number": number, "exp_month": month, "exp_year": year, "cvc": "123"}
    path = f"/v1/payment_intents/{intent.id}/confirm"
    form = {
        "payment_method_data[type]": "card",
        **{f"payment_method_data[card][{name}]": str(value) for name, value in card.items()},
    }
    bearer = {"Authorization": f"Bearer {stripe.keys.secret_key}"}
    answer = stripe.http.post(path, data=form, headers=bearer)
    if code is None:
        assert answer.json()["status"] == "succeeded"
    else:
        assert refused(answer)[:3] == (402, "card_error", code)


def test_authentication_is_asked_for_and_decides(stripe: StripeSandbox) -> None:
    for passes, status in (("yes", "succeeded"), ("no", "requires_payment_method")):
        intent = new_intent(stripe)
        asked = stripe.client.v1.payment_intents.confirm(
            intent.id,
            {
                "payment_method": "pm_card_threeDSecure2Required",
                "return_url": "http://shop.test/back?x=1",
            },
        )
        assert asked.status == "requires_action"
        assert asked.next_action is not None
        redirect = asked.next_action.redirect_to_url
        assert redirect is not None
        page = stripe.http.get(str(redirect.url))
        assert "Your bank asks" in page.text
        back = stripe.http.post(str(redirect.url), data={"passes": passes})
        assert back.status_code == 303
        assert back.headers["location"].startswith("http://shop.test/back?x=1&payment_intent=pi_")
        assert stripe.client.v1.payment_intents.retrieve(intent.id).status == status
        again = stripe.http.post(str(redirect.url), data={"passes": "yes"})
        assert again.status_code == 303
        assert stripe.client.v1.payment_intents.retrieve(intent.id).status == status


def test_automatic_methods_need_a_return_address_unless_they_never_redirect(
    stripe: StripeSandbox,
) -> None:
    intent = stripe.client.v1.payment_intents.create(
        {"amount": 1000, "currency": "gbp", "automatic_payment_methods": {"enabled": True}}
    )
    with pytest.raises(sdk.InvalidRequestError, match="you must provide a `return_url`"):
        stripe.client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    with_address = stripe.client.v1.payment_intents.confirm(
        intent.id, {"payment_method": "pm_card_visa", "return_url": "http://shop.test"}
    )
    assert with_address.status == "succeeded"


def test_a_state_forbids_what_stripe_forbids(stripe: StripeSandbox) -> None:
    intents = stripe.client.v1.payment_intents
    paid, cancelled, fresh = (
        paid_intent(stripe),
        intents.cancel(new_intent(stripe).id),
        new_intent(stripe),
    )
    assert cancelled.status == "canceled"
    for attempt, sentence in [
        (lambda: intents.cancel(paid.id), "has a status of succeeded"),
        (lambda: intents.cancel(cancelled.id), "has a status of canceled"),
        (lambda: intents.confirm(paid.id), "already succeeded"),
        (lambda: intents.confirm(fresh.id), "missing a payment method"),
        (lambda: intents.capture(fresh.id), "could not be captured"),
        (lambda: intents.update(paid.id, {"amount": 5}), "could not be updated"),
    ]:
        with pytest.raises(sdk.InvalidRequestError, match=sentence) as caught:
            attempt()
        assert caught.value.code == "payment_intent_unexpected_state"


def test_manual_capture_holds_the_money_and_takes_a_part_of_it(stripe: StripeSandbox) -> None:
    intents = stripe.client.v1.payment_intents
    held = new_intent(stripe, confirm=True, payment_method="pm_card_visa", capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == (
        "requires_capture",
        1000,
        0,
    )
    with pytest.raises(sdk.InvalidRequestError):
        intents.capture(held.id, {"amount_to_capture": 1001})
    taken = intents.capture(held.id, {"amount_to_capture": 700})
    assert (taken.status, taken.amount_received) == ("succeeded", 700)


def test_an_intent_is_changed_before_it_is_paid(stripe: StripeSandbox) -> None:
    intent = new_intent(stripe, metadata={"a": "1", "b": "2"})
    changed = stripe.client.v1.payment_intents.update(
        intent.id, {"amount": 1200, "metadata": {"a": "", "c": "3"}, "payment_method": "pm_card_gb"}
    )
    assert (changed.amount, changed.status) == (1200, "requires_confirmation")
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}


# Refunds


def test_refunds_in_parts_up_to_what_was_taken(stripe: StripeSandbox) -> None:
    paid = paid_intent(stripe)
    refunds = stripe.client.v1.refunds
    first = refunds.create({"payment_intent": paid.id, "amount": 400, "metadata": {"a": "1"}})
    assert refunds.retrieve(first.id).amount == 400
    with pytest.raises(sdk.InvalidRequestError, match=r"£7.00.*greater than unrefunded.*£6.00"):
        refunds.create({"payment_intent": paid.id, "amount": 700})
    rest = refunds.create({"charge": str(paid.latest_charge)})
    assert rest.amount == 600
    with pytest.raises(sdk.InvalidRequestError) as caught:
        refunds.create({"payment_intent": paid.id})
    assert caught.value.code == "charge_already_refunded"
    listed = refunds.list({"payment_intent": paid.id})
    assert [one.id for one in listed.data] == [rest.id, first.id]
    charge = stripe.client.v1.charges.retrieve(str(paid.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (1000, True)


def test_two_refunds_at_once_never_give_back_more_than_was_taken(stripe: StripeSandbox) -> None:
    paid = paid_intent(stripe)

    def refund(_: int) -> int:
        try:
            made = stripe.client.v1.refunds.create({"payment_intent": paid.id, "amount": 300})
        except sdk.InvalidRequestError:
            return 0
        return made.amount

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(refund, range(8))) == 900


# Looking things up


def test_lists_page_and_expand(stripe: StripeSandbox) -> None:
    made = [new_intent(stripe).id for _ in range(5)]
    listed = stripe.client.v1.payment_intents.list({"limit": 2})
    assert [one.id for one in listed.data] == made[:2:-1]
    assert listed.has_more
    older = stripe.client.v1.payment_intents.list({"limit": 2, "starting_after": made[3]})
    assert [one.id for one in older.data] == [made[2], made[1]]
    newer = stripe.client.v1.payment_intents.list({"limit": 2, "ending_before": made[2]})
    assert [one.id for one in newer.data] == [made[4], made[3]]
    paid = stripe.client.v1.payment_intents.retrieve(
        paid_intent(stripe).id, {"expand": ["latest_charge.balance_transaction"]}
    )
    assert isinstance(paid.latest_charge, sdk.Charge)
    booked = paid.latest_charge.balance_transaction
    assert isinstance(booked, sdk.BalanceTransaction)
    assert booked.net == booked.amount - booked.fee == 1000 - booked.fee


def test_a_search_lags_and_a_list_does_not(stripe: StripeSandbox) -> None:
    stripe.order("settings", search_lag_seconds=3600)
    made = new_intent(stripe, metadata={"order_id": "o'1"})
    query: Any = {"query": "metadata['order_id']:\"o'1\" AND status:'requires_payment_method'"}
    assert stripe.client.v1.payment_intents.search(query).data == []
    assert stripe.client.v1.payment_intents.list({"limit": 1}).data[0].id == made.id
    stripe.order("settings", search_lag_seconds=0)
    (found,) = stripe.client.v1.payment_intents.search(query).data
    assert found.id == made.id


def test_events_tell_what_happened_in_order(stripe: StripeSandbox) -> None:
    intent = new_intent(stripe)
    stripe.pay(intent.id, str(intent.client_secret), "pm_card_visa_chargeDeclined")
    stripe.pay(intent.id, str(intent.client_secret))
    stripe.client.v1.refunds.create({"payment_intent": intent.id})
    events = stripe.events(intent.id)
    assert [one["type"] for one in events] == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.refunded",
        "refund.created",
    ]
    shown = stripe.client.v1.events.retrieve(events[4]["id"])
    assert shown.data.object["status"] == "succeeded"
    assert events[4]["request"]["id"].startswith("req_")
