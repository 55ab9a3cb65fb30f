"""Hosts as separate processes, serving small apps that the tests write."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.brisk_sdk import brisk_sdk
from tests.support.stripe import StripeSandbox, stripe_sandbox

ROOT = Path(__file__).resolve().parents[2]
_LISTENING = re.compile(r"Now listening on: http://[^\s:]+:(\d+)")
_PATIENCE_SECONDS = 30.0
IMPORTS = "import logging\nimport azure.functions as func\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = self.all(name)
        return values[-1] if values else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HostProcess:
    process: "subprocess.Popen[bytes]"
    log_file: Path
    app_dir: Path
    state: Path
    port: int = 0

    @property
    def log(self) -> str:
        return self.log_file.read_text("utf-8", "replace")

    def wait_for_log(self, pattern: str, count: int = 1) -> list[str]:
        """All matches, once there are `count` of them."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(found := re.findall(pattern, self.log)) < count:
            if time.monotonic() > deadline or self.process.poll() is not None:
                found = re.findall(pattern, self.log)
                if len(found) >= count:
                    break
                raise AssertionError(f"{pattern!r} was not logged:\n{self.log}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
        return found

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_SECONDS)
        with contextlib.closing(connection):
            # Step by step, so that a header may be repeated and nothing is added.
            pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
            has_host = any(name.lower() == "host" for name, _ in pairs)
            connection.putrequest(method, path, skip_host=has_host, skip_accept_encoding=True)
            for name, value in pairs:
                connection.putheader(name, value)
            content = body.encode() if isinstance(body, str) else body
            if content is not None and not any(n.lower() == "content-length" for n, _ in pairs):
                connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers or {})

    def post(
        self, path: str, body: bytes | str = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self.request("POST", path, body, headers or {})

    def raw(self, sent: bytes) -> bytes:
        """What comes back for these very bytes, until the host closes or says nothing more."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                while part := connection.recv(65536):
                    received += part
            return received

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE_SECONDS)


@dataclass
class HostFactory:
    folder: Path
    running: list[HostProcess] = field(default_factory=list)

    def write(
        self,
        app: str | None,
        *,
        host_json: Mapping[str, Any] | str | None = None,
        local_settings: Mapping[str, Any] | None = None,
        name: str = "function_app.py",
    ) -> Path:
        """A new app folder. `app` is the code after the usual imports."""
        folder = self.folder / f"app{len(list(self.folder.glob('app*')))}"
        folder.mkdir()
        if app is not None:
            (folder / name).write_text(IMPORTS + textwrap.dedent(app), "utf-8")
        text = (
            host_json
            if isinstance(host_json, str)
            else json.dumps({"version": "2.0", **(host_json or {})})
        )
        (folder / "host.json").write_text(text, "utf-8")
        if local_settings is not None:
            (folder / "local.settings.json").write_text(json.dumps(local_settings), "utf-8")
        return folder

    def launch(
        self,
        app_dir: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = ("start",),
        cwd: Path | None = None,
        port: str | None = "0",
    ) -> HostProcess:
        """Starts a host and returns at once."""
        number = len(self.running)
        log = self.folder / f"host{number}.log"
        state = self.folder / f"state{number}"
        words = [sys.executable, "-m", "funchost", *command, "--state", str(state), *arguments]
        if cwd is None:
            words += ["--app-dir", str(app_dir)]
        if port is not None:
            words += ["--port", port]
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FUNCTIONS_")}
        with log.open("wb") as output:
            process = subprocess.Popen(
                words,
                cwd=cwd or ROOT,
                env={**inherited, "PYTHONPATH": str(ROOT), **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        host = HostProcess(process, log, app_dir, state)
        self.running.append(host)
        return host

    def start(self, app: str | Path, *arguments: str, **options: Any) -> HostProcess:
        """Starts a host and waits until it listens."""
        launch = {
            key: options.pop(key)
            for key in ("environment", "command", "cwd", "port")
            if key in options
        }
        app_dir = app if isinstance(app, Path) else self.write(app, **options)
        host = self.launch(app_dir, *arguments, **launch)
        host.port = int(host.wait_for_log(_LISTENING.pattern)[0])
        return host

    def close(self) -> None:
        for host in self.running:
            if host.process.poll() is None:
                host.process.kill()
                host.process.wait(_PATIENCE_SECONDS)


@pytest.fixture(scope="session", autouse=True)
def quick_service_bus_clients() -> Iterator[None]:
    with brisk_sdk():
        yield


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostFactory]:
    """Starts hosts; all of them end with the module."""
    factory = HostFactory(tmp_path_factory.mktemp("hosts"))
    yield factory
    factory.close()


@pytest.fixture(scope="module")
def running_stripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeSandbox]:
    with stripe_sandbox(tmp_path_factory.mktemp("stripe")) as started:
        yield started


@pytest.fixture
def stripe(running_stripe: StripeSandbox) -> Iterator[StripeSandbox]:
    yield running_stripe
    running_stripe.turn_back()
