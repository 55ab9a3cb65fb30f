"""Serves the whole shop from one state folder: prepares it, starts the sandbox, is the host."""

import argparse
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

from funchost.cli import main as host
from functions.inventory.media_model import PUBLIC, UPLOADS
from functions.payments.model import WEBHOOK_EVENTS
from local.environment import SANDBOX, SANDBOX_KEYS, STATE, embedded
from local.other_hosts import UnreadableSettingsError, complete
from shared.http.docs import PROBLEM_PAGES
from shared.http.problems import TYPE_PREFIX
from shared.kit.files import HALF_WRITTEN, lock, write_whole

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_PORT = 7071
STRIPE = "https://api.stripe.com"
MARK = "shop.json"
"""Marks a folder as a shop's state: what may be thrown away by --fresh."""
LOCK = "shop.lock"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    state = Path(options.state).resolve()
    for port, what in ((options.port, "shop"), (options.port + SANDBOX, "shop's sandbox")):
        if taken(port):
            return refuse(
                f"Port {port}, for the {what}, is taken by another program; choose with --port."
            )
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return refuse(f"{state} cannot be a folder for the shop's state: {error.strerror}.")
    try:
        with alone_in(state):
            return open_shop(options, state)
    except StateInUseError as error:
        return refuse(str(error))
    except KeyboardInterrupt:
        print("Stopped; run it again to go on.", file=sys.stderr)
        return 130


def open_shop(options: argparse.Namespace, state: Path) -> int:
    if options.fresh and not throw_away(state):
        return refuse(f"{state} is not a shop's state folder, so --fresh leaves it alone.")
    os.environ.update(embedded(state, options.port))
    if state == Path(STATE):
        give_other_hosts_settings()
    write_whole(state / MARK, json.dumps(identity()).encode())
    blobs = os.environ.get("BLOB_FOLDER")
    static = []
    if blobs is not None:
        static = ["--static", f"/cdn={prepared(Path(blobs)) / PUBLIC};immutable"]
    for step in ("local.migrate", "local.seed"):
        # In a session of its own, a Ctrl-C is ours alone to answer.
        code = subprocess.call(
            [sys.executable, "-m", step], cwd=ROOT, start_new_session=os.name == "posix"
        )
        if code != 0:
            return code
    with sandbox(state, options.port + SANDBOX), nullcontext() if options.no_covers else drawn():
        threading.Thread(target=announce, args=(options.port, options.state), daemon=True).start()
        return host(
            [
                "start",
                *("--app-dir", str(ROOT)),
                *("--port", str(options.port)),
                *("--state", str(state)),
                *("--workers", str(options.workers)),
                "--pin",
                *("--redirect", f"{TYPE_PREFIX.rstrip('/')}={PROBLEM_PAGES}"),
                *("--site", str(ROOT / "storefront")),
                *("--site-headers", str(site_headers(state))),
                *static,
            ]
        )


def site_headers(state: Path) -> Path:
    """The headers that Front Door gives the shop window, with this machine's addresses in them."""
    text = (ROOT / "infra" / "site-headers.json").read_text("utf-8")
    elsewhere = [os.environ["AUTH_ISSUER"], os.environ.get("STRIPE_API_BASE", STRIPE)]
    file = state / "site-headers.json"
    file.write_text(
        text.replace("{cdn}", origin(os.environ["CDN_BASE_URL"])).replace(
            "{elsewhere}", " ".join(dict.fromkeys(map(origin, elsewhere)))
        ),
        "utf-8",
    )
    return file


def origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="dev.py run", description=(__doc__ or "").strip())
    top.add_argument(
        "--port",
        type=port_number,
        default=DEFAULT_PORT,
        help="the sandbox takes the next (default: %(default)s)",
    )
    top.add_argument("--state", default=STATE, metavar="DIR", help="default: .local, beside dev.py")
    top.add_argument("--fresh", action="store_true", help="throw the state folder away first")
    top.add_argument("--no-covers", action="store_true", help="draw no covers for books")
    top.add_argument(
        "--workers", type=worker_count, default=1, metavar="N", help="processes that serve"
    )
    return top


