"""The whole shop on its adapters for the cloud while what it depends on is away, slow or broken.

`docs/resilience.md` says what each outage costs. Here shoppers come meanwhile, the connections that
clients try are counted at proxies, and in the end every copy, penny, parcel and mail is accounted
for. Each test leaves good networks behind, and the last one counts.
"""

import math
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from uuid import uuid4

import httpx
import pytest

from bench.audit import findings, messages, told_wrongly, under_way
from bench.shop import count
from bench.told import wrongly_told
from functions.payments.stripe.gateway import RETRIES as STRIPE_RETRIES
from functions.payments.triggers.queues import DELIVERIES
from functions.shipping.service.watching import AT_ONCE, REST
from shared.cache.redis import LEFT_ALONE_SECONDS
from shared.documents import cosmos
from shared.kit.isbn import Isbn
from tests.support.backstage import Staff, advance_clock
from tests.support.far_shop import FarShop, far_shop, networks
from tests.support.faulty_proxy import FaultyProxy
from tests.support.ports import free_ports
from tests.support.shopper import PATIENCE_SECONDS, Json, Shopper, until

GOES_ON = {"redis", "stripe", "carrier", "mail"}
"""What is down when the shop opens."""
TIMER_SECONDS = 30
"""How often payments are compared with Stripe, and at most `ready` asks others' services."""
FIRST_MAIL_WAIT_SECONDS = 3.75
LISTENERS, OUTBOXES = 15, 5
SHOPPERS, FAULTS, SEED = 5, 16, 9
LOCK_SECONDS = 60
"""`LockDuration` of every entity: a fault may cost a message a lock that nobody lets go of."""


class Visitor(Shopper):
    """A guest, whose browser has a network of its own."""

    def __init__(self, far: FarShop) -> None:
        super().__init__(far.shop)
        self._sandbox = far.shop.sandbox_url

    def browse(self, isbn: Isbn) -> None:
        self.ask("GET", "books?q=lighthouse&facets=true")
        for _ in range(2):
            assert self.ask("GET", f"books/{isbn}")["isbn"] == isbn
        self.ask("GET", f"books/{isbn}/availability")

    def begin(self, *items: Isbn) -> Json:
        """Each under an address of its own, by which its mails are found."""
        started = self.start(*items, email=f"{uuid4().hex}@example.org")
        assert started.status_code == 202, started.text
        checkout: Json = started.json()
        return checkout

    def pay(self, checkout: Json, card: str = "pm_card_visa") -> httpx.Response:
        payment = {**checkout["payment"], "api_base": self._sandbox}
        paid = super().pay({**checkout, "payment": payment}, card)
        assert paid.json()["status"] == "succeeded", paid.text
        return paid

    def finish(self, checkout: Json) -> Json:
        payable = self.follow(checkout, "awaiting_payment")
        self.pay(payable)
        return self.follow(payable, "confirmed")


class Stubborn(Visitor):
    """Tries again what the shop cannot do now; it has to say so by 503, and when to come back."""

    def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        last_call = time.monotonic() + PATIENCE_SECONDS
        while (reply := super().call(method, path, body, **headers)).status_code == 503:
            assert time.monotonic() < last_call, reply.text
            time.sleep(float(reply.headers["retry-after"]))
        return reply


class Tries:
    """Connections that were tried since it was made."""

    def __init__(self, network: FaultyProxy) -> None:
        self._network = network
        self._before = network.connections
        self._began = time.monotonic()

    def __call__(self) -> int:
        return self._network.connections - self._before

    def every(self, seconds: float) -> int:
        """How often something happened that happens so often at most."""
        return 1 + math.ceil((time.monotonic() - self._began) / seconds)


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarShop]:
    """Opened while all is away that it can do without."""
    folder, port = tmp_path_factory.mktemp("far"), free_ports(3)
    with networks(folder, port) as (between, cosmos_url):
        between.cache.is_silent = True
        for network in (between.stripe, between.carrier, between.mail):
            network.is_broken = True
        with far_shop(folder, port, between, cosmos_url) as opened:
            yield opened


