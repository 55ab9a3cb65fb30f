"""Any SMTP server, by the standard library.

SMTP knows no idempotency: where a connection breaks after the mail was handed over, the same mail
goes again under the same Message-Id, and mailboxes show one of the two at most.
"""

import smtplib
import ssl
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from functions.notifications.mail.message import message
from functions.notifications.model import MailNotSent, MailRefused, Outgoing
from shared.kit.clock import Clock

PATIENCE_SECONDS = 20.0
_SUBMISSION, _SUBMISSIONS = 587, 465
_OPERATORS = frozenset({"530", "534", "535", "538"})
"""Authentication: an operator can mend it, and then the mail goes."""
_BUSY = timedelta(minutes=1)


class SmtpMail:
    """`url` is `smtp://user:password@host:port` (STARTTLS) or `smtps://...` (TLS from the start).
    Without TLS nothing is sent but to this machine itself."""

    def __init__(
        self,
        url: str,
        sender: str,
        reply_to: str | None,
        clock: Clock,
        trust: ssl.SSLContext | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (_SUBMISSIONS if self._is_tls else _SUBMISSION)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._sender = sender
        self._reply_to = reply_to
        self._clock = clock
        self._trust = trust
        self._patience = patience

    def send(self, mail: Outgoing, *, again: bool) -> str | None:
        made = message(mail, self._sender, self._reply_to, self._clock)
        try:
            with self._connected() as server:
                server.send_message(made)
        # From None throughout: the library's errors quote the recipient.
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(*next(iter(error.recipients.values()))) from None
        except smtplib.SMTPNotSupportedError:
            raise MailRefused("smtputf8-not-supported") from None
        except smtplib.SMTPResponseException as error:
            raise _refusal(error.smtp_code, error.smtp_error) from None
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotSent(type(error).__name__) from None
        return None

    def _connected(self) -> smtplib.SMTP:
        trust = self._trust or ssl.create_default_context()
        if self._is_tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._patience, context=trust
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._patience)
        try:
            if not self._is_tls:
                server.ehlo_or_helo_if_needed()
                if server.has_extn("starttls"):
                    server.starttls(context=trust)
                elif not _is_here(self._host):
                    raise MailNotSent("no-tls")
            if self._user:
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server


def _refusal(code: int, said: bytes | str) -> MailRefused | MailNotSent:
    """5yz is for good, 4yz for now (RFC 5321, 4.2.1)."""
    text = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    enhanced = text.split(" ", 1)[0]
    is_code = enhanced.replace(".", "").isdecimal() and enhanced.count(".") == 2
    shown = f"{code} {enhanced}" if is_code else str(code)
    if 500 <= code < 600 and str(code) not in _OPERATORS:
        return MailRefused(shown)
    return MailNotSent(shown, _BUSY if code == 421 else None)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
