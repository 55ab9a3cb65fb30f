"""What the staff sees of things that went wrong, and mends, in a real browser."""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.conftest import Shop, end, serve
from tests.support.backstage import Staff, Till, advance_clock
from tests.support.browser import Person
from tests.support.letterbox import Letterbox, bus, new_address
from tests.support.shopper import Shopper, client, until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Of its own: its clock is moved, and all of its dead letters are looked at."""
    running = serve(tmp_path_factory.mktemp("troubled") / "state", "--no-covers")
    yield running
    end(running)


@pytest.fixture
def operator(visit: Visit) -> Person:
    person = visit()
    person.open("/staff/trouble.html")
    person.sign_in(f"oona-{uuid4().hex}", "operations", "orders.refund")
    return person


@pytest.fixture
def guest(shop: Shop) -> Iterator[Shopper]:
    with closing(Shopper(shop)) as opened:
        yield opened


def test_a_dead_letter_is_seen_and_sent_again(
    shop: Shop, operator: Person, staff: Staff, guest: Shopper
) -> None:
    with closing(Letterbox(shop, new_address())) as box:
        with box.troubled("refuse", calls=1000):
            guest.buy(staff.new_book(), email=box.address)
            until(lambda: bus(shop, "deadletters"), lambda said: "mails" in said)
        page = operator.open("/staff/trouble.html")
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="mails", exact=True))
        expect(row).to_have_count(1)
        row.get_by_role("button", name="Send again").click()
        said = page.get_by_role("status")
        expect(said).to_have_text("Sent again.")
        expect(said).to_be_focused()
        box.until_about("is placed")
    operator.open("/staff/trouble.html")
    expect(page.get_by_text("Every message was dealt with.")).to_be_visible()


def test_an_order_that_hangs_is_seen_until_it_goes_on(
    shop: Shop, operator: Person, staff: Staff, guest: Shopper
) -> None:
    checkout = guest.buy(staff.new_book())
    with (
        closing(Till(shop)) as till,
        till.turned("faults", kind="error_500", path="/v1/refunds", calls=10_000),
    ):
        page = operator.open(f"/staff/order.html?id={checkout['order_id']}")
        page.get_by_role("button", name="Cancel the order").click()
        page.get_by_role("button", name="Yes, cancel it").click()
        expect(page.get_by_role("status")).to_contain_text("Asked for.")
        advance_clock(shop, "PT11M")
        operator.open("/staff/trouble.html")
        waiting = page.get_by_role("region", name="Orders that hang")
        waiting.get_by_role("link", name=checkout["order_number"]).click()
        operator.settled()
        expect(page.get_by_text("Cancel asked for")).to_be_visible()
    with client(shop.base_url) as host:

        def status_after_reconciling() -> str:
            """As its timer does once a minute."""
            asked = host.post("/admin/functions/payments_reconcile", json={"input": ""})
            assert asked.status_code == 202
            status: str = staff.order(checkout["order_id"])["status"]
            return status

        until(status_after_reconciling, lambda is_: is_ == "cancelled")
    operator.open("/staff/trouble.html")
    expect(page.get_by_text("Every saga goes on.")).to_be_visible()
