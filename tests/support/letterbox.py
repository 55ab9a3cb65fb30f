"""What a journey's people find in their mailboxes, and what the shop notes of it."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

from tests.conftest import ROOT, Shop
from tests.support.shopper import Json, client, until

_LINK = re.compile(r"https?://\S+")


def new_address() -> str:
    """One that nobody else has; the sandbox's mailbox is shared."""
    return f"reader-{uuid4().hex}@example.org"


class Letterbox:
    """The mails to one address."""

    def __init__(self, shop: Shop, address: str) -> None:
        self._shop = shop
        self.address = address
        self._http = client(shop.sandbox_url)

    def close(self) -> None:
        self._http.close()

    def mails(self) -> Sequence[Json]:
        """The newest first."""
        found: Sequence[Json] = self._http.get(
            "/mailbox/messages", params={"to": self.address}
        ).json()["items"]
        return found

    def about(self, words: str) -> Sequence[Json]:
        return [mail for mail in self.mails() if words in mail["subject"]]

    def until_about(self, words: str, times: int = 1) -> Sequence[Json]:
        """So many mails, and no more, with these words in the subject."""
        found = until(lambda: self.about(words), lambda mails: len(mails) >= times)
        assert len(found) == times, found
        return found

    @contextmanager
    def troubled(self, kind: str, calls: int = 1) -> Iterator[None]:
        """Mails to this address go wrong, as often or until the block ends."""
        said = {"kind": kind, "calls": calls, "to": self.address}
        assert self._http.post("/admin/mailbox/faults", json=said).is_success
        try:
            yield
        finally:
            assert self._http.post("/admin/mailbox/faults", json={"reset": True}).is_success


def link_in(mail: Json) -> str:
    """The first address in the mail's text."""
    found = _LINK.search(mail["text"])
    assert found is not None, mail["text"]
    return found.group()


def noted(shop: Shop, about: str) -> dict[str, tuple[str, Any]]:
    """What the shop keeps of mails about an order: by kind, the state and the customer."""
    with closing(sqlite3.connect(f"file:{shop.state}/notifications.db?mode=ro", uri=True)) as sql:
        rows = sql.execute("SELECT kind, state, customer_id FROM mails WHERE about = ?", (about,))
        return {kind: (state, customer) for kind, state, customer in rows}


def bus(shop: Shop, *arguments: str) -> str:
    """What `python -m funchost bus` says of the shop's broker."""
    command = [sys.executable, "-m", "funchost", "bus", *arguments, "--state", str(shop.state)]
    return subprocess.check_output(command, cwd=ROOT, text=True)
