"""What the deployed app is made of: which modules, how it starts, what it is not."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import functions
import shared
from shared.config import Settings

ROOT = Path(__file__).resolve().parents[2]
# Not azure.durable_functions, and with it aiohttp: its decorators register the sagas.
HEAVY = {
    "PIL",
    "alembic",
    "babel",
    "azure.communication",
    "azure.cosmos",
    "azure.identity",
    "azure.monitor",
    "azure.servicebus",
    "azure.storage",
    "cryptography",
    "easypost",
    "httpx",
    "jinja2",
    "jwt",
    "lxml",
    "opencensus",
    "opentelemetry.sdk",
    "pyodbc",
    "redis",
    "requests",
    "sqlalchemy",
    "stripe",
}
"""What is imported where it is first needed, for every import is paid at each cold start."""


def sample_settings() -> dict[str, str]:
    content = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))
    values: dict[str, str] = content["Values"]
    return values


def imported_by_the_app() -> set[str]:
    script = "import function_app, sys; print('\\n'.join(sys.modules))"
    output = subprocess.check_output(
        [sys.executable, "-c", script], cwd=ROOT, env={**os.environ, **sample_settings()}, text=True
    )
    return set(output.split())


def test_the_generic_package_names_are_this_projects() -> None:
    assert Path(functions.__path__[0]).resolve() == ROOT / "functions"
    assert Path(shared.__path__[0]).resolve() == ROOT / "shared"


def test_loading_the_app_imports_no_heavy_sdk() -> None:
    assert sorted(HEAVY & imported_by_the_app()) == []


def test_the_sample_settings_are_complete_and_known() -> None:
    values = sample_settings()
    assert Settings.from_env(values).missing() == []
    shop_names = {name for name in values if name.isupper()} - {
        "FUNCTIONS_WORKER_RUNTIME",
        "PYTHON_THREADPOOL_THREAD_COUNT",
    }
    assert shop_names <= set(Settings.model_fields)


def test_what_is_not_the_app_is_not_deployed() -> None:
    ignored = (ROOT / ".funcignore").read_text("utf-8").split()
    for folder in ("funchost", "sandbox", "local", "tests", "bench", "storefront"):
        assert folder in ignored
    for deployed in ("function_app.py", "wiring", "functions", "shared", "host.json"):
        assert deployed not in ignored


def test_every_requirement_is_pinned() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text("utf-8").splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.fullmatch(r"[a-z0-9_-]+(\[[a-z,]+\])?==\S+( ; .+)?", line), line
