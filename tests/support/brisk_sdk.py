"""Takes the pauses out of the vendor's Service Bus SDK that cost a test half a second whenever a
sender or a receiver is opened or closed.

Opening, it looks for the server's answer every 50 ms; closing, it waits for a thread that looks up
once a second. Both look more often here; nothing else about the SDK is touched.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

_PAUSES = {0.05: 0.002, 1: 0.02}
_MODULES = {
    "azure.servicebus._servicebus_sender": time,
    "azure.servicebus._servicebus_receiver": time,
    "azure.servicebus._session_browser": time,
    "azure.servicebus._pyamqp.client": time,
    "azure.servicebus.aio._servicebus_sender_async": asyncio,
    "azure.servicebus.aio._servicebus_receiver_async": asyncio,
    "azure.servicebus.aio._session_browser_async": asyncio,
    "azure.servicebus._pyamqp.aio._client_async": asyncio,
}


class _Brisk:
    """A module with a `sleep` that cuts those pauses short."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def sleep(self, seconds: float) -> Any:
        return self._module.sleep(_PAUSES.get(seconds, seconds))


@contextmanager
def brisk_sdk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, module in _MODULES.items():
            patch.setattr(import_module(name), module.__name__, _Brisk(module))
        yield
