"""Ports for what a test starts."""

import os
import socket
from itertools import count

_FIRST, _LAST, _SLOT = 10_000, 32_000, 100
"""Below the ports that Linux, macOS and Windows give to outgoing connections, which could take one
between the look and the listening."""
_steps = count()


def free_ports(wanted: int = 1) -> int:
    """The first of `wanted` neighbouring ports on which nobody listens. Each process looks in a
    range of its own, so that tests side by side do not take each other's; and goes on where it
    was, since who asked before may not listen yet."""
    while True:
        step = [next(_steps) for _ in range(wanted)][-1] - wanted + 1
        first = _FIRST + (os.getpid() * _SLOT + step) % (_LAST - _FIRST)
        if all(_is_free(first + step) for step in range(wanted)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
