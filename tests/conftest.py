"""What tests share: a whole shop, served as `dev.py run` serves it."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.ports import free_ports

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")  # how long an example takes depends on what else runs

# A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start
# too; some of that is to be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
EXPECTED_SKIPS = {"the real worker library needs Python 3.13"}
"""Every reason for which a test may be skipped in CI."""
LONGEST_FIRST = ("journeys", "browser", "concurrency", "host", "infra", "contract")
"""Folders whose files may take a minute. Begun last, one would be all that is left to do."""


@dataclass(frozen=True)
class Shop:
    base_url: str
    sandbox_url: str
    state: Path
    process: "subprocess.Popen[bytes]"
    log: Path

    def token(self, *roles: str, subject: str = "tester") -> str:
        """A bearer token as `dev.py token` prints it."""
        command = [sys.executable, "-m", "local.token", "--state", str(self.state)]
        command += ["--subject", subject]
        for role in roles:
            command += ["--role", role]
        return subprocess.check_output(command, cwd=ROOT, text=True).strip()


def serve(state: Path, *options: str, port: int = 0, **settings: str) -> Shop:
    """Starts a shop and waits until it is ready; the caller ends its process. `settings` are set
    for it alone. `port` 0 takes free ones, for all that the shop listens at."""
    port = port or free_ports(3)
    log = state.parent / f"{state.name}.log"
    sample = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))
    environment = {name: os.environ[name] for name in os.environ.keys() - sample["Values"].keys()}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.serve", f"--port={port}", f"--state={state}", *options],
            cwd=ROOT,
            env={**environment, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    shop = Shop(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}", state, process, log)
    until_ready(shop)
    return shop


def until_ready(shop: Shop) -> None:
    while shop.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{shop.base_url}/api/health/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            try:
                shop.process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(f"the shop did not start:\n{shop.log.read_text('utf-8', 'replace')}")


def end(shop: Shop) -> int:
    shop.process.terminate()
    return shop.process.wait(60)


@pytest.fixture(autouse=True)
def environment_kept() -> Iterator[None]:
    """What a test leaves in the environment, every process that is started later would inherit."""
    before = dict(os.environ)
    yield
    changed = {name for name, _ in os.environ.items() ^ before.items()}
    assert changed <= {"PYTEST_CURRENT_TEST"}, f"left in the environment: {sorted(changed)}"


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop with the starting catalogue, for tests that only read or add things of their own."""
    running = serve(tmp_path_factory.mktemp("shop") / "state", "--no-covers")
    yield running
    end(running)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        folders = enumerate(f"tests/{name}/" for name in LONGEST_FIRST)
        found = (turn for turn, folder in folders if item.nodeid.startswith(folder))
        return next(found, len(LONGEST_FIRST))

    items.sort(key=turn)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skip that nobody expected is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    reasons = {str(report.longrepr[2]) for report in reporter.stats.get("skipped", [])}
    if surprises := {r for r in reasons if r.removeprefix("Skipped: ") not in EXPECTED_SKIPS}:
        reporter.write_line(f"unexpected skips: {sorted(surprises)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
