"""The sandbox's mailbox, over HTTP: it shows what was sent, and sends nothing."""

from datetime import timedelta
from email.utils import parseaddr

from urllib3 import PoolManager
from urllib3.exceptions import HTTPError

from functions.notifications.mail.message import reachable, shown_name, unsubscribe_headers
from functions.notifications.model import MailNotSent, MailRefused, Outgoing

_PATIENCE_SECONDS = 10.0
_AT_ONCE = 16
"""Connections that are kept: as many as there are threads of functions."""


class SandboxMail:
    def __init__(
        self, url: str, sender: str, reply_to: str | None, patience: float = _PATIENCE_SECONDS
    ) -> None:
        self._url = f"{url}/messages"
        self._sender = sender
        self._reply_to = reply_to
        self._http = PoolManager(timeout=patience, retries=False, maxsize=_AT_ONCE)

    def send(self, mail: Outgoing, *, again: bool) -> str | None:
        domain = parseaddr(self._sender)[1].rpartition("@")[2]
        body = {
            "id": mail.id,
            "message_id": f"<{mail.id}@{domain}>",
            "from": self._sender,
            "to": reachable(mail.to),
            "to_name": shown_name(mail),
            "reply_to": self._reply_to,
            "subject": mail.letter.subject,
            "text": mail.letter.text,
            "html": mail.letter.html,
            "headers": unsubscribe_headers(mail),
        }
        try:
            answer = self._http.request("POST", self._url, json=body)
        except HTTPError as error:
            raise MailNotSent(type(error).__name__) from None
        if 200 <= answer.status < 300:
            return str(answer.json()["id"])
        code = str(answer.status)
        if answer.status in (400, 413, 422):
            raise MailRefused(code)
        wait = answer.headers.get("retry-after", "")
        raise MailNotSent(code, timedelta(seconds=int(wait)) if wait.isdecimal() else None)

    def close(self) -> None:
        self._http.clear()
