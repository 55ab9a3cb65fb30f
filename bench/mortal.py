"""A shop whose hosts are killed with -9 and started again at once, while its sandbox stays."""

import contextlib
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

from bench.browser import Browser, turn
from local.environment import BROKER, SANDBOX, embedded
from sandbox.oidc.store import SigningKeys
from sandbox.oidc.tokens import issue

_ROOT = Path(__file__).parent.parent
HOSTS = 2
_SECOND_HOST = BROKER + 1
"""It listens this many ports above the first."""


class MortalShop:
    """Two host processes on one state folder, which stays in `folder`.

    `origins` are theirs; the sandbox listens one port above the first.
    """

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        """What is started is ended with `stack`."""
        self.state = folder / "state"
        self._folder = folder
        self._stack = stack
        self.port = _ports(_SECOND_HOST + 1)
        self._ports = [self.port, self.port + _SECOND_HOST]
        self.origins = [f"http://127.0.0.1:{port}" for port in self._ports]
        self.sandbox = f"http://127.0.0.1:{self.port + SANDBOX}"
        self._environment = {
            **os.environ,
            **embedded(self.state, self.port),
            "PYTHONPATH": str(_ROOT),
        }
        self._run("local.migrate").wait()
        self._entities = folder / "servicebus.json"
        self._entities.write_text(_with_short_locks((_ROOT / "infra/servicebus.json").read_text()))
        options = ["--port", str(self.port + SANDBOX), "--shop-url", self.origins[0]]
        self._run("sandbox", *options, "--state", str(self.state))
        self._hosts = [self._host(index) for index in range(HOSTS)]

    def add_book(self, isbn: str, title: str, price: int, stock: int) -> None:
        """A paperback; `price` in minor units."""
        book = {
            "isbn": isbn,
            "title": title,
            "contributors": [{"name": "Guy Montag"}],
            "format": "paperback",
            "language": "en",
            "price": {"amount": price, "currency": "GBP"},
            "stock": stock,
        }
        owner = Browser(self.origins, self.token("owner", "catalogue.write"))
        reply = owner.insist("POST", "v1/admin/books", book, Idempotency_Key=f"new-{isbn}")
        assert reply.status == 201, reply.content

    def kill(self, index: int) -> None:
        self.end(index)
        self.start(index)

    def end(self, index: int) -> None:
        self._hosts[index].kill()
        self._hosts[index].wait()

    def start(self, index: int) -> None:
        """One that was ended."""
        self._hosts[index] = self._host(index)

    def wait_for(self, index: int) -> None:
        """Until the host is up."""
        reply = Browser([self.origins[index]]).insist("GET", "health/live")
        assert reply.status == 200, reply.content

    def pass_time(self, duration: str) -> None:
        """Of business, ISO 8601."""
        turn(self.sandbox, "clock", advance=duration)

    def token(self, subject: str, *roles: str) -> str:
        return issue(
            SigningKeys(self.state),
            issuer=self._environment["AUTH_ISSUER"],
            audience=self._environment["AUTH_AUDIENCE"],
            subject=subject,
            roles=roles,
        )

    def _host(self, index: int) -> "subprocess.Popen[bytes]":
        options = ["--app-dir", str(_ROOT), "--port", str(self._ports[index])]
        options += ["--state", str(self.state), "--servicebus", str(self._entities)]
        return self._run("funchost", "start", *options)

    def _run(self, module: str, *options: str) -> "subprocess.Popen[bytes]":
        log = self._stack.enter_context((self._folder / f"{module}.log").open("ab"))
        process = subprocess.Popen(
            [sys.executable, "-m", module, *options],
            cwd=_ROOT,
            env=self._environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        self._stack.callback(_end, process)
        return process


def _ports(count: int) -> int:
    """The first of neighbouring free ones, which no outgoing connection gets while a host is
    dead."""
    while True:
        first = random.randrange(10_000, 32_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for step in range(count):
                stack.enter_context(socket.create_server(("127.0.0.1", first + step)))
            return first


def _with_short_locks(entities: str) -> str:
    """What a dead host has locked is free again after seconds, so that shoppers need not wait."""
    return entities.replace('"LockDuration": "PT1M"', '"LockDuration": "PT5S"')


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
