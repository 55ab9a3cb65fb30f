"""python -m sandbox --port 7072 --state DIR"""

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from sandbox.app import create_app

_LONGEST_SHUTDOWN_SECONDS = 5
_KEPT_ALIVE_SECONDS = 75
"""Who has paused for some seconds need not connect again."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        listener = _listen(options.host, options.port)
    except OSError as error:
        sys.stderr.write(f"The sandbox cannot listen on port {options.port}: {error.strerror}.\n")
        return 1
    here = f"http://{options.host}:{listener.getsockname()[1]}"
    server = _Server(
        uvicorn.Config(
            create_app(
                Path(options.state).resolve(),
                options.public_url or here,
                options.shop_url,
                options.shop_events.split(","),
            ),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEPT_ALIVE_SECONDS,
            timeout_graceful_shutdown=_LONGEST_SHUTDOWN_SECONDS,
        )
    )
    server.left_to_parent = options.watch_stdin
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, server.handle_exit)
    if options.watch_stdin:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    sys.stdout.write(f"The sandbox listens on {here}\n")
    sys.stdout.flush()
    server.run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Stand-ins for third parties."
    )
    parser.add_argument("--port", type=int, default=7072, help="0 takes a free one (default: 7072)")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument("--state", default=".local", metavar="DIR", help="default: .local")
    parser.add_argument(
        "--public-url", metavar="URL", help="how others reach it (default: http://HOST:PORT)"
    )
    parser.add_argument(
        "--shop-url", metavar="URL", help="where webhooks are sent (default: they wait)"
    )
    parser.add_argument(
        "--shop-events",
        default="*",
        metavar="KIND,...",
        help="Stripe's events that the shop asked for (default: all)",
    )
    parser.add_argument(
        "--watch-stdin",
        action="store_true",
        help="end when standard input ends, and leave Ctrl-C to who started us",
    )
    return parser


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        if os.name == "posix":  # on Windows it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # from now on callers wait for us instead of being refused
    except BaseException:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Ends well when it is told to, so a signal is no failure.

    A terminal sends Ctrl-C to us and to who started us; with `left_to_parent` only the parent acts
    on it, and we go when it no longer needs us.
    """

    left_to_parent = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not (self.left_to_parent and sig == signal.SIGINT):
            super().handle_exit(sig, frame)


def _stop_with_stdin(server: uvicorn.Server) -> None:
    # Not through sys.stdin: its lock, held by a thread, would fail the interpreter's end.
    while os.read(0, 4096):
        pass
    server.should_exit = True


if __name__ == "__main__":
    sys.exit(main())
