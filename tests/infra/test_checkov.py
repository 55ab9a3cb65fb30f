"""checkov finds nothing in the templates that is not answered beside it."""

import re
import shutil
from typing import Any

import pytest

from tests.support.bicep import FOLDER
from tests.support.checkov import complaints, report

SEES_AT_LEAST = 150
"""Resources and the like. A template that checkov leaves out without a word would show here."""
BROKEN = """
param location string

resource open 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: 'open'
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_GRS' }
  properties: { allowBlobPublicAccess: true }
}
"""
UNREADABLE = "param names string[]\n"
SKIP = re.compile(r"//\s*checkov:skip=(CKV\w+)(?::(.*))?")


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    """checkov's report, and complaints, on the templates with two broken ones among them."""
    folder = tmp_path_factory.mktemp("infra") / "bicep"
    shutil.copytree(FOLDER, folder)
    (folder / "broken.bicep").write_text(BROKEN, "utf-8")
    (folder / "unreadable.bicep").write_text(UNREADABLE, "utf-8")
    found, errors = report(folder)
    return found, complaints(found, errors)


def test_no_check_fails_and_every_file_is_read(checked: tuple[dict[str, Any], list[str]]) -> None:
    found, wrong = checked
    assert [one for one in wrong if "/broken." not in one and "/unreadable." not in one] == []
    assert found["summary"]["resource_count"] >= SEES_AT_LEAST
    used = {check["check_id"] for check in found["results"]["skipped_checks"]}
    assert {name for name, _ in skips()} == used, "some skip nothing"


def test_what_it_leaves_out_in_silence_is_noticed(
    checked: tuple[dict[str, Any], list[str]],
) -> None:
    _, wrong = checked
    assert any("/broken.bicep: CKV_AZURE_35 " in one for one in wrong)
    assert any(one.endswith("/unreadable.bicep: not parsed") for one in wrong)


def test_every_skip_says_why() -> None:
    for name, reason in skips():
        assert len(reason.split()) >= 5, f"{name}: {reason}"


def skips() -> list[tuple[str, str]]:
    text = "".join(file.read_text("utf-8") for file in FOLDER.rglob("*.bicep"))
    return [(found[1], found[2] or "") for found in SKIP.finditer(text)]
