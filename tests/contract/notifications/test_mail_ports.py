"""The mail port on each provider: the sandbox's mailbox, SMTP, Azure Communication Services."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.communication.email import EmailClient
from azure.core.exceptions import HttpResponseError

from functions.notifications.mail.azure import AzureMail, email_client
from functions.notifications.mail.sandbox import SandboxMail
from functions.notifications.mail.smtp import SmtpMail
from functions.notifications.model import Letter, MailId, MailNotSent, MailRefused, Outgoing
from functions.notifications.ports import MailPort
from shared.kit.clock import MachineClock
from tests.support.azure_mail import AzureMailService, azure_mail_service
from tests.support.certificates import certificate_for_loopback
from tests.support.ports import free_ports
from tests.support.smtp_server import SmtpServer, smtp_server
from tests.support.stripe import stripe_sandbox

SENDER = "Bücher & Co <orders@books.test>"
STOP = "https://books.test/api/v1/notifications/unsubscribe?token=abc"


@dataclass(frozen=True)
class Arrived:
    """A mail as its provider got it. `id` is by what provider or mailbox knows it again."""

    id: str
    to: str
    name: str
    sender: str
    reply_to: str
    subject: str
    text: str
    html: str
    unsubscribe: str | None


@dataclass
class Provider:
    """`knows_ids`: the same mail twice is one for it. `unreachable` has nobody listening."""

    port: MailPort
    arrived: Callable[[], list[Arrived]]
    go_down: Callable[[], None]
    come_back: Callable[[], None]
    refuse: Callable[[], None]
    lose_answers: Callable[[], None]
    unreachable: MailPort
    knows_ids: bool = True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate_for_loopback(tmp_path_factory.mktemp("tls"))[0]


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stripe_sandbox(tmp_path_factory.mktemp("mailbox")) as running:
        yield running.url


@pytest.fixture(params=["sandbox", "smtp", "azure"])
def provider(
    request: pytest.FixtureRequest, certificate: Path, sandbox_url: str
) -> Iterator[Provider]:
    if request.param == "smtp":
        with smtp_server(certificate) as server:
            yield by_smtp(server)
    elif request.param == "azure":
        with by_azure(certificate) as opened:
            yield opened
    else:
        with by_sandbox(sandbox_url) as opened:
            yield opened


def smtp(server: SmtpServer, url: str | None = None) -> SmtpMail:
    trust = server.trust()
    return SmtpMail(url or server.url, SENDER, "help@books.test", MachineClock(), trust, 5.0)


def by_smtp(server: SmtpServer) -> Provider:
    def arrived() -> list[Arrived]:
        return [_from_message(one) for one in server.taken]

    return Provider(
        smtp(server),
        arrived,
        lambda: server.answers.update({"MAIL": "451 4.3.0 not now, anna@example.org"}),
        server.answers.clear,
        lambda: server.answers.update({"RCPT": "550 5.1.1 no anna@example.org here"}),
        lambda: setattr(server, "loses_answer", True),
        smtp(server, f"smtp://127.0.0.1:{free_ports()}"),
        knows_ids=False,
    )


def _from_message(one: EmailMessage) -> Arrived:
    to = one["To"].addresses[0]
    sender = one["From"].addresses[0]
    text, html = one.get_body(("plain",)), one.get_body(("html",))
    assert text is not None
    assert html is not None
    stop = one["List-Unsubscribe"]
    if stop is not None:
        assert one["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return Arrived(
        one["Message-ID"].strip("<>").partition("@")[0],
        to.addr_spec.encode("ascii", "surrogateescape").decode(),
        to.display_name,
        f"{sender.display_name} <{sender.addr_spec}>",
        one["Reply-To"],
        one["Subject"],
        text.get_content(),
        html.get_content(),
        None if stop is None else stop.strip("<>"),
    )


@contextmanager
def by_sandbox(url: str) -> Iterator[Provider]:
    with httpx.Client(base_url=url) as http:

        def arrived() -> list[Arrived]:
            return [
                Arrived(
                    one["id"],
                    one["to"],
                    one["to_name"],
                    one["from"],
                    one["reply_to"],
                    one["subject"],
                    one["text"],
                    one["html"],
                    one["headers"].get("List-Unsubscribe", "").strip("<>") or None,
                )
                for one in reversed(http.get("/mailbox/messages").json()["items"])
            ]

        def fault(**said: object) -> None:
            assert http.post("/admin/mailbox/faults", json=said).is_success

        http.delete("/mailbox/messages")
        port = SandboxMail(f"{url}/mailbox", SENDER, "help@books.test")
        away = SandboxMail(f"http://127.0.0.1:{free_ports()}/mailbox", SENDER, None)
        try:
            yield Provider(
                port,
                arrived,
                lambda: fault(kind="down", calls=1000),
                lambda: fault(reset=True),
                lambda: fault(kind="refuse", calls=1000, to="ANNA@"),
                lambda: fault(kind="lost_answer"),
                away,
            )
        finally:
            fault(reset=True)
            port.close()
            away.close()


@contextmanager
def azure(certificate: Path) -> Iterator[tuple[AzureMailService, EmailClient]]:
    """The service and the SDK's client."""
    trust = {"connection_verify": str(certificate)}
    with (
        azure_mail_service(certificate) as service,
        email_client(service.connection_string, None, **trust) as client,
    ):
        yield service, client


