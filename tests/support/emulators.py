"""Emulators of Azure's services, with nothing in them; a test is skipped where there is no Node."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from local.emulators import npm
from local.emulators.npm import ACCOUNT, ACCOUNT_KEY
from tests.support.ports import free_ports

__all__ = ["ACCOUNT", "ACCOUNT_KEY", "azurite", "cosmos_emulator"]


@contextmanager
def azurite(folder: Path, *options: str, scheme: str = "http") -> Iterator[str]:
    """The address of a running blob service."""
    with _or_skipped(npm.azurite(folder, free_ports(), *options, scheme=scheme)) as url:
        yield url


@contextmanager
def cosmos_emulator(folder: Path) -> Iterator[str]:
    """The address of a running account; any key opens it."""
    with _or_skipped(npm.cosmos_emulator(folder, free_ports())) as url:
        yield url


@contextmanager
def _or_skipped(emulator: AbstractContextManager[str]) -> Iterator[str]:
    with ExitStack() as running:
        try:
            url = running.enter_context(emulator)
        except npm.NodeMissingError as error:
            pytest.skip(str(error))
        yield url
