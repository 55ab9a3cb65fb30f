"""Sends mails that wait: one sender at a time for each, tried again for days, then given up.

What can be promised: a mail is recorded as planned before any provider hears of it, and as sent
after the provider took it. If we die in between it is sent again, under the same id, by which a
provider that keeps ids takes it for the same.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from functions.notifications.model import (
    GIVE_UP_AFTER,
    LEASE,
    LOOK_AFTER,
    OPTIONAL,
    QUEUE,
    STAFF,
    UNDERWAY,
    Mail,
    MailHopeless,
    MailId,
    MailNotSent,
    MailRefused,
    Outgoing,
    SendMail,
    State,
    Subscriber,
    next_wait,
)
from functions.notifications.ports import Letters, MailPort, Transaction, Transactions
from functions.notifications.service.subscribers import Subscribers
from shared.contracts.catalogue import Quotes
from shared.contracts.orders import Receipts
from shared.kit.clock import Clock
from shared.kit.isbn import Isbn
from shared.telemetry import get_logger, span

log = get_logger("notifications")

_AT_ONCE = 500
_STAFF_LOCALE = "en-GB"


@dataclass(frozen=True, slots=True)
class Pages:
    """Where a mail's links lead: pages of the shop window."""

    shop: str

    def order(self, order_id: str, token: str | None) -> str:
        """A guest's opens by its token, which no server's log sees behind `#`; a customer signs
        in."""
        page = f"{self.shop}/order.html?id={order_id}"
        return page if token is None else f"{page}#token={token}"

    def unsubscribe(self, token: str) -> str:
        return f"{self.shop}/api/v1/notifications/unsubscribe?token={token}"

    def book(self, isbn: str) -> str:
        return f"{self.shop}/book.html?isbn={isbn}"

    def payment(self, order_id: str) -> str:
        """For staff alone."""
        return f"{self.shop}/api/v1/admin/payments/{order_id}"


