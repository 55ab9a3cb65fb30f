"""checkov finds nothing in the templates that is not answered beside it."""

import re
from pathlib import Path

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


@pytest.mark.usefixtures("api_documents")
def test_no_check_fails_and_every_file_is_read() -> None:
    found, errors = report(FOLDER)
    assert complaints(found, errors) == []
    assert found["summary"]["resource_count"] >= SEES_AT_LEAST
    used = {check["check_id"] for check in found["results"]["skipped_checks"]}
    assert {name for name, _ in skips()} == used, "a skip that skips nothing hides nothing"


def test_what_it_leaves_out_in_silence_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "open.bicep").write_text(BROKEN, "utf-8")
    (tmp_path / "unreadable.bicep").write_text(UNREADABLE, "utf-8")
    wrong = " ".join(complaints(*report(tmp_path)))
    assert "CKV_AZURE_190" in wrong
    assert "not parsed" in wrong


def test_every_skip_says_why() -> None:
    for name, reason in skips():
        assert len(reason.split()) >= 5, f"{name}: {reason}"


def skips() -> list[tuple[str, str]]:
    text = "".join(file.read_text("utf-8") for file in FOLDER.rglob("*.bicep"))
    return [(found[1], found[2] or "") for found in SKIP.finditer(text)]
