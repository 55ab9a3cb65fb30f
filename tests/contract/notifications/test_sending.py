"""One mail for each event and recipient, whatever providers, queues and processes do."""

import logging
import threading
from collections import Counter
from datetime import timedelta

import pytest

from functions.notifications.model import (
    GIVE_UP_AFTER,
    LEASE,
    LOOK_AFTER,
    MailHopeless,
    MailNotSent,
    MailRefused,
    Outgoing,
    Preferences,
    SendMail,
    next_wait,
)
from shared.contracts.envelope import Envelope
from shared.contracts.shipping import ShipmentDispatched, ShipmentOutForDelivery
from tests.support.notifications import START, PostOffice, event


def is_down(mail: Outgoing) -> None:
    raise MailNotSent("503")


def refuses(mail: Outgoing) -> None:
    raise MailRefused("550 5.1.1")


def takes(mail: Outgoing) -> None:
    pass


def dispatched(office: PostOffice, order: str) -> None:
    payload = ShipmentDispatched(
        order_id=order,
        shipment_id=f"s-{order}",
        at=START,
        carrier="Royal Mail",
        tracking_number="RM1",
        remaining=0,
    )
    office.telling.dispatched(event(f"dispatched-{order}"), payload)


def states(office: PostOffice) -> Counter[tuple[str, str | None]]:
    with office.database.primary() as connection:
        return Counter(
            (row.state, row.reason)
            for row in connection.exec_driver_sql("SELECT state, reason FROM mails")
        )


def test_a_provider_that_is_down_for_an_hour_gets_every_mail_once_afterwards(
    office: PostOffice,
) -> None:
    office.provider.then = is_down
    orders = [office.order(f"buyer{number}@example.org") for number in range(4)]
    for order in orders:
        office.placed(order)
    office.deliver()
    office.pass_time(timedelta(hours=1), step=timedelta(minutes=5))
    assert office.provider.taken == []
    office.provider.then = takes
    office.pass_time(timedelta(minutes=15), step=timedelta(minutes=5))
    assert len(office.provider.taken) == 4
    office.pass_time(timedelta(hours=1), step=timedelta(minutes=30))
    assert len({mail.to for mail in office.provider.taken}) == len(office.provider.taken) == 4
    assert office.dead == []
    assert states(office) == {("sent", None): 4}


def test_a_provider_is_asked_less_and_less_often() -> None:
    waits = [next_wait(tries, 0.0) for tries in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=5)
    assert waits[-1] == next_wait(10_000, 0.0) == timedelta(minutes=10)
    assert next_wait(3, 1.0) == waits[2] * 0.75


def test_a_provider_that_names_a_time_is_not_asked_before(office: PostOffice) -> None:
    def is_busy(mail: Outgoing) -> None:
        raise MailNotSent("429", timedelta(minutes=30))

    office.provider.then = is_busy
    office.placed(office.order())
    office.deliver()
    office.provider.then = takes
    office.pass_time(timedelta(minutes=29), step=timedelta(minutes=29))
    assert office.provider.calls == 1
    office.pass_time(timedelta(minutes=2))
    assert len(office.provider.taken) == 1


def test_a_refused_mail_lies_among_the_dead_letters_and_goes_when_it_is_replayed(
    office: PostOffice,
) -> None:
    office.provider.then = refuses
    office.placed(office.order())
    office.deliver()
    [dead] = office.dead
    assert states(office) == {("failed", "550 5.1.1"): 1}
    calls = office.provider.calls
    office.pass_time(timedelta(days=1), step=timedelta(hours=8))
    assert office.provider.calls == calls, "no timer brings it back"
    office.provider.then = takes
    office.queue.waiting.append(dead)
    office.deliver()
    assert len(office.provider.taken) == 1
    assert states(office) == {("sent", None): 1}
    office.queue.waiting.append(dead)
    office.deliver()
    assert len(office.provider.taken) == 1


def test_a_provider_that_never_comes_back_ends_in_the_dead_letters(office: PostOffice) -> None:
    office.provider.then = is_down
    office.placed(office.order())
    office.deliver()
    office.pass_time(GIVE_UP_AFTER - timedelta(hours=1), step=timedelta(hours=8))
    assert office.dead == []
    office.pass_time(timedelta(hours=2), step=timedelta(hours=1))
    assert len(office.dead) == 1
    assert states(office) == {("failed", "503"): 1}


def test_a_mail_that_the_queue_lost_is_brought_by_the_timer(office: PostOffice) -> None:
    office.placed(office.order())
    office.relay.send_due()
    office.queue.waiting.clear()
    office.pass_time(LOOK_AFTER - timedelta(minutes=1), step=LOOK_AFTER)
    assert office.provider.taken == []
    office.pass_time(timedelta(minutes=1))
    assert len(office.provider.taken) == 1


def test_a_message_that_comes_again_sends_nothing_again(office: PostOffice) -> None:
    office.placed(office.order())
    office.relay.send_due()
    [message] = office.queue.waiting
    office.queue.waiting = [message] * 3
    office.deliver()
    assert office.provider.calls == 1