class _NoMail(Exception):
    """It is not to be sent; `state` and `reason` say why."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class Sending:
    def __init__(
        self,
        transactions: Transactions,
        receipts: Receipts,
        quotes: Quotes,
        letters: Letters,
        port: MailPort,
        subscribers: Subscribers,
        pages: Pages,
        clock: Clock,
        staff: Sequence[str],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._transactions = transactions
        self._receipts = receipts
        self._quotes = quotes
        self._letters = letters
        self._port = port
        self._subscribers = subscribers
        self._pages = pages
        self._clock = clock
        self._staff = staff
        self._chance = chance

    def send(self, mail_id: str) -> None:
        """Sends the mail if it is due and nobody else is at it. Raises MailHopeless."""
        until = self._clock.machine_now() + LEASE
        mail = self._transactions.run(lambda now: now.mails.claim(MailId(mail_id), until))
        if mail is None:
            return
        try:
            outgoing = self._composed(mail)
        except _NoMail as decided:
            self._settle(mail, decided.state, decided.reason)
            return
        try:
            with span("send mail", kind="client", attributes={"mail.kind": mail.kind}):
                provider_id = self._port.send(outgoing, again=mail.tries > 1)
        except MailRefused as refused:
            self._give_up(mail, refused.code)
        except MailNotSent as error:
            if self._clock.machine_now() - mail.since >= GIVE_UP_AFTER:
                self._give_up(mail, error.code)
            self._put_off(mail, error)
        else:
            self._settle(mail, "sent", provider_id=provider_id)
            log.info("mail.sent", mail_id=mail.id, kind=mail.kind, about=mail.about)

    def wake_overdue(self) -> int:
        """Has senders look at what was put off, and at what was lost on its way to them; says how
        much that was. Any number of processes may call it."""
        again = self._clock.machine_now() + LOOK_AFTER

        def work(transaction: Transaction) -> int:
            found = transaction.mails.overdue(again, _AT_ONCE)
            for mail_id in found:
                transaction.outbox.add(QUEUE, mail_id, SendMail(mail_id=mail_id), in_session=False)
            return len(found)

        woken = 0
        while count := self._transactions.run(work):
            woken += count
        return woken

    def _composed(self, mail: Mail) -> Outgoing:
        return self._to_staff(mail) if mail.kind in STAFF else self._to_buyer(mail)

    def _to_buyer(self, mail: Mail) -> Outgoing:
        """Raises _NoMail."""
        receipt = self._receipts.receipt(mail.about)
        contact = None if receipt is None else receipt.contact
        if receipt is None or contact is None:
            raise _NoMail("dropped", "erased")
        if mail.kind == "payment_failed" and receipt.is_paid:
            raise _NoMail("dropped", "paid meanwhile")
        unsubscribe = None
        if mail.kind in OPTIONAL:
            # Of today: the customer may have been erased, and the buyer be a guest since.
            subscriber = self._subscribers.buyer(contact.customer_id, contact.email)
            self._check_wanted(mail, subscriber)
            unsubscribe = self._pages.unsubscribe(self._subscribers.token(subscriber))
        is_guest = contact.customer_id is None
        token = self._receipts.link(mail.about) if is_guest else None
        page = self._pages.order(mail.about, token)
        letter = self._letters.write(
            mail.kind,
            contact.locale,
            mail.facts,
            receipt=receipt,
            order_page=page if receipt.placed_at is not None else None,
            unsubscribe_page=unsubscribe,
        )
        return Outgoing(mail.id, contact.email, contact.name, letter, unsubscribe)

    def _check_wanted(self, mail: Mail, subscriber: Subscriber) -> None:
        """Raises _NoMail."""

        def look(transaction: Transaction) -> tuple[bool, bool]:
            over = mail.kind in UNDERWAY and mail.shipment_id is not None
            over = over and transaction.mails.has_arrived(mail.shipment_id or "")
            return mail.kind in transaction.switches.off(subscriber), over

        is_off, is_over = self._transactions.look(look)
        if is_off:
            raise _NoMail("unwanted", "switched off")
        if is_over:
            raise _NoMail("dropped", "arrived meanwhile")

    def _to_staff(self, mail: Mail) -> Outgoing:
        for address in self._staff:
            if self._subscribers.address(address) == mail.subscriber:
                more = self._of_book(mail) if mail.kind == "stock_low" else self._of_order(mail)
                letter = self._letters.write(mail.kind, _STAFF_LOCALE, {**mail.facts, **more})
                return Outgoing(mail.id, address, "", letter)
        raise _NoMail("dropped", "no longer on the staff")

    def _of_book(self, mail: Mail) -> dict[str, Any]:
        isbn = Isbn(mail.about)
        quote = self._quotes.quotes([isbn]).get(isbn)
        title = None if quote is None else quote.title
        return {"isbn": isbn, "title": title, "page": self._pages.book(isbn)}

    def _of_order(self, mail: Mail) -> dict[str, Any]:
        receipt = self._receipts.receipt(mail.about)
        number = mail.about if receipt is None else receipt.order_number
        return {"order_number": number, "page": self._pages.payment(mail.about)}

    def _put_off(self, mail: Mail, error: MailNotSent) -> None:
        wait = next_wait(mail.tries, self._chance())
        if error.retry_after is not None:
            wait = max(wait, error.retry_after)
        due_at = self._clock.machine_now() + wait
        self._transactions.run(lambda now: now.mails.put_off(mail, due_at, error.code))
        log.warning("mail.put_off", mail_id=mail.id, kind=mail.kind, code=error.code)

    def _give_up(self, mail: Mail, code: str) -> None:
        """The message that raises this is delivered again a few times, each a last try, and then it
        lies among the dead letters, from where it can be sent anew."""
        self._settle(mail, "failed", code)
        log.error("mail.hopeless", mail_id=mail.id, kind=mail.kind, about=mail.about, code=code)
        # From None: a provider's own error may quote the address.
        raise MailHopeless(mail.id, code) from None

    def _settle(
        self, mail: Mail, state: State, reason: str | None = None, provider_id: str | None = None
    ) -> None:
        self._transactions.run(lambda now: now.mails.settle(mail, state, reason, provider_id))
