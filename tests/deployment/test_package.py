"""The package alone is the whole app: it starts where only requirements.txt is installed."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from local.package import files, package
from shared.config import Settings
from tests.support.bicep import ROOT
from wiring import create_app

START = Path(__file__).with_name("start_package.py")
SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
NOT_INSIDE = ("funchost", "sandbox", "tests", "local", "bench", "storefront", "infra", "docs")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    package(folder / "app.zip")
    with zipfile.ZipFile(folder / "app.zip") as archive:
        archive.extractall(folder / "app")
    return folder / "app"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_by_azure() -> set[str]:
    """The distributions of requirements.txt, and those that they need in turn."""
    text = (ROOT / "requirements.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: set[str] = set()
    waiting = _wanted(lines, frozenset({""}))
    while waiting:
        name, extras = waiting.pop()
        key = f"{name}[{','.join(sorted(extras))}]"
        if key in found:
            continue
        found |= {key, name}
        waiting += _wanted(importlib.metadata.requires(name) or (), extras | {""})
    return {name for name in found if "[" not in name}


def _wanted(lines: Iterable[str], extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    requirements = [Requirement(line) for line in lines]
    return [
        (canonical(wanted.name), frozenset(wanted.extras))
        for wanted in requirements
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": e}) for e in extras)
    ]


def start(folder: Path, allowed: Iterable[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(START), str(folder), ",".join(allowed)],
        cwd=folder,
        env={**SAMPLE, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_app_starts_from_the_package_alone(unpacked: Path) -> None:
    ran = start(unpacked, installed_by_azure())
    assert ran.returncode == 0, ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    app = create_app(Settings.from_env(SAMPLE))
    assert said["functions"] == sorted(f.get_function_name() for f in app.get_functions())
    assert said["elsewhere"] == []
    assert not {*NOT_INSIDE, "uvicorn", "starlette", "pytest"} & {*said["modules"]}


def test_a_requirement_that_is_missing_is_noticed(unpacked: Path) -> None:
    ran = start(unpacked, installed_by_azure() - {"pydantic"})
    assert "Azure does not install pydantic" in ran.stderr


def test_the_package_holds_what_azure_reads_and_nothing_of_ours_beside() -> None:
    names = [path.as_posix() for path in files(ROOT)]
    at_the_top = {"function_app.py", "host.json", "requirements.txt", "LICENSE"}
    assert {name for name in names if "/" not in name} == at_the_top
    assert {name.partition("/")[0] for name in names} - at_the_top == {
        "functions",
        "shared",
        "wiring",
    }
    assert [name for name in names if "__pycache__" in name] == []


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        package(tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("pattern", ["docs/private", "!host.json"])
def test_a_pattern_that_is_more_than_a_name_is_refused(tmp_path: Path, pattern: str) -> None:
    (tmp_path / ".funcignore").write_text(f"# ours\n{pattern}\n")
    with pytest.raises(ValueError, match="more than a name"):
        list(files(tmp_path))


def test_a_package_without_the_app_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".funcignore").write_text("*.md\n")
    with pytest.raises(ValueError, match=r"lacks function_app.py, host.json"):
        package(tmp_path / "out" / "app.zip", tmp_path)