def test_sixteen_senders_of_one_mail_send_it_once(office: PostOffice) -> None:
    office.placed(office.order())
    office.relay.send_due()
    [message] = office.queue.waiting
    at_once = threading.Barrier(16)
    mail_id = _mail_id(office)

    def send() -> None:
        at_once.wait()
        office.sending.send(mail_id)

    threads = [threading.Thread(target=send) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(office.provider.taken) == office.provider.calls == 1
    assert message.id


def test_sixteen_consumers_of_one_event_plan_one_mail(office: PostOffice) -> None:
    order = office.order()
    at_once = threading.Barrier(16)

    def consume() -> None:
        at_once.wait()
        office.placed(order)

    threads = [threading.Thread(target=consume) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    office.deliver()
    assert len(office.provider.taken) == 1


def test_the_one_window_dying_between_the_providers_yes_and_our_note(office: PostOffice) -> None:
    """The mail goes a second time, under the same id, after the lease: here the provider does not
    keep ids. One that does makes one mail of the two (see the providers' contract)."""

    class Died(BaseException):
        pass

    def takes_and_we_die(mail: Outgoing) -> None:
        office.provider.taken.append(mail)
        raise Died

    office.provider.then = takes_and_we_die
    office.placed(office.order())
    with pytest.raises(Died):
        office.deliver()
    office.provider.then = takes
    office.pass_time(LEASE - timedelta(minutes=1))
    assert len(office.provider.taken) == 1
    office.pass_time(timedelta(minutes=2))
    first, second = office.provider.taken
    assert first.id == second.id
    office.pass_time(timedelta(hours=1), step=timedelta(minutes=30))
    assert len(office.provider.taken) == 2


def test_a_sender_that_was_too_slow_does_not_undo_what_another_noted(office: PostOffice) -> None:
    office.placed(office.order())
    office.relay.send_due()
    mail_id = _mail_id(office)

    def sleeps_past_its_lease(mail: Outgoing) -> None:
        office.clock.advance(LEASE + timedelta(seconds=1))
        office.provider.then = takes
        office.sending.send(mail_id)
        raise MailNotSent("TimeoutError")

    office.provider.then = sleeps_past_its_lease
    office.sending.send(mail_id)
    assert states(office) == {("sent", None): 1}


def test_what_is_switched_off_is_not_sent_and_the_rest_is(office: PostOffice) -> None:
    order = office.order("eve@example.org", "eve")
    office.book.replace("eve", Preferences(dispatched=False))
    office.placed(order)
    dispatched(office, order)
    payload = ShipmentOutForDelivery(
        order_id=order,
        shipment_id=f"s-{order}",
        at=START,
        carrier="Royal Mail",
        tracking_number="RM1",
    )
    office.telling.out_for_delivery(event("out"), payload)
    office.deliver()
    subjects = " ".join(office.provider.subjects())
    assert len(office.provider.taken) == 2
    assert "is placed" in subjects
    assert "out for delivery" in subjects
    assert states(office)["unwanted", "switched off"] == 1


def test_only_news_of_deliveries_carry_a_link_to_stop_them_and_it_works(
    office: PostOffice,
) -> None:
    order = office.order()
    office.placed(order)
    dispatched(office, order)
    office.deliver()
    placed, sent = office.provider.taken
    assert placed.unsubscribe is None
    assert sent.unsubscribe is not None
    assert sent.unsubscribe in sent.letter.text
    office.book.turn_by_link(sent.unsubscribe.rpartition("=")[2], on=False)
    again = office.order("Anna@Example.org")
    dispatched(office, again)
    office.deliver()
    assert len(office.provider.taken) == 2
    dispatched(office, office.order("other@example.org"))
    office.deliver()
    assert office.provider.taken[-1].to == "other@example.org"


def test_no_address_reaches_a_log_or_an_error(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for then in (takes, is_down, refuses):
        office.provider.then = then
        office.placed(office.order("secret.anna@example.org"))
        office.deliver()
    [dead] = office.dead
    with pytest.raises(MailHopeless) as caught:
        office.sending.send(Envelope.parse(dead.body).payload(SendMail).mail_id)
    assert caught.value.__cause__ is None
    assert "mail.hopeless" in caplog.text
    assert "secret.anna" not in caplog.text + str(caught.value)


def test_old_mails_are_forgotten_and_those_that_wait_are_not(office: PostOffice) -> None:
    office.placed(office.order())
    office.deliver()
    office.provider.then = is_down
    office.placed(office.order())
    office.deliver()
    office.clock.advance_business(timedelta(days=31))
    assert office.book.forget(timedelta(days=30)) == 1
    assert [state for state, _ in states(office)] == ["waiting"]


def _mail_id(office: PostOffice) -> str:
    """Of the only mail that waits."""
    with office.database.primary() as connection:
        return str(
            connection.exec_driver_sql("SELECT id FROM mails WHERE state = 'waiting'").scalar_one()
        )
