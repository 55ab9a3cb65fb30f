"""checkov, in a virtual environment of its own beside the checkout: its pins are not the project's.

It is installed at its first use (a minute, 300 MB, from the package index) and used from then on.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from sandbox.files import locked

VERSION = "3.3.30"
_FOLDER = Path(__file__).resolve().parents[2] / ".checkov"


def report(folder: Path) -> tuple[dict[str, Any], str]:
    """What checkov says of the Bicep templates there, and what it complains of on the way: a check
    of its own that breaks, or a file that it cannot read, ends nothing and fails nothing.
    """
    command = [str(_program()), "-d", str(folder), "--framework", "bicep", "--skip-download"]
    # Colours, telemetry and the look for a newer version are all that it asks the environment for.
    environment = {**os.environ, "LOG_LEVEL": "WARNING", "ANSI_COLORS_DISABLED": "1"}
    ended = subprocess.run(
        [*command, "--output", "json", "--compact"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found, ended.stderr


def complaints(found: dict[str, Any], errors: str) -> list[str]:
    """Whatever is not a check that passed or that was skipped with a reason."""
    results = found["results"]
    wrong = [
        f"{failed['file_path']}: {failed['check_id']} {failed['resource']} {failed['check_name']}"
        for failed in results.get("failed_checks", [])
    ]
    wrong += [f"{file}: not parsed" for file in results.get("parsing_errors", [])]
    if found["summary"]["parsing_errors"] != len(results.get("parsing_errors", [])):
        wrong.append("files that were not parsed are not named")
    wrong += [line for line in errors.splitlines() if "[ERROR" in line or "[WARNI" in line]
    return wrong


def _program() -> Path:
    scripts = "Scripts" if os.name == "nt" else "bin"
    program = _FOLDER / VERSION / scripts / ("checkov.cmd" if os.name == "nt" else "checkov")
    stamp = _FOLDER / f"{VERSION}.installed"
    _FOLDER.mkdir(exist_ok=True)
    with locked(_FOLDER / "lock"):
        if not stamp.exists():
            home = _FOLDER / VERSION
            venv.create(home, with_pip=True, clear=True, symlinks=os.name != "nt")
            python = home / scripts / Path(sys.executable).name
            pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([str(python), *pip, f"checkov=={VERSION}"], check=True)
            stamp.touch()
    return program
