"""A Redis server, where this machine has one: Redis itself or Valkey."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.emulators.npm import EmulatorError, running_process

_NAMES = ("redis-server", "valkey-server")
_PATIENCE_SECONDS = 30


def redis_program() -> str | None:
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def redis(program: str, folder: Path, port: int) -> Iterator[str]:
    """The URL of an empty server that keeps nothing. Raises EmulatorError."""
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with running_process([*command, "--appendonly", "no"], folder / "redis.log") as process:
        _wait(process, port)
        yield f"redis://127.0.0.1:{port}/0"


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise EmulatorError("the Redis server does not answer") from None
            time.sleep(0.05)  # it says nowhere else that it listens
        else:
            return