@contextmanager
def by_azure(certificate: Path) -> Iterator[Provider]:
    with azure(certificate) as (service, client), _nobody() as nobody:
        yield _azure(service, AzureMail(client, SENDER, "help@books.test"), nobody)
        assert service.faults == []


@contextmanager
def _nobody() -> Iterator[AzureMail]:
    gone = f"endpoint=https://127.0.0.1:{free_ports()}/;accesskey=a2V5"
    with email_client(gone, None) as client:
        yield AzureMail(client, SENDER, None)


def _azure(service: AzureMailService, port: AzureMail, nobody: AzureMail) -> Provider:
    def arrived() -> list[Arrived]:
        return [
            Arrived(
                operation,
                mail.recipients.to[0].address,
                mail.recipients.to[0].display_name or "",
                mail.sender_address,
                mail.reply_to[0].address,
                mail.content.subject,
                mail.content.plain_text or "",
                mail.content.html or "",
                mail.headers.get("List-Unsubscribe", "").strip("<>") or None,
            )
            for operation, mail in service.taken.items()
        ]

    return Provider(
        port,
        arrived,
        lambda: setattr(service, "refusal", (503, "ServiceUnavailable", {})),
        lambda: setattr(service, "refusal", None),
        lambda: setattr(service, "refusal", (400, "InvalidRecipient", {})),
        lambda: setattr(service, "loses_answer", True),
        nobody,
    )


def a_mail(**changes: object) -> Outgoing:
    letter = Letter("Your order “Emma” — déjà là", "Grüße\n.\n..dots\n", "<p>Grüße &amp; 书</p>\n")
    mail = Outgoing(MailId(str(uuid4())), "anna@example.org", "Anna Müller", letter, STOP)
    return replace(mail, **changes)  # type: ignore[arg-type]


