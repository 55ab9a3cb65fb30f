"""Contract tests run on the embedded stores; what they execute must be T-SQL as well."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.blobs.azure import AzureStorage, StorageAccount
from tests.support.databases import KINDS, of_kind
from tests.support.emulators import ACCOUNT, ACCOUNT_KEY, azurite
from tests.support.inventory import Shelves, open_shelves
from tests.support.tsql import every_statement_is_tsql


@pytest.fixture(autouse=True)
def _every_statement_is_tsql() -> Iterator[None]:
    with every_statement_is_tsql():
        yield


@pytest.fixture(params=KINDS)
def sql(request: pytest.FixtureRequest) -> Iterator[None]:
    """The kind of database that a test's fixtures open."""
    with of_kind(request.param):
        yield


@pytest.fixture(scope="session")
def empty_shelves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new database, to be copied."""
    folder = tmp_path_factory.mktemp("empty")
    with open_shelves(folder):
        return folder


@pytest.fixture
def shelves(sql: None, empty_shelves: Path, tmp_path: Path) -> Iterator[Shelves]:
    shutil.copytree(empty_shelves, tmp_path, dirs_exist_ok=True)
    with open_shelves(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def azure_storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureStorage]:
    """An account by its key, with no containers."""
    with azurite(tmp_path_factory.mktemp("azurite")) as url:
        text = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={url}"
        yield AzureStorage(StorageAccount(None, text))