@pytest.fixture(scope="module")
def staff(far: FarShop) -> Iterator[Staff]:
    with closing(Staff(far.shop)) as opened:
        yield opened


@pytest.fixture(scope="module")
def isbn(staff: Staff) -> Isbn:
    return staff.new_book(stock=100)


@pytest.fixture
def visitor(far: FarShop) -> Iterator[Visitor]:
    with closing(Visitor(far)) as opened:
        yield opened


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """How checkouts ended, by their ids, as shoppers were told."""
    return {}


@contextmanager
def broken(network: FaultyProxy) -> Iterator[Tries]:
    """Connections break, and new ones as soon as they are there."""
    network.is_broken = True
    network.cut()
    try:
        yield Tries(network)
    finally:
        network.heal()


@contextmanager
def silent(network: FaultyProxy) -> Iterator[Tries]:
    network.is_silent = True
    try:
        yield Tries(network)
    finally:
        network.heal()


def test_a_shop_opens_without_redis_stripe_the_carrier_and_mail(far: FarShop) -> None:
    until(far.ready, lambda said: said == (200, "degraded", GOES_ON))


def test_without_redis_and_stripe_shoppers_come_as_far_as_to_pay(
    far: FarShop, isbn: Isbn, visitor: Visitor, told: dict[str, str]
) -> None:
    looks, calls = Tries(far.networks.cache), Tries(far.networks.stripe)
    for _ in range(10):
        visitor.browse(isbn)
    visitor.add(isbn)
    checkout = visitor.begin()
    until(lambda: logged(far, "payment.left_to_the_timer"), bool)
    assert visitor.look(checkout)["payment"] is None
    assert visitor.cart() == {isbn: 1}
    assert looks() <= looks.every(LEFT_ALONE_SECONDS)
    # The request's deliveries, and what the timer and `ready` ask.
    each = 1 + STRIPE_RETRIES
    assert calls() <= DELIVERIES * each + (each + 1) * calls.every(TIMER_SECONDS)
    until(lambda: messages(far.shop.state, far.bus), lambda left: left == {})
    far.networks.cache.heal()
    far.networks.stripe.heal()
    advance_clock(far.shop, "PT2M")
    told[checkout["id"]] = visitor.finish(checkout)["status"]
    until(visitor.cart, lambda cart: cart == {})


def test_without_the_carrier_and_mail_orders_are_placed_and_parcels_and_mails_follow(
    far: FarShop, isbn: Isbn, visitor: Visitor, told: dict[str, str]
) -> None:
    with broken(far.networks.carrier) as asked, broken(far.networks.mail) as handed_in:
        orders = [visitor.finish(visitor.begin(isbn)) for _ in range(2)]
        told.update((one["id"], one["status"]) for one in orders)
        until(lambda: (asked(), handed_in()), lambda counts: min(counts) >= 2)
        most = AT_ONCE * asked.every(REST.total_seconds()) + asked.every(TIMER_SECONDS)
        assert asked() <= most
        # Of each order one, and of what the test before has left; each waits twice as long.
        each = math.log2(handed_in.every(FIRST_MAIL_WAIT_SECONDS)) + 1
        assert handed_in() <= (len(orders) + 1) * each + handed_in.every(TIMER_SECONDS)
        shown = [visitor.look(one)["status"] for one in orders]
        assert shown == ["confirmed"] * len(orders)
    until(lambda: mails_sent(far), lambda count: count == len(told))
    until(lambda: wrongly_told(far.shop.state, "label_bought"), lambda left: left == [])


