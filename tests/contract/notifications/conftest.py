import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.notifications import PostOffice, empty_database, post_office


@pytest.fixture(scope="session")
def empty_office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new database, to be copied."""
    folder = tmp_path_factory.mktemp("office")
    empty_database(folder)
    return folder


@pytest.fixture
def office(sql: None, empty_office: Path, tmp_path: Path) -> Iterator[PostOffice]:
    shutil.copytree(empty_office, tmp_path, dirs_exist_ok=True)
    with post_office(tmp_path) as opened:
        yield opened
