"""Who gets mails, without saying who that is; and links by which they unsubscribe."""

import base64
import hashlib
import hmac

from functions.notifications.model import BadLink, Subscriber


class Subscribers:
    """Keyed by the shop's secret, so that a digest cannot be found by trying addresses."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def customer(self, customer_id: str) -> Subscriber:
        return self._digest(f"customer:{customer_id}")

    def address(self, email: str) -> Subscriber:
        """The same for an address in any case."""
        return self._digest(f"address:{email.casefold()}")

    def buyer(self, customer_id: str | None, email: str) -> Subscriber:
        return self.address(email) if customer_id is None else self.customer(customer_id)

    def token(self, subscriber: Subscriber) -> str:
        """For a link that never ends: who gets mails must always be able to stop them."""
        return f"{subscriber}.{self._signed(subscriber)}"

    def of_token(self, token: str) -> Subscriber:
        """Raises BadLink."""
        subscriber, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signed(subscriber).encode()):
            raise BadLink("The link is not complete; open it from the mail once more.")
        return Subscriber(subscriber)

    def _digest(self, said: str) -> Subscriber:
        found = hmac.digest(self._secret, f"subscriber:{said}".encode(), hashlib.sha256)
        return Subscriber(found.hex())

    def _signed(self, said: str) -> str:
        digest = hmac.digest(self._secret, f"unsubscribe:{said}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