def test_without_cosmos_db_there_is_no_cart_and_all_else_goes_on(
    far: FarShop, isbn: Isbn, visitor: Visitor, told: dict[str, str]
) -> None:
    visitor.add(isbn)
    payable = visitor.follow(visitor.begin(), "awaiting_payment")
    with closing(Visitor(far)) as other, silent(far.networks.carts):
        until(far.ready, lambda said: "cart documents" in said[2])
        assert far.ready()[:2] == (503, "not-ready")
        visitor.browse(isbn)
        tries = Tries(far.networks.carts)
        refused = visitor.call("GET", "cart")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        told[payable["id"]] = visitor.finish(payable)["status"]
        at_once = other.finish(other.begin(isbn))
        told[at_once["id"]] = at_once["status"]
        # The shopper's call, the check of `ready`, and what the cart was told of its order since.
        calls = 2 + tries.every(cosmos.OPERATION_SECONDS)
        assert tries() <= calls * (1 + cosmos.RETRIES)
    until(visitor.cart, lambda cart: cart == {})


@pytest.mark.parametrize("outage", [broken, silent])
def test_without_service_bus_orders_are_taken_and_wait(
    far: FarShop, isbn: Isbn, visitor: Visitor, told: dict[str, str], outage: object
) -> None:
    assert callable(outage)
    with outage(far.networks.bus) as tries:
        until(far.ready, lambda said: "service bus" in said[2])
        assert far.ready()[:2] == (503, "not-ready")
        visitor.browse(isbn)
        visitor.add(isbn)
        checkout = visitor.begin()
        until(lambda: visitor.look(checkout), lambda found: found["totals"] is not None)
        assert visitor.look(checkout)["payment"] is None
        # The host's listeners grow tired, and outboxes are tried every ten seconds.
        assert tries() <= (LISTENERS + OUTBOXES) * tries.every(1)
    told[checkout["id"]] = visitor.finish(checkout)["status"]
    until(visitor.cart, lambda cart: cart == {})


def test_on_networks_that_delay_and_break_every_shopper_gets_what_was_paid_for(
    far: FarShop, isbn: Isbn, told: dict[str, str]
) -> None:
    def shop() -> None:
        with closing(Stubborn(far)) as shopper:
            shopper.browse(isbn)
            shopper.add(isbn)
            done = shopper.finish(shopper.begin())
            told[done["id"]] = done["status"]

    with ThreadPoolExecutor(SHOPPERS) as crowd:
        visits = [crowd.submit(shop) for _ in range(SHOPPERS)]
        misbehave(far.networks.each(), random.Random(SEED))
        while wait(visits, timeout=1).not_done:
            advance_clock(far.shop, "PT10S")
        for visit in visits:
            visit.result()


def misbehave(between: Sequence[FaultyProxy], dice: random.Random) -> None:
    for network in between:
        network.delay = 0.02
    for _ in range(FAULTS):
        network = dice.choice(between)
        with dice.choice((broken, silent))(network):
            time.sleep(dice.uniform(0.1, 0.8))
        network.delay = 0.02
    for network in between:
        network.heal()


def test_afterwards_nothing_is_lost_or_doubled(far: FarShop, told: dict[str, str]) -> None:
    until(far.ready, lambda said: said == (200, "ready", set()))
    state = far.shop.state

    def left() -> list[str]:
        moving = under_way(state) or [*messages(state, far.bus)]
        if moving:
            advance_clock(far.shop, "PT1M")
        return moving

    until(left, lambda moving: not moving, patience=LOCK_SECONDS + PATIENCE_SECONDS)
    assert findings(state, far.bus, far.carts()) == []
    assert told_wrongly(state, told) == []
    assert len(told) >= SHOPPERS
    until(lambda: mails_sent(far), lambda count: count == len(told))
    until(lambda: wrongly_told(state, "label_bought"), lambda wrong: wrong == [])


def mails_sent(far: FarShop) -> int:
    question = "SELECT COUNT(*) FROM mails WHERE state = 'sent'"
    return count(far.shop.state / "notifications.db", question)


def logged(far: FarShop, event: str) -> bool:
    return event in far.shop.log.read_text("utf-8", "replace")
