"""Runs the collector by itself and prints its address."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from local.collector.server import collecting


def main(arguments: Sequence[str] | None = None) -> int:
    top = argparse.ArgumentParser(prog="python -m local.collector", description=__doc__)
    top.add_argument("--port", type=int, default=4318, help="default: OTLP's own, %(default)s")
    top.add_argument("--watch-stdin", action="store_true", help="end when standard input does")
    options = top.parse_args(arguments)
    with collecting(options.port) as collector:
        print(collector.url, flush=True)
        try:
            if options.watch_stdin:
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for who started us
                sys.stdin.read()
            else:
                threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