def without_whitespace_at_the_end(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


def test_a_mail_arrives_whole(provider: Provider) -> None:
    mail = a_mail()
    provider.port.send(mail, again=False)
    [arrived] = provider.arrived()
    assert (arrived.id, arrived.to, arrived.name) == (mail.id, mail.to, "Anna Müller")
    assert "orders@books.test" in arrived.sender
    assert arrived.reply_to == "help@books.test"
    assert arrived.subject == mail.letter.subject
    assert without_whitespace_at_the_end(arrived.text) == mail.letter.text.strip()
    assert without_whitespace_at_the_end(arrived.html) == mail.letter.html.strip()
    assert arrived.unsubscribe == STOP


def test_a_mail_that_must_come_has_no_link_to_stop_it(provider: Provider) -> None:
    provider.port.send(a_mail(unsubscribe=None), again=False)
    assert provider.arrived()[0].unsubscribe is None


def test_a_mail_without_a_name_to_an_address_with_umlauts(provider: Provider) -> None:
    provider.port.send(a_mail(to="jörg@bücher.example", to_name=""), again=False)
    assert provider.arrived()[0].to == "jörg@xn--bcher-kva.example"


def test_a_name_cannot_add_a_header(provider: Provider) -> None:
    name = "Anna\r\nBcc: eve@example.org"
    provider.port.send(a_mail(to_name=name), again=False)
    [arrived] = provider.arrived()
    assert arrived.to == "anna@example.org"
    assert arrived.name == "Anna Bcc: eve@example.org"


def test_a_large_mail_with_long_lines_arrives(provider: Provider) -> None:
    letter = Letter("Large", "line\n" * 5000, f"<p>{'x' * 200_000}</p>\n")
    provider.port.send(a_mail(letter=letter), again=False)
    [arrived] = provider.arrived()
    assert len(arrived.html.strip()) == 200_007


def test_the_same_mail_again_is_known_by_its_id(provider: Provider) -> None:
    mail = a_mail()
    for again in (False, True, True):
        provider.port.send(mail, again=again)
    arrived = provider.arrived()
    assert {one.id for one in arrived} == {mail.id}
    assert len(arrived) == (1 if provider.knows_ids else 3)


def test_an_answer_that_got_lost_leaves_it_open_and_the_next_try_settles_it(
    provider: Provider,
) -> None:
    provider.lose_answers()
    mail = a_mail()
    with pytest.raises(MailNotSent):
        provider.port.send(mail, again=False)
    if provider.knows_ids:
        provider.port.send(mail, again=True)
        assert len(provider.arrived()) == 1
    assert {one.id for one in provider.arrived()} == {mail.id}


def test_a_provider_that_is_down_gets_the_mail_later(provider: Provider) -> None:
    provider.go_down()
    mail = a_mail()
    with pytest.raises(MailNotSent):
        provider.port.send(mail, again=False)
    assert provider.arrived() == []
    provider.come_back()
    provider.port.send(mail, again=True)
    assert [one.id for one in provider.arrived()] == [mail.id]


def test_a_provider_that_cannot_be_reached(provider: Provider) -> None:
    with pytest.raises(MailNotSent):
        provider.unreachable.send(a_mail(), again=False)


def test_a_refusal_is_for_good_and_quotes_no_address(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.refuse()
    with pytest.raises(MailRefused) as caught:
        provider.port.send(a_mail(), again=False)
    assert provider.arrived() == []
    assert caught.value.code
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "anna" not in f"{caught.value}{caplog.text}".lower()


def test_smtp_needs_no_extension_for_a_domain_with_umlauts(certificate: Path) -> None:
    with smtp_server(certificate) as server:
        server.answers["EHLO"] = "250 mail.test"
        smtp(server, f"smtp://127.0.0.1:{server.port}").send(
            a_mail(to="anna@bücher.example"), again=False
        )
        assert len(server.taken) == 1
        with pytest.raises(MailRefused, match="smtputf8-not-supported"):
            smtp(server, f"smtp://127.0.0.1:{server.port}").send(
                a_mail(to="jörg@example.org"), again=False
            )


@pytest.mark.parametrize(
    "to", ["nobody", "@example.org", "anna@", "anna@a..b", "a\r\nb@example.org"]
)
def test_what_is_no_address_is_refused(certificate: Path, to: str) -> None:
    with smtp_server(certificate) as server:
        with pytest.raises(MailRefused) as caught:
            smtp(server).send(a_mail(to=to), again=False)
        assert server.taken == []
        assert caught.value.code == "bad-address"


def test_smtp_is_spoken_under_tls_and_signed_in(certificate: Path) -> None:
    with smtp_server(certificate) as server:
        smtp(server).send(a_mail(), again=False)
        order = ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
        assert [verb for verb in server.commands if verb in order] == order
    with smtp_server(certificate, is_tls=True) as server:
        smtp(server).send(a_mail(), again=False)
        assert len(server.taken) == 1
        assert "STARTTLS" not in server.commands


def test_smtp_trusts_no_stranger(certificate: Path) -> None:
    for is_tls in (True, False):
        with smtp_server(certificate, is_tls=is_tls) as server:
            port = SmtpMail(server.url, SENDER, None, MachineClock(), patience=5.0)
            with pytest.raises(MailNotSent, match="SSLCertVerificationError"):
                port.send(a_mail(), again=False)
            assert server.taken == []


def test_smtp_without_tls_reaches_this_machine_alone(certificate: Path) -> None:
    with smtp_server(certificate, offers_tls=False) as server:
        for host in ("127.0.0.1", "localhost"):
            url = f"smtp://{host}:{server.port}"
            smtp(server, url).send(a_mail(), again=False)
        assert len(server.taken) == 2
        # The name leads here as well, but nothing says so.
        port = smtp(server, f"smtp://{_other_name_of_here()}:{server.port}")
        with pytest.raises(MailNotSent):
            port.send(a_mail(), again=False)
        assert len(server.taken) == 2


def _other_name_of_here() -> str:
    return "127.1" if os.name == "posix" else "0x7f.1"


def test_a_wrong_password_is_for_the_operator_to_mend(certificate: Path) -> None:
    with smtp_server(certificate) as server:
        port = smtp(server, f"smtp://shop:wrong@127.0.0.1:{server.port}")
        with pytest.raises(MailNotSent, match=r"535 5\.7\.8"):
            port.send(a_mail(), again=False)


def test_azure_names_a_time_and_it_is_taken(certificate: Path) -> None:
    with azure(certificate) as (service, client):
        service.refusal = (429, "TooManyRequests", {"retry-after": "90"})
        with pytest.raises(MailNotSent) as caught:
            AzureMail(client, SENDER, None).send(a_mail(), again=False)
        assert caught.value.code == "429 TooManyRequests"
        assert caught.value.retry_after == timedelta(seconds=90)
        assert len(service.sends) == 1, "the SDK does not try again by itself"


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_azure_errors_that_can_be_mended_are_not_final(certificate: Path, status: int) -> None:
    with azure(certificate) as (service, client):
        service.refusal = (status, "DomainNotLinked", {})
        with pytest.raises(MailNotSent, match=f"{status} DomainNotLinked"):
            AzureMail(client, SENDER, None).send(a_mail(), again=False)


def test_azure_is_asked_what_became_of_an_earlier_try(certificate: Path) -> None:
    with azure(certificate) as (service, client):
        port = AzureMail(client, SENDER, None)
        known, dropped, unknown = a_mail(), a_mail(), a_mail()
        service.statuses[known.id] = {"id": known.id, "status": "Succeeded"}
        error = {"code": "EmailDropped", "message": "No way to anna@example.org."}
        service.statuses[dropped.id] = {"id": dropped.id, "status": "Failed", "error": error}
        assert port.send(known, again=True) == known.id
        with pytest.raises(MailRefused, match="refused: EmailDropped"):
            port.send(dropped, again=True)
        port.send(unknown, again=True)
        assert service.sends == [unknown.id]
        assert service.faults == []


def test_what_the_checked_stand_in_for_azure_would_refuse(certificate: Path) -> None:
    """A control: the description is enforced."""
    with azure(certificate) as (service, client):
        with pytest.raises(HttpResponseError):
            client.begin_send({"sender": "x"}, operation_id=str(uuid4()), polling=False)
        assert len(service.faults) == 1
