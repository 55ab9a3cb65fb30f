"""As much of SQL Server's protocol as a driver needs to sign in and to hear of faults.

[MS-TDS]: https://learn.microsoft.com/openspecs/windows_protocols/ms-tds. It understands no SQL: a
SELECT gets what a test put there, everything else is done at once, and a fault may come instead.
"""

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_ANSWER, _PRELOGIN, _LOGIN, _BATCH, _RPC, _TRANSACTION, _ATTENTION = 4, 0x12, 0x10, 1, 3, 14, 6
_LAST = 1
_DONE, _DONE_ERROR, _DONE_COUNT, _DONE_ATTENTION = 0, 2, 0x10, 0x20
_NO_ENCRYPTION = 2
_READ_ONLY_INTENT = 0x20
_FEDAUTH = 2
_COLLATION = b"\x09\x04\xd0\x00\x34"
_COMMANDS = {5: "BEGIN", 7: "COMMIT", 8: "ROLLBACK"}

ANSWERS = {
    "ProductVersion": "16.0.4135.4",
    "schema_name()": "dbo",
    "transaction_isolation_level": "READ COMMITTED",
}
"""What SQLAlchemy asks at its first connection."""


@dataclass(frozen=True)
class Fault:
    """An error as the server numbers it."""

    number: int
    text: str = "Something is wrong."
    severity: int = 16


@dataclass(frozen=True)
class Login:
    user: str
    database: str
    read_only: bool
    token: str | None


@dataclass
class TdsServer:
    """`refusals` are the answers to the next sign-ins. `faults` is asked about each statement."""

    port: int = 0
    logins: list[Login] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    refusals: list[Fault] = field(default_factory=list)
    faults: Callable[[str], Fault | None] = lambda statement: None
    is_silent: Callable[[str], bool] = lambda statement: False
    attentions: int = 0

    def url(self, port: int | None = None, user: str = "shop:s3cret") -> str:
        return f"mssql+pyodbc://{user}@127.0.0.1,{port or self.port}/orders?Encrypt=no"

    def answer(self, statement: str) -> bytes:
        self.statements.append(statement)
        fault = self.faults(statement)
        if fault is not None:
            return _error(fault) + _done(_DONE_ERROR)
        if not statement.lstrip().upper().startswith("SELECT"):
            return _done(_DONE)
        found = [text for asked, text in ANSWERS.items() if asked in statement]
        return _row(found[0] if found else "1") + _done(_DONE_COUNT, 1)


class _Session(socketserver.BaseRequestHandler):
    server: "_Listener"

    def handle(self) -> None:
        tds = self.server.tds
        while (message := self._message()) is not None:
            kind, body = message
            if kind == _PRELOGIN:
                self._say(_prelogin(body))
            elif kind == _LOGIN:
                tds.logins.append(login := _login(body))
                if tds.refusals:
                    self._say(_error(tds.refusals.pop(0)) + _done(_DONE_ERROR))
                    return
                self._say(_accepted(login))
            elif kind == _ATTENTION:
                tds.attentions += 1
                self._say(_done(_DONE_ATTENTION))
            elif kind == _TRANSACTION:
                self._say(_transaction(tds, _after_headers(body)))
            else:
                said = _after_headers(body)
                statement = said.decode("utf-16-le") if kind == _BATCH else "RPC"
                if not tds.is_silent(statement):
                    self._say(tds.answer(statement))

    def _message(self) -> tuple[int, bytes] | None:
        """Its kind and the bodies of its packets."""
        whole = b""
        while True:
            head = self._exactly(8)
            if head is None:
                return None
            kind, status, length = struct.unpack(">BBH", head[:4])
            body = self._exactly(length - 8)
            if body is None:
                return None
            whole += body
            if status & _LAST:
                return kind, whole

    def _exactly(self, count: int) -> bytes | None:
        got = b""
        while len(got) < count:
            try:
                more = self.request.recv(count - len(got))
            except OSError:
                return None
            if not more:
                return None
            got += more
        return got

    def _say(self, body: bytes) -> None:
        try:
            self.request.sendall(
                struct.pack(">BBHHBB", _ANSWER, _LAST, len(body) + 8, 0, 1, 0) + body
            )
        except OSError:
            return  # the client gave up


