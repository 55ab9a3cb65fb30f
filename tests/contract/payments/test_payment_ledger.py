"""Whatever order Stripe's news come in, and however often: every cent has two sides."""

from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.payments.model import Intent, Posting, ProviderRefund, Refund
from functions.payments.ports import Transaction
from functions.payments.service.transitions import apply_intent, apply_refund
from tests.support.payments import Till, new_order, open_till
from tests.support.stripe import StripeSandbox

AMOUNT = 2500
REFUNDS = {"one": 1000, "two": 1500}

intents = st.sampled_from(
    [
        ("requires_payment_method", 0),
        ("requires_action", 0),
        ("processing", 0),
        ("canceled", 0),
        ("succeeded", AMOUNT),
        ("succeeded", AMOUNT - 1),
        ("succeeded", AMOUNT + 1),
    ]
)
refunds = st.tuples(
    st.sampled_from([*REFUNDS, "by-hand"]), st.sampled_from(["pending", "succeeded", "failed"])
)
news = st.lists(
    st.one_of(
        st.tuples(st.just("intent"), intents),
        st.tuples(st.just("stray"), st.integers(1, 9999)),
        st.tuples(st.just("refund"), refunds),
        st.tuples(st.just("ask"), st.sampled_from(sorted(REFUNDS))),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def one_till(
    running_stripe: StripeSandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Till]:
    with open_till(tmp_path_factory.mktemp("ledger"), running_stripe) as opened:
        yield opened


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(news=news)
def test_the_ledger_balances_to_zero_for_any_order_of_news(one_till: Till, news: list) -> None:  # type: ignore[type-arg]
    till, order = one_till, new_order()
    opened(till, order)
    for kind, what in news:
        till.transactions.run(partial(told, till=till, order=order, kind=kind, what=what))
        check(till, order)


def opened(till: Till, order: str) -> None:
    intent = snapshot(order, f"pi_{order}", "requires_payment_method", 0)

    def work(transaction: Transaction) -> None:
        transaction.payments.open(order, "B-1", AMOUNT, "GBP")
        transaction.payments.pend(order, intent)

    till.transactions.run(work)


def told(transaction: Transaction, till: Till, order: str, kind: str, what: object) -> None:
    match kind, what:
        case "intent", (str(status), int(received)):
            intent = snapshot(order, f"pi_{order}", status, received)
            apply_intent(transaction, till.reports, intent, tried=True)
        case "stray", int(received):
            stray = snapshot(order, f"pi_stray_{order}", "succeeded", received)
            apply_intent(transaction, till.reports, stray)
        case "ask", str(name):
            request(transaction, order, name)
        case "refund", (str(name), str(status)):
            apply_refund(transaction, shown(order, name, status))


def request(transaction: Transaction, order: str, name: str) -> None:
    """As `Requests.refund` begins."""
    payment = transaction.payments.find(order)
    assert payment is not None
    refund_id = f"{order}-{name}"
    if transaction.refunds.find(refund_id) is not None or payment.intent is None:
        return
    if transaction.payments.promise_refund(order, REFUNDS[name]):
        transaction.refunds.open(
            Refund(
                id=refund_id,
                order_id=order,
                payment_id=payment.payment_id,
                intent=payment.intent,
                amount=REFUNDS[name],
                currency="GBP",
                reason="test",
                state="requested",
                provider_id=None,
                counts=True,
            )
        )


def snapshot(order: str, intent: str, status: str, received: int) -> Intent:
    return Intent(intent, f"{intent}_secret_x", AMOUNT, "GBP", status, received, order)


def shown(order: str, name: str, status: str) -> ProviderRefund:
    ours = name in REFUNDS
    return ProviderRefund(
        id=f"re_{order}_{name}",
        intent=f"pi_{order}",
        amount=REFUNDS.get(name, 100),
        currency="GBP",
        status=status,
        refund_id=f"{order}-{name}" if ours else None,
    )


def check(till: Till, order: str) -> None:
    till.check()
    record = till.record(order)
    accounts: dict[str, int] = {}
    for entry in record.ledger:
        accounts[entry.account] = accounts.get(entry.account, 0) + entry.amount
    assert sum(accounts.values()) == 0
    payment = till.payment(order)
    assert 0 <= payment.refunded <= payment.refunding
    if payment.state == "succeeded":
        assert payment.received == AMOUNT
    booked = [one for one in record.refunds if one.state in ("pending", "succeeded")]
    assert accounts.get("refunds", 0) == sum(one.amount.amount for one in booked)
    told = [kind for kind, _ in till.said(order)]
    for final in ("payment.succeeded", "payment.cancelled", "payment.failed"):
        assert told.count(final) <= 1


def test_a_posting_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="does not balance"):
        Posting("p", "o", "GBP", (("stripe_clearing", 1), ("customer", -2)))


def test_a_posting_is_written_once(till: Till) -> None:
    order = new_order()
    posting = Posting("p", order, "GBP", (("stripe_clearing", 1), ("customer", -1)))
    assert till.transactions.run(lambda transaction: transaction.ledger.post(posting))
    assert not till.transactions.run(lambda transaction: transaction.ledger.post(posting))
    balance = till.transactions.run(
        lambda transaction: transaction.ledger.balance(order, "customer", "GBP")
    )
    assert balance == -1
