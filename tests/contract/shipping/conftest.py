"""Shipping is tested against the sandbox's carrier, over HTTP and by EasyPost's own SDK."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.shipping.easypost.gateway import SdkCarrier
from tests.support.carrier import CarrierSandbox, carrier_sandbox
from tests.support.shipping import Depot, database_in, open_depot


@pytest.fixture(scope="session")
def running_carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarrierSandbox]:
    with carrier_sandbox(tmp_path_factory.mktemp("carrier")) as running:
        yield running


@pytest.fixture
def sandbox(running_carrier: CarrierSandbox) -> Iterator[CarrierSandbox]:
    """One for all tests; what a test turns is turned back, but for the time."""
    yield running_carrier
    running_carrier.turn_back()


@pytest.fixture(scope="session")
def sdk(running_carrier: CarrierSandbox) -> SdkCarrier:
    return running_carrier.carrier()


@pytest.fixture(scope="session")
def empty_depot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new database, to be copied."""
    folder = tmp_path_factory.mktemp("empty")
    database_in(folder).dispose()
    return folder


@pytest.fixture
def depot(
    sql: None, sandbox: CarrierSandbox, sdk: SdkCarrier, empty_depot: Path, tmp_path: Path
) -> Iterator[Depot]:
    shutil.copytree(empty_depot, tmp_path, dirs_exist_ok=True)
    with open_depot(tmp_path, sandbox, sdk) as opened:
        yield opened
