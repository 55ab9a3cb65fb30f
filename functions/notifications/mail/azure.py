"""Azure Communication Services Email, by its own SDK.

A mail's id is its operation id. What an earlier try came to is asked first: only an operation that
the service does not know is begun.
"""

import re
from datetime import timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, Any

from functions.notifications.mail.message import reachable, shown_name, unsubscribe_headers
from functions.notifications.model import MailNotSent, MailRefused, Outgoing

if TYPE_CHECKING:
    from azure.communication.email import EmailClient

PATIENCE_SECONDS = 20.0
_API_VERSION = "2025-09-01"
_BAD_MAIL = frozenset({400, 413, 422})
_CODE = re.compile(r"[A-Za-z]{1,60}")
_TAKEN = frozenset({"NotStarted", "Running", "Succeeded"})


class AzureMail:
    """`sender` must be an address of a domain that is linked to the resource; the name that it is
    shown with is set there."""

    def __init__(self, client: "EmailClient", sender: str, reply_to: str | None) -> None:
        self._client = client
        self._sender = parseaddr(sender)[1]
        self._reply_to = reply_to

    def send(self, mail: Outgoing, *, again: bool) -> str | None:
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            if again and self._is_known(mail.id):
                return mail.id
            self._client.begin_send(
                self._message(mail), operation_id=mail.id, request_id=mail.id, polling=False
            )
        except HttpResponseError as error:
            raise _refusal(error) from None
        except (AzureError, OSError) as error:
            raise MailNotSent(type(error).__name__) from None
        return mail.id

    def _is_known(self, operation_id: str) -> bool:
        from azure.core.exceptions import HttpResponseError
        from azure.core.rest import HttpRequest

        address = f"{{endpoint}}/emails/operations/{operation_id}"
        request = HttpRequest("GET", address, params={"api-version": _API_VERSION})
        answer = self._client.send_request(request)
        if answer.status_code == 404:
            return False
        if answer.status_code != 200:
            raise HttpResponseError(response=answer)
        found = answer.json()
        if found.get("status") in _TAKEN:
            return True
        raise MailRefused(_plain((found.get("error") or {}).get("code")) or "failed")

    def _message(self, mail: Outgoing) -> dict[str, Any]:
        address = reachable(mail.to)
        to = {"address": address, "displayName": shown_name(mail) or address}
        made: dict[str, Any] = {
            "senderAddress": self._sender,
            "recipients": {"to": [to]},
            "content": {
                "subject": mail.letter.subject,
                "plainText": mail.letter.text,
                "html": mail.letter.html,
            },
            "userEngagementTrackingDisabled": True,
        }
        if headers := unsubscribe_headers(mail):
            made["headers"] = headers
        if self._reply_to is not None:
            made["replyTo"] = [{"address": self._reply_to}]
        return made


def email_client(connection_string: str | None, endpoint: str | None, **more: Any) -> "EmailClient":
    """By connection string, or by the app's own identity in Entra to `endpoint`. Trying again is
    ours, so the SDK does not. `more` are options of the SDK's."""
    from azure.communication.email import EmailClient

    options: dict[str, Any] = {
        "retry_total": 0,
        "connection_timeout": PATIENCE_SECONDS,
        "read_timeout": PATIENCE_SECONDS,
        "api_version": _API_VERSION,
        **more,
    }
    if connection_string:
        return EmailClient.from_connection_string(connection_string, **options)
    from azure.identity import DefaultAzureCredential

    assert endpoint is not None
    return EmailClient(endpoint, DefaultAzureCredential(), **options)


def _refusal(error: Any) -> MailRefused | MailNotSent:
    """A mail that the service cannot read is refused for good. What an operator must mend (a key, a
    domain that is not linked) is not: the mail goes when it is mended."""
    status = int(error.status_code or 0)
    headers = getattr(error.response, "headers", {})
    name = _plain(headers.get("x-ms-error-code"))
    code = f"{status} {name}" if name else str(status)
    if status in _BAD_MAIL:
        return MailRefused(code)
    wait = headers.get("retry-after", "")
    return MailNotSent(code, timedelta(seconds=int(wait)) if wait.isdecimal() else None)


def _plain(code: object) -> str:
    """A code as the service writes them; anything else might be a text."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
