"""Emulators of Azure's services from npm, installed beside the checkout at their first use."""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.files import locked
from tests.support.ports import free_ports

FOLDER = Path(__file__).resolve().parents[2] / ".emulators"
_PATIENCE_SECONDS = 60
AZURITE = "azurite@3.35.0"
"""The newest that Node 20 runs; it knows older versions of the protocol than the SDK speaks."""
COSMOS = "@vercel/cosmosdb-server@1.0.1"
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""What every installation of Azurite has: https://learn.microsoft.com/azure/storage/common/"""


@contextmanager
def azurite(folder: Path, *options: str, scheme: str = "http") -> Iterator[str]:
    """The address of a running blob service with nothing in it."""
    port = free_ports()
    script = _package(AZURITE) / "node_modules/azurite/dist/src/blob/main.js"
    command = [_node(), str(script), "--inMemoryPersistence", "--silent", "--skipApiVersionCheck"]
    command += ["--disableTelemetry", "--blobPort", str(port), *options]
    url = f"{scheme}://127.0.0.1:{port}/{ACCOUNT}"
    with _running(command, folder / "azurite.log", url):
        yield url


@contextmanager
def cosmos_emulator(folder: Path) -> Iterator[str]:
    """The address of a running account with no databases; any key opens it."""
    port = free_ports()
    script = _package(COSMOS) / "node_modules/@vercel/cosmosdb-server/lib/cli.js"
    url = f"http://127.0.0.1:{port}/"
    with _running([_node(), str(script), "-p", str(port), "--no-ssl"], folder / "cosmos.log", url):
        yield url


@contextmanager
def _running(command: Sequence[str], log: Path, url: str) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=log.parent, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(url):
            assert process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < deadline, f"{command[1]} does not answer"
            time.sleep(0.05)  # it says nowhere else that it listens
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        return "CERTIFICATE" in str(error.reason)
    except OSError:
        return False
    return True


def _node() -> str:
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are needed for the emulators")
    return found


def _package(name: str) -> Path:
    """Its folder. Processes that need it at once install it one after the other."""
    folder = FOLDER / name.strip("@").replace("/", "-")
    done = folder / "installed"
    if done.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if not done.exists():
            command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund"]
            subprocess.run([*command, "--silent", name], check=True, timeout=600)
            done.touch()
    return folder
