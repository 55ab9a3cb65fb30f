"""What a command does when nobody reads its output any more."""

import os
import signal
import sys
from collections.abc import Callable

__all__ = ["run_quietly"]

_ENDED_BY_SIGPIPE = 128 + getattr(signal, "SIGPIPE", 13)
"""What a shell shows of a program that ended so."""


def run_quietly(main: Callable[[], int]) -> int:
    """`main`, and its exit code. Where the reader of the output has left, as `| head` does, the
    program ends without a word, as those of Unix do."""
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Else Python tries to write the rest when it ends, and complains of that.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return _ENDED_BY_SIGPIPE
