"""HTTP clients whose requests a function answers."""

from collections.abc import Callable

import httpx

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(answer))


def no_pause(_seconds: float) -> None:
    return None
