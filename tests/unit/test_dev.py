"""dev.py on machines that lack something."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("dev.py", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(checkout: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "dev.py", *arguments],
        cwd=checkout,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_network_one_sentence_says_so_and_the_next_try_starts_over(
    checkout: Path,
) -> None:
    closed = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": ""}
    nothing_kept = {"PIP_NO_CACHE_DIR": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    answer = run(checkout, "check", **closed, **nothing_kept, PIP_FIND_LINKS="")
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1].startswith("No package index can be reached")
    assert not (checkout / ".venv" / "requirements.sha256").exists()


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (["--help"], 0), (["rnu"], 2)])
def test_without_a_known_command_the_commands_are_listed(
    checkout: Path, arguments: list[str], code: int
) -> None:
    answer = run(checkout, *arguments)
    assert answer.returncode == code
    for command in ("run", "test", "check", "bench", "token"):
        assert f"    {command} " in answer.stdout
    assert not (checkout / ".venv").exists()


def test_a_changed_requirement_changes_the_fingerprint(checkout: Path) -> None:
    before = dev.fingerprint(checkout)
    with (checkout / "requirements.txt").open("a") as file:
        file.write("attrs==25.1.0\n")
    assert dev.fingerprint(checkout) != before


def test_a_virtual_environment_of_another_python_is_left_alone(tmp_path: Path) -> None:
    mine = "{}.{}".format(*sys.version_info)
    assert dev.environment_folder(tmp_path) == tmp_path / ".venv"
    (tmp_path / ".venv").mkdir()
    config = tmp_path / ".venv" / "pyvenv.cfg"
    config.write_text(f"home = /usr/bin\nversion = {mine}.1\n")
    assert dev.environment_folder(tmp_path) == tmp_path / ".venv"
    config.write_text("home = /usr/bin\nversion = 3.9.2\n")
    assert dev.environment_folder(tmp_path) == tmp_path / f".venv-{mine}"