def _prelogin(asked: bytes) -> bytes:
    values = {0: b"\x10\x00\x10\x27\x00\x00", 1: bytes([_NO_ENCRYPTION]), 4: b"\x00"}
    if 6 in asked[: asked.index(b"\xff")][::5]:
        values[6] = b"\x01"
    at, table, data = 5 * len(values) + 1, b"", b""
    for name, value in values.items():
        table += struct.pack(">BHH", name, at + len(data), len(value))
        data += value
    return table + b"\xff" + data


def _login(body: bytes) -> Login:
    def text(place: int) -> str:
        at, count = struct.unpack("<HH", body[place : place + 4])
        return body[at : at + 2 * count].decode("utf-16-le")

    token = None
    if body[27] & 0x10:  # an extension
        at, _ = struct.unpack("<HH", body[56:60])
        at = struct.unpack("<I", body[at : at + 4])[0]
        while body[at] != 0xFF:
            name, size = body[at], struct.unpack("<I", body[at + 1 : at + 5])[0]
            data = body[at + 5 : at + 5 + size]
            if name == _FEDAUTH:
                size = struct.unpack("<I", data[1:5])[0]
                token = data[5 : 5 + size].decode("utf-16-le")
            at += 5 + struct.unpack("<I", body[at + 1 : at + 5])[0]
    return Login(text(40), text(68), bool(body[26] & _READ_ONLY_INTENT), token)


def _accepted(login: Login) -> bytes:
    name = "Microsoft SQL Server"
    ack = (
        b"\x01\x74\x00\x00\x04"
        + bytes([len(name)])
        + name.encode("utf-16-le")
        + b"\x10\x00\x10\x27"
    )
    database = _text(login.database)
    changed = b"\x01" + database + b"\x00"
    collation = b"\x07\x05" + _COLLATION + b"\x00"
    said = _token(0xE3, changed) + _token(0xE3, collation) + _token(0xAD, ack)
    if login.token is not None:
        said += b"\xae" + struct.pack("<BI", _FEDAUTH, 0) + b"\xff"
    return said + _done(_DONE)


def _transaction(tds: TdsServer, request: bytes) -> bytes:
    command = _COMMANDS.get(struct.unpack("<H", request[:2])[0], "?")
    tds.statements.append(command)
    fault = tds.faults(command)
    if fault is not None:
        return _error(fault) + _done(_DONE_ERROR)
    mark = b"\x08" + b"\x01" * 8
    change = {"BEGIN": b"\x08" + mark + b"\x00", "COMMIT": b"\x09\x00" + mark}
    return _token(0xE3, change.get(command, b"\x0a\x00" + mark)) + _done(_DONE)


def _after_headers(body: bytes) -> bytes:
    return body[struct.unpack("<I", body[:4])[0] :]


def _error(fault: Fault) -> bytes:
    text = fault.text.encode("utf-16-le")
    data = struct.pack("<IBBH", fault.number, 1, fault.severity, len(fault.text)) + text
    return _token(0xAA, data + _text("server") + _text("") + struct.pack("<I", 1))


def _row(value: str) -> bytes:
    encoded = value.encode("utf-16-le")
    column = struct.pack("<IHBH", 0, 9, 0xE7, 256) + _COLLATION + _text("c")
    return b"\x81\x01\x00" + column + b"\xd1" + struct.pack("<H", len(encoded)) + encoded


def _done(status: int, count: int = 0) -> bytes:
    return b"\xfd" + struct.pack("<HHQ", status, 0, count)


def _token(name: int, data: bytes) -> bytes:
    return bytes([name]) + struct.pack("<H", len(data)) + data


def _text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode("utf-16-le")


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    tds: TdsServer


@contextmanager
def tds_server() -> Iterator[TdsServer]:
    with _Listener(("127.0.0.1", 0), _Session) as listener:
        listener.tds = TdsServer(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener.tds
        finally:
            listener.shutdown()
            thread.join()
