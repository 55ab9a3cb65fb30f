"""The contract of StripeGateway, on the sandbox, by Stripe's own SDK."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from functions.payments.model import OutcomeUnknown, Refused, Unavailable
from functions.payments.stripe.gateway import API_VERSION, SdkGateway
from tests.support.payments import new_order
from tests.support.stripe import StripeSandbox


@pytest.fixture
def gateway(stripe: StripeSandbox) -> SdkGateway:
    return stripe.gateway()


def test_the_same_key_makes_one_intent(gateway: SdkGateway) -> None:
    order = new_order()
    first = gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    assert gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP") == first
    assert (first.amount, first.currency, first.status) == (
        1299,
        "GBP",
        "requires_payment_method",
    )
    assert (first.order_id, first.received) == (order, 0)
    assert first.client_secret.startswith(f"{first.id}_secret_")


def test_the_same_key_with_other_values_is_in_doubt_and_spent(gateway: SdkGateway) -> None:
    order = new_order()
    gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    with pytest.raises(OutcomeUnknown) as caught:
        gateway.create_intent(f"create:{order}:1", order, "B-1", 1300, "GBP")
    assert caught.value.answered


def test_threads_with_one_key_make_one_intent(gateway: SdkGateway) -> None:
    order = new_order()

    def create(_: int) -> str | None:
        try:
            return gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP").id
        except Unavailable:
            return None  # another one is at it

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(create, range(16))) - {None}
    assert len(made) == 1


def test_an_intent_is_found_by_its_order_behind_many_others(
    gateway: SdkGateway, stripe: StripeSandbox
) -> None:
    order = new_order()
    since = datetime.now(UTC)
    made = gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    for number in range(101):
        gateway.create_intent(f"create:{order}:x{number}", f"{order}-{number}", "B-2", 100, "GBP")
    assert gateway.intent_of(order, since) == made
    assert gateway.intent_of(f"{order}-none", since) is None
    assert gateway.intent_of(order, since + timedelta(hours=1)) is None


def test_a_cancelled_intent_is_cancelled_once(gateway: SdkGateway) -> None:
    order = new_order()
    made = gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    assert gateway.cancel_intent(f"cancel:{order}:1", made.id).status == "canceled"
    assert gateway.cancel_intent(f"cancel:{order}:1", made.id).status == "canceled"
    with pytest.raises(Refused) as caught:
        gateway.cancel_intent(f"cancel:{order}:2", made.id)
    assert caught.value.code == "payment_intent_unexpected_state"


def test_a_paid_intent_shows_what_was_received_and_refunded(
    gateway: SdkGateway, stripe: StripeSandbox
) -> None:
    order = new_order()
    made = gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    stripe.pay(made.id, made.client_secret)
    paid = gateway.intent(made.id)
    assert (paid.status, paid.received, paid.refunded) == ("succeeded", 1299, 0)
    first = gateway.refund(f"refund:{order}:1", made.id, "r1", order, 300, "torn")
    again = gateway.refund(f"refund:{order}:1", made.id, "r1", order, 300, "torn")
    assert first == again
    assert (first.status, first.refund_id, first.intent) == ("succeeded", "r1", made.id)
    assert gateway.intent(made.id).refunded == 300
    assert gateway.refunds_of(made.id) == [first]
    with pytest.raises(Refused):
        gateway.refund(f"refund:{order}:2", made.id, "r2", order, 1000, "too much")
    gateway.refund(f"refund:{order}:3", made.id, "r3", order, 999, "the rest")
    with pytest.raises(Refused) as caught:
        gateway.refund(f"refund:{order}:4", made.id, "r4", order, 1, "none left")
    assert caught.value.code == "charge_already_refunded"


def test_why_a_card_was_declined_is_shown(gateway: SdkGateway, stripe: StripeSandbox) -> None:
    order = new_order()
    made = gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    stripe.pay(made.id, made.client_secret, "pm_card_visa_chargeDeclinedInsufficientFunds")
    shown = gateway.intent(made.id)
    assert (shown.status, shown.code, shown.decline_code) == (
        "requires_payment_method",
        "card_declined",
        "insufficient_funds",
    )


@pytest.mark.parametrize(
    ("fault", "error", "answered"),
    [
        ("error_500", OutcomeUnknown, True),
        ("error_500_after", OutcomeUnknown, True),
        ("timeout", OutcomeUnknown, False),
        ("timeout_after", OutcomeUnknown, False),
        ("rate_limit", Unavailable, None),
    ],
)
def test_what_may_have_been_done_is_told_from_what_was_not(
    stripe: StripeSandbox, fault: str, error: type[Exception], answered: bool | None
) -> None:
    order = new_order()
    gateway = stripe.gateway(read_seconds=0.5)
    stripe.order("faults", kind=fault)
    with pytest.raises(error) as caught:
        gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    if isinstance(caught.value, OutcomeUnknown):
        assert caught.value.answered is answered


def test_the_sdk_tries_again_by_itself_with_the_same_key(stripe: StripeSandbox) -> None:
    order = new_order()
    stripe.order("faults", kind="timeout_after")
    gateway = stripe.gateway(read_seconds=0.5, retries=2)
    made = gateway.create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    listed = stripe.client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()
    assert [one.id for one in listed if one.metadata.to_dict().get("order_id") == order] == [
        made.id
    ]


def test_nobody_at_home_is_unknown_and_a_wrong_key_is_unavailable(stripe: StripeSandbox) -> None:
    nobody = SdkGateway(stripe.keys.secret_key, "whsec_x", "http://127.0.0.1:9", retries=0)
    with pytest.raises(OutcomeUnknown):
        nobody.intent("pi_1")
    stranger = SdkGateway("sk_test_wrong", "whsec_x", stripe.url, retries=0)
    with pytest.raises(Unavailable):
        stranger.intent("pi_1")


def test_an_unknown_intent_is_refused(gateway: SdkGateway) -> None:
    with pytest.raises(Refused) as caught:
        gateway.intent("pi_none")
    assert caught.value.code == "resource_missing"


def test_the_api_version_is_pinned(stripe: StripeSandbox) -> None:
    order = new_order()
    stripe.gateway().create_intent(f"create:{order}:1", order, "B-1", 1299, "GBP")
    answer = stripe.client.v1.payment_intents.list({"limit": 1}).last_response
    assert answer is not None
    assert answer.headers is not None
    assert answer.headers["Stripe-Version"] == API_VERSION
