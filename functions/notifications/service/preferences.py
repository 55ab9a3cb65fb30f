"""What people want to be told, what they were told, and forgetting both."""

from datetime import timedelta

from functions.notifications.model import OPTIONAL, Mail, Preferences
from functions.notifications.ports import Transaction, Transactions
from functions.notifications.service.subscribers import Subscribers
from shared.contracts.notifications import Correspondence, SentMail


class PreferenceBook:
    def __init__(self, transactions: Transactions, subscribers: Subscribers) -> None:
        self._transactions = transactions
        self._subscribers = subscribers

    def of(self, customer_id: str) -> Preferences:
        subscriber = self._subscribers.customer(customer_id)
        return self._transactions.look(
            lambda transaction: Preferences.without(transaction.switches.off(subscriber))
        )

    def replace(self, customer_id: str, said: Preferences) -> Preferences:
        subscriber = self._subscribers.customer(customer_id)
        self._transactions.run(lambda transaction: transaction.switches.turn(subscriber, said.off))
        return said

    def by_link(self, token: str) -> Preferences:
        """Raises BadLink."""
        subscriber = self._subscribers.of_token(token)
        return self._transactions.look(
            lambda transaction: Preferences.without(transaction.switches.off(subscriber))
        )

    def turn_by_link(self, token: str, *, on: bool) -> Preferences:
        """All news of deliveries at once. Raises BadLink."""
        subscriber = self._subscribers.of_token(token)
        off = frozenset() if on else frozenset(OPTIONAL)
        self._transactions.run(lambda transaction: transaction.switches.turn(subscriber, off))
        return Preferences.without(off)

    def correspondence(self, customer_id: str) -> Correspondence:
        """`shared.contracts.notifications.Correspondences`."""
        subscriber = self._subscribers.customer(customer_id)

        def look(transaction: Transaction) -> Correspondence:
            return Correspondence(
                switched_off=tuple(sorted(transaction.switches.off(subscriber))),
                mails=tuple(map(_sent, transaction.mails.of_customer(customer_id))),
            )

        return self._transactions.look(look)

    def forget(self, older_than: timedelta) -> int:
        """Deletes mails that were planned before and are settled; says how many."""

        def work(transaction: Transaction) -> int:
            return transaction.mails.forget(transaction.now - older_than)

        return self._transactions.run(work)


def _sent(mail: Mail) -> SentMail:
    return SentMail(
        kind=mail.kind,
        about=mail.about,
        state=mail.state,
        planned_at=mail.created_at,
        sent_at=mail.sent_at,
    )
