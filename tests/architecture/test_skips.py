"""In CI a test that is skipped for a reason that nobody expects is a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import EXPECTED_SKIPS, ROOT


@pytest.mark.parametrize("reason", ["no emulator here", *EXPECTED_SKIPS])
def test_an_unexpected_skip_fails_in_ci(tmp_path: Path, reason: str) -> None:
    file = tmp_path / "test_it.py"
    file.write_text(f"import pytest\n\ndef test_it():\n    pytest.skip({reason!r})\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-c", os.devnull]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-n", "1", str(file)],
        cwd=ROOT,
        env={**os.environ, "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 skipped" in ran.stdout
    assert (ran.returncode != 0) == (reason not in EXPECTED_SKIPS), ran.stdout
