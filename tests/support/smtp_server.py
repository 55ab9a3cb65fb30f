"""A small SMTP server on a free port, under TLS, that takes mails or does as it is told."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import cast

USER, PASSWORD = "shop", "pass:word"


@dataclass
class SmtpServer:
    """`answers` takes the place of what the server would say to a command: `{"RCPT": "550 no"}`.
    `loses_answer` has it take a mail and hang up without a word."""

    certificate: Path
    is_tls: bool = False
    offers_tls: bool = True
    answers: dict[str, str] = field(default_factory=dict)
    loses_answer: bool = False
    taken: list[EmailMessage] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        scheme = "smtps" if self.is_tls else "smtp"
        return f"{scheme}://{USER}:pass%3Aword@127.0.0.1:{self.port}"

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.said = cast(_Listener, self.server).said
        self.is_safe = self.said.is_tls
        with suppress(OSError):
            if self.is_safe:
                self._secure()
            self._say("220 mail.test")
            while line := self.rfile.readline():
                if not self._answer(line.decode().strip()):
                    return

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.request.close()

    def _answer(self, line: str) -> bool:
        """False ends the session."""
        verb = line.partition(" ")[0].upper()
        self.said.commands.append(verb)
        if verb in self.said.answers:
            self._say(self.said.answers[verb])
        elif verb == "EHLO":
            offers = ["mail.test", "8BITMIME", "SMTPUTF8"]
            offers += ["AUTH PLAIN"] if self.is_safe else []
            offers += ["STARTTLS"] if self.said.offers_tls and not self.is_safe else []
            self._say("\r\n".join(f"250-{one}" for one in offers[:-1]) + f"\r\n250 {offers[-1]}")
        elif verb == "STARTTLS":
            self._say("220 go on")
            self._secure()
        elif verb == "AUTH":
            given = base64.b64decode(line.rpartition(" ")[2]).decode().split("\0")[1:]
            self._say("235 welcome" if given == [USER, PASSWORD] else "535 5.7.8 no")
        elif verb == "DATA":
            return self._take()
        elif verb == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 ok")
        return True

    def _take(self) -> bool:
        self._say("354 go on")
        lines = list[bytes]()
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        made = message_from_bytes(b"".join(lines), policy=SMTPUTF8)
        self.said.taken.append(cast(EmailMessage, made))
        if self.said.loses_answer:
            return False
        self._say("250 2.0.0 taken")
        return True

    def _secure(self) -> None:
        self.request = self.said.tls().wrap_socket(self.request, server_side=True)
        self.rfile = self.request.makefile("rb")
        self.wfile = self.request.makefile("wb")
        self.is_safe = True

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())
        self.wfile.flush()


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, said: SmtpServer) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.said = said
        said.port = self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us hangs up; that is its right."""


@contextmanager
def smtp_server(certificate: Path, **options: bool) -> Iterator[SmtpServer]:
    said = SmtpServer(certificate, **options)  # type: ignore[arg-type]
    with _Listener(said) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield said
        finally:
            listener.shutdown()
            thread.join()
