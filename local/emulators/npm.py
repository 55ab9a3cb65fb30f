"""Emulators from npm, installed beside the checkout at their first use."""

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.files import locked

FOLDER = Path(__file__).resolve().parents[2] / ".emulators"
_PATIENCE_SECONDS = 60
_INSTALL_SECONDS = 600
AZURITE = "azurite@3.35.0"
"""The newest that Node 20 runs; it knows older versions of the protocol than the SDK speaks."""
COSMOS = "@vercel/cosmosdb-server@1.0.1"
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""What every installation of Azurite has: https://learn.microsoft.com/azure/storage/common/"""


class EmulatorError(Exception):
    """An emulator cannot be had or does not run; the message says why."""


class NodeMissingError(EmulatorError):
    """Neither can be installed nor run."""


@contextmanager
def azurite(folder: Path, port: int, *options: str, scheme: str = "http") -> Iterator[str]:
    """The address of a running blob service with nothing in it. Raises EmulatorError."""
    script = package(AZURITE) / "node_modules/azurite/dist/src/blob/main.js"
    command = [_node(), str(script), "--inMemoryPersistence", "--silent", "--skipApiVersionCheck"]
    command += ["--disableTelemetry", "--blobPort", str(port), *options]
    url = f"{scheme}://127.0.0.1:{port}/{ACCOUNT}"
    with running(command, folder / "azurite.log", url):
        yield url


@contextmanager
def cosmos_emulator(folder: Path, port: int) -> Iterator[str]:
    """The address of a running account with no databases; any key opens it. Raises
    EmulatorError."""
    script = package(COSMOS) / "node_modules/@vercel/cosmosdb-server/lib/cli.js"
    url = f"http://127.0.0.1:{port}/"
    with running([_node(), str(script), "-p", str(port), "--no-ssl"], folder / "cosmos.log", url):
        yield url


@contextmanager
def running(command: Sequence[str], log: Path, url: str) -> Iterator[None]:
    with running_process(command, log) as process:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(url):
            if process.poll() is not None:
                raise EmulatorError(f"{command[1]} ended: {log.read_text('utf-8', 'replace')}")
            if time.monotonic() > deadline:
                raise EmulatorError(f"{command[1]} does not answer")
            time.sleep(0.05)  # it says nowhere else that it listens
        yield


@contextmanager
def running_process(command: Sequence[str], log: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """In a session of its own: a terminal's Ctrl-C is for who started it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def package(name: str) -> Path:
    """Its folder. Processes that need it at once install it one after the other. Raises
    EmulatorError."""
    folder = FOLDER / name.strip("@").replace("/", "-")
    done = folder / "installed"
    if done.exists():
        return folder
    _node()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if not done.exists():
            command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund"]
            try:
                subprocess.run(
                    [*command, "--silent", name],
                    check=True,
                    timeout=_INSTALL_SECONDS,
                    capture_output=True,
                    text=True,
                )
            except subprocess.CalledProcessError as error:
                raise EmulatorError(
                    f"npm could not install {name}: {error.stderr[-500:]}"
                ) from None
            except subprocess.TimeoutExpired:
                raise EmulatorError(f"npm took too long to install {name}") from None
            done.touch()
    return folder


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
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
        raise NodeMissingError("Node and npm are needed for the emulators")
    return found
