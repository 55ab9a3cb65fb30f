"""Azure Communication Services Email, as its API's description has it (version 2025-09-01): the
unchanged SDK talks to it over HTTP, every request is checked against the description, and answers
have the description's shape. What is not described there is refused."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

API_VERSION = "2025-09-01"
KEY = base64.b64encode(b"the key of the resource").decode()


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class _Address(_Described):
    address: str
    display_name: str | None = None


class _Recipients(_Described):
    to: list[_Address]
    cc: list[_Address] = []
    bcc: list[_Address] = []


class _Content(_Described):
    subject: str
    plain_text: str | None = None
    html: str | None = None


class EmailMessage(_Described):
    sender_address: str
    content: _Content
    recipients: _Recipients
    headers: dict[str, str] = {}
    reply_to: list[_Address] = []
    user_engagement_tracking_disabled: bool = False


@dataclass
class AzureMailService:
    """`refusal` is a status, the service's code, and headers: what it says instead of 202.
    `loses_answer` has it take the mail and say nothing."""

    port: int = 0
    taken: dict[str, EmailMessage] = field(default_factory=dict)
    statuses: dict[str, dict[str, Any]] = field(default_factory=dict)
    sends: list[str] = field(default_factory=list)
    refusal: tuple[int, str, dict[str, str]] | None = None
    loses_answer: bool = False
    faults: list[str] = field(default_factory=list)
    """What was wrong with requests."""

    @property
    def connection_string(self) -> str:
        return f"endpoint=https://127.0.0.1:{self.port}/;accesskey={KEY}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        service = cast(_Listener, self.server).service
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            self._check("POST", body)
            assert urlsplit(self.path).path == "/emails:send"
            operation = str(UUID(self.headers["Operation-Id"]))
            assert self.headers["x-ms-client-request-id"] == operation
            message = EmailMessage.model_validate_json(body)
            assert "Message-ID" not in message.headers, "the service sets its own"
        except (AssertionError, ValueError, TypeError) as fault:
            service.faults.append(str(fault))
            self._say(400, {"error": {"code": "BadRequest", "message": str(fault)}})
            return
        service.sends.append(operation)
        if service.refusal is not None:
            status, code, headers = service.refusal
            said = f"No mail to {message.recipients.to[0].address}."
            error = {"error": {"code": code, "message": said}}
            self._say(status, error, {"x-ms-error-code": code, **headers})
            return
        service.taken[operation] = message
        running = {"id": operation, "status": "Running", "error": None}
        service.statuses.setdefault(operation, running)
        if service.loses_answer:
            self.close_connection = True
            return
        here = f"https://127.0.0.1:{service.port}/emails/operations/{operation}"
        location = f"{here}?api-version={API_VERSION}"
        self._say(202, running, {"Operation-Location": location, "retry-after": "20"})

    def do_GET(self) -> None:
        service = cast(_Listener, self.server).service
        try:
            self._check("GET", b"")
        except (AssertionError, ValueError, TypeError) as fault:
            service.faults.append(str(fault))
            self._say(400, {"error": {"code": "BadRequest", "message": str(fault)}})
            return
        operation = urlsplit(self.path).path.removeprefix("/emails/operations/")
        if operation not in service.statuses:
            code = "NotFound"
            self._say(404, {"error": {"code": code, "message": "?"}}, {"x-ms-error-code": code})
            return
        self._say(200, service.statuses[operation])

    def _check(self, verb: str, body: bytes) -> None:
        """Version and signature (Authenticate requests to Azure Communication Services)."""
        assert parse_qs(urlsplit(self.path).query) == {"api-version": [API_VERSION]}
        content = base64.b64encode(hashlib.sha256(body).digest()).decode()
        assert self.headers["x-ms-content-sha256"] == content
        signed = ";".join((self.headers["x-ms-date"], self.headers["Host"], content))
        text = f"{verb}\n{self.path}\n{signed}"
        digest = hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)
        signature = base64.b64encode(digest).decode()
        assert self.headers["Authorization"].endswith(f"&Signature={signature}"), "not signed"

    def _say(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Listener(ThreadingHTTPServer):
    def __init__(self, service: AzureMailService, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.service = service
        service.port = self.server_address[1]


@contextmanager
def azure_mail_service(certificate: Path) -> Iterator[AzureMailService]:
    service = AzureMailService()
    with _Listener(service, certificate) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            listener.shutdown()
            thread.join()