def worker_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 10:
        raise argparse.ArgumentTypeError("there can be 1 to 10 workers")
    return int(text)


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


class StateInUseError(Exception):
    """Another shop uses the folder now."""


@contextmanager
def alone_in(state: Path) -> Iterator[None]:
    """Holds the folder for this shop; the kernel lets go when the process ends, however it ends."""
    with (state / LOCK).open("a+") as handle:
        try:
            lock(handle)
        except OSError:
            raise StateInUseError(
                f"Another shop uses {state}; name another folder with --state."
            ) from None
        yield


def throw_away(state: Path) -> bool:
    """Empties the folder; False, and nothing done, where it is not a shop's."""
    content = [path for path in state.iterdir() if path.name != LOCK]
    if content and not (state / MARK).exists():
        return False
    for path in content:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return True


def give_other_hosts_settings() -> None:
    """They name the stores of the folder `.local`: a shop with another state folder writes none.

    The sandbox's keys are the state folder's own, so the sample cannot have them.
    """
    sample = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))
    file = ROOT / "local.settings.json"
    is_new = not file.exists()
    try:
        added = complete(file, sample, {name: os.environ[name] for name in SANDBOX_KEYS})
    except UnreadableSettingsError as error:
        print(f"{error}; other hosts may lack settings that this shop needs.", file=sys.stderr)
        return
    if added and not is_new:
        print(f"Added to {file.name}: {', '.join(added)}.")


def refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 2


def identity() -> dict[str, str]:
    return {"issuer": os.environ["AUTH_ISSUER"], "audience": os.environ["AUTH_AUDIENCE"]}


@contextmanager
def sandbox(state: Path, port: int) -> Iterator[None]:
    """Keeps the sandbox running; it ends when its standard input does, however we end."""
    shop = f"http://127.0.0.1:{port - SANDBOX}"
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--state", str(state)]
    command += ["--shop-url", shop, "--shop-events", ",".join(sorted(WEBHOOK_EVENTS))]
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
    """Makes the containers, and takes away what a killed process left half written in them."""
    for container in (PUBLIC, UPLOADS):
        (blobs / container).mkdir(parents=True, exist_ok=True)
        for leftover in (blobs / container).rglob(f"{HALF_WRITTEN}*"):
            leftover.unlink()
    return blobs


@contextmanager
def drawn() -> Iterator[None]:
    """Draws missing covers while the shop is open; it ends when its standard input does."""
    painter = [sys.executable, "-m", "local.covers", "--watch-stdin"]
    with subprocess.Popen(
        painter, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=os.name == "posix"
    ):
        yield


def announce(port: int, state: str) -> None:
    """Says where to look as soon as the shop is ready."""
    origin = f"http://127.0.0.1:{port}"
    waiting = threading.Event()
    for path in ("live", "ready"):
        while (status := asked(f"{origin}/api/health/{path}")) != 200:
            if status == 404:
                print("The app could not be loaded; the lines above say why.", file=sys.stderr)
                return
            waiting.wait(0.1 if status is None else 1.0)
    with_port = "" if port == DEFAULT_PORT else f" --port {port}"
    with_state = "" if state == STATE else f" --state {shlex.quote(state)}"
    print(
        f"\nThe shop is open.\n"
        f"  the shop   {origin}/\n"
        f"  the office {origin}/staff/\n"
        f"  books      {origin}/api/v1/books?q=pride\n"
        f"  API        {origin}/api/docs\n"
        f"  health     {origin}/api/health/ready\n"
        f"  mails      http://127.0.0.1:{port + SANDBOX}/mailbox\n"
        f"  payments   http://127.0.0.1:{port + SANDBOX}/stripe\n"
        f"  parcels    http://127.0.0.1:{port + SANDBOX}/carrier\n"
        f"  a token    python3 dev.py token --role catalogue.write{with_state}\n"
        f"  a tour     python3 dev.py tour{with_port}{with_state}\n"
        f"Ctrl-C ends it.\n",
        flush=True,
    )


def asked(address: str) -> int | None:
    """The status of the answer; None where there is none."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        return answer.code
    except (urllib.error.URLError, OSError):
        return None


if __name__ == "__main__":
    sys.exit(main())
