"""Serves the whole shop from one state folder: prepares it, starts the sandbox, is the host."""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from funchost.cli import main as host
from functions.inventory.media_model import PUBLIC
from local.environment import SANDBOX, embedded
from shared.kit.files import write_whole

ROOT = Path(__file__).resolve().parent.parent
MARK = "shop.json"
"""Marks a folder as a shop's state: what may be thrown away by --fresh."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    state = Path(options.state).resolve()
    for port in (options.port, options.port + SANDBOX):
        if taken(port):
            return refuse(f"Port {port} is taken by another program; choose one with --port.")
    if options.fresh and state.exists():
        if not (state / MARK).exists() and any(state.iterdir()):
            return refuse(f"{state} is not a shop's state folder, so --fresh leaves it alone.")
        shutil.rmtree(state)
    state.mkdir(parents=True, exist_ok=True)
    give_other_hosts_settings()
    os.environ.update(embedded(state, options.port))
    write_whole(state / MARK, json.dumps(identity()).encode())
    blobs = prepared(Path(os.environ["BLOB_FOLDER"]))
    for step in ("local.migrate", "local.seed"):
        code = subprocess.call([sys.executable, "-m", step], cwd=ROOT)
        if code != 0:
            return code
    with sandbox(state, options.port + SANDBOX), nullcontext() if options.no_covers else drawn():
        threading.Thread(target=announce, args=(options.port,), daemon=True).start()
        return host(
            [
                "start",
                *("--app-dir", str(ROOT)),
                *("--port", str(options.port)),
                *("--state", str(state)),
                *("--workers", str(options.workers)),
                *("--static", f"/cdn={blobs / PUBLIC};immutable"),
            ]
        )


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="dev.py run", description=(__doc__ or "").strip())
    top.add_argument("--port", type=port_number, default=7071)
    top.add_argument("--state", default=".local", metavar="DIR", help="default: .local")
    top.add_argument("--fresh", action="store_true", help="throw the state folder away first")
    top.add_argument("--no-covers", action="store_true", help="draw no covers for books")
    top.add_argument("--workers", type=int, default=1, metavar="N", help="processes that serve")
    return top


def port_number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_000:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65000")
    return int(text)


def taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def give_other_hosts_settings() -> None:
    """`func start` and `python -m funchost start` read this file; one that is there stays."""
    sample = (ROOT / "local.settings.sample.json").read_bytes()
    with suppress(FileExistsError), (ROOT / "local.settings.json").open("xb") as file:
        file.write(sample)


def refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


def identity() -> dict[str, str]:
    return {"issuer": os.environ["AUTH_ISSUER"], "audience": os.environ["AUTH_AUDIENCE"]}


@contextmanager
def sandbox(state: Path, port: int) -> Iterator[None]:
    """Keeps the sandbox running; it ends when its standard input does, however we end."""
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--state", str(state)]
    ending = threading.Event()
    running: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def keep() -> None:
        while not ending.is_set():
            running[:] = [subprocess.Popen([*command, "--watch-stdin"], stdin=subprocess.PIPE)]
            started.set()
            if running[0].wait() != 0 and not ending.wait(1):
                print("The sandbox ended by itself; starting it again.", file=sys.stderr)

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    started.wait()
    try:
        yield
    finally:
        ending.set()
        if running[0].stdin is not None:
            running[0].stdin.close()
        keeper.join(10)


def prepared(blobs: Path) -> Path:
    """Makes the folder, and takes away what a killed process left half written in it."""
    (blobs / PUBLIC).mkdir(parents=True, exist_ok=True)
    for leftover in blobs.rglob(".*"):
        leftover.unlink()
    return blobs


@contextmanager
def drawn() -> Iterator[None]:
    """Draws missing covers while the shop is open; it ends when its standard input does."""
    painter = [sys.executable, "-m", "local.covers", "--watch-stdin"]
    with subprocess.Popen(painter, cwd=ROOT, stdin=subprocess.PIPE):
        yield


def announce(port: int) -> None:
    """Says where to look as soon as the shop is ready."""
    origin = f"http://127.0.0.1:{port}"
    waiting = threading.Event()
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{origin}/api/health/ready", timeout=5):  # noqa: S310
                break
        except (urllib.error.URLError, OSError):
            waiting.wait(0.1)
    else:
        print("The shop does not get ready; the lines above say why.", file=sys.stderr)
        return
    print(
        f"\nThe shop is open.\n"
        f"  books      {origin}/api/v1/books?q=pride\n"
        f"  API        {origin}/api/docs\n"
        f"  health     {origin}/api/health/ready\n"
        f"  a token    python3 dev.py token --role catalogue.write\n"
        f"Ctrl-C ends it.\n",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
