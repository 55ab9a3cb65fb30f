"""A mail as RFC 5322 has it, for providers that take it whole."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr

from functions.notifications.model import MailRefused, Outgoing
from shared.kit.clock import Clock

_LONGEST_LINE = 998
"""RFC 5322, 2.1.1. Folded sooner, an address of a page would be encoded, and no longer be one."""


def message(mail: Outgoing, sender: str, reply_to: str | None, clock: Clock) -> EmailMessage:
    """Text and HTML. The Message-Id is the mail's own at each try. Raises MailRefused for an
    address that no mail can have."""
    name, address = parseaddr(sender)
    domain = address.rpartition("@")[2]
    to = reachable(mail.to)
    policy = SMTP if to.isascii() else SMTPUTF8
    made = EmailMessage(policy=policy.clone(max_line_length=_LONGEST_LINE))
    made["From"] = _address(name, address)
    try:
        made["To"] = _address(shown_name(mail), to)
    except ValueError:
        raise MailRefused("bad-address") from None
    made["Subject"] = mail.letter.subject
    made["Date"] = format_datetime(clock.machine_now())
    made["Message-ID"] = f"<{mail.id}@{domain}>"
    if reply_to is not None:
        made["Reply-To"] = _address("", reply_to)
    made["Auto-Submitted"] = "auto-generated"
    for header, value in unsubscribe_headers(mail).items():
        made[header] = value
    made.set_content(mail.letter.text)
    made.add_alternative(mail.letter.html, subtype="html")
    return made


def reachable(address: str) -> str:
    """With the domain as DNS has it (IDNA), so that few servers need to know more than ASCII.

    Raises MailRefused for what is no address.
    """
    local, _, domain = address.rpartition("@")
    try:
        encoded = domain.encode("idna").decode("ascii")
    except UnicodeError:
        encoded = ""
    if not (local and encoded):
        raise MailRefused("bad-address") from None
    return f"{local}@{encoded}"


def shown_name(mail: Outgoing) -> str:
    """In one line: nothing that somebody is called makes a header."""
    return " ".join(mail.to_name.split())


def unsubscribe_headers(mail: Outgoing) -> dict[str, str]:
    """A mail client's own button takes these (RFC 8058)."""
    if mail.unsubscribe is None:
        return {}
    return {
        "List-Unsubscribe": f"<{mail.unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    # A quoted local part comes quoted; the registry quotes it itself.
    if local.startswith('"') and local.endswith('"'):
        local = local[1:-1]
    return Address(name, local, domain)
