"""The developer's one command. It needs nothing but Python: the first use sets everything up.

python3 dev.py run      serve the shop on http://127.0.0.1:7071
python3 dev.py test     pass the tests
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 11)
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
NO_NETWORK = (
    "NewConnectionError",
    "name resolution",
    "Failed to establish a new connection",
    "getaddrinfo failed",
    "Network is unreachable",
    "ProxyError",
    "ConnectTimeoutError",
)


def main(arguments: Sequence[str]) -> int:
    if sys.version_info < OLDEST:
        stop(f"Python 3.11 or newer is needed, and this is {sys.version.split()[0]}.")
    name, rest = (arguments[0], list(arguments[1:])) if arguments else ("help", [])
    if name == "check":
        return check(environment())
    if name in PROGRAMS:
        python = environment()
        if name in ("test", "bench"):
            os.chdir(ROOT)
        if name == "test":
            rest = rest or ALL_TESTS
            # Hundreds of processes are started; each would compile the whole project anew.
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return become(python, ["-m", PROGRAMS[name][0], *rest])
    if name not in ("help", "-h", "--help"):
        say(f"There is no command {name}.")
    print(__doc__)
    for known, (_, what) in (PROGRAMS | CHECK).items():
        print(f"    {known:10} {what}")
    return 0 if name in ("help", "-h", "--help") else 2


PROGRAMS = {
    "run": ("local.serve", "serve the shop (--port, --state DIR, --fresh, --workers N)"),
    "test": ("pytest", "pass the tests; arguments go on to pytest"),
    "bench": ("bench", "run the benchmarks and print a table (--full: every size)"),
    "import": ("local.importer", "load a CSV or ONIX file (--map, --set, --report)"),
    "emulators": (
        "local.emulators",
        "serve the shop on its cloud adapters against emulators (--port, --state DIR)",
    ),
    "token": ("local.token", "print a bearer token (--role ROLE, --subject NAME)"),
    "tour": ("local.tour", "buy a book from the running shop, call by call (--port, --state DIR)"),
    "openapi": ("local.api_document", "write the API documents that API Management imports"),
    "package": ("local.package", "make the zip that Azure takes (--output FILE)"),
    "deployment": ("local.deployment", "the steps around the templates, as azure.yaml calls them"),
    "migrate": ("local.migrate", "bring the databases of the settings to the newest schema"),
}
ALL_TESTS = ["-n", str(2 * (os.cpu_count() or 1)), "--dist", "loadfile", "--no-loadscope-reorder"]
"""Side by side, twice as many as there are cores: much of their time tests wait for processes. The
order of files is ours (`tests/conftest.py`); xdist's own begins with those of the most tests."""
CHECK = {"check": ("", "format, lint, import contracts, types")}


def check(python: Path) -> int:
    """Runs every check, so that one run shows all that is wrong."""
    tools = {
        "format": ["-m", "ruff", "format", "--check", "--quiet", "."],
        "lint": ["-m", "ruff", "check", "--quiet", "."],
        "import contracts": ["-c", "from importlinter.cli import lint_imports_command as c; c()"],
        "types": ["-m", "mypy"],
    }
    failed = []
    for name, tool in tools.items():
        print(f"{name} ...", flush=True)
        if subprocess.call([str(python), *tool], cwd=ROOT) != 0:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def become(python: Path, arguments: list[str]) -> int:
    """Hands the process over, so that a signal sent to it reaches the program itself.

    The folder stays the caller's, for what they name; the project's modules come first still.
    """
    command = [str(python), "-P", *arguments]
    os.environ["PYTHONPATH"] = str(ROOT)
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def environment() -> Path:
    """The interpreter of a virtual environment that holds what the requirements ask for."""
    folder = environment_folder(ROOT)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = fingerprint(ROOT)
    stamp = folder / "requirements.sha256"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    with only_one(ROOT / f"{folder.name}.lock"):
        if python.exists() and stamp.exists() and stamp.read_text() == wanted:
            return python
        if not works(python):
            create(folder)
        install(python)
        stamp.write_text(wanted)
    return python


def environment_folder(root: Path) -> Path:
    """`.venv`, or `.venv-3.13` and the like where `.venv` belongs to another Python."""
    config = root / ".venv" / "pyvenv.cfg"
    mine = "{}.{}".format(*sys.version_info)
    if config.exists():
        lines = (line.partition("=") for line in config.read_text("utf-8").splitlines())
        version = next((value for key, _, value in lines if key.strip() == "version"), "")
        if ".".join(version.strip().split(".")[:2]) != mine:
            return root / f".venv-{mine}"
    return root / ".venv"


def fingerprint(root: Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in REQUIREMENTS:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def works(python: Path) -> bool:
    if not python.exists():
        return False
    probe = [str(python), "-c", "import pip"]
    try:
        return subprocess.call(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def create(folder: Path) -> None:
    say(f"Making the virtual environment {folder.name} ...")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        hint = "on Debian and Ubuntu, install the package python3-venv"
        stop(f"Python could not make a virtual environment ({error}); {hint}.")


def install(python: Path) -> None:
    say("Installing packages; this is done once, and again only when the requirements change.")
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--retries", "2", "-r", REQUIREMENTS[-1]]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    output = list(progress(process.stdout))
    if process.wait() != 0:
        text = "".join(output)
        if any(sign in text for sign in NO_NETWORK):
            stop("No package index can be reached; connect this machine to a network, try again.")
        sys.stderr.write("".join(output[-15:]))
        stop("pip could not install the packages; its last lines are above.")


def progress(lines: Iterator[str]) -> Iterator[str]:
    """Passes pip's lines through and shows on the screen how many packages it has looked at."""
    on_screen = sys.stderr.isatty()
    count = 0
    for line in lines:
        yield line
        if line.startswith("Collecting "):
            count += 1
            name = line.split()[1].partition("==")[0]
            if on_screen:
                sys.stderr.write(f"\r  {count:3d} packages: {name:<50.50}")
            elif count % 20 == 0:
                say(f"  {count} packages ...")
        elif line.startswith("Installing collected packages"):
            say(f"\r  {count} packages found; unpacking them ..." + " " * 40)


@contextmanager
def only_one(file: Path) -> Iterator[None]:
    """Two commands that start together set up one after the other; a dead one holds nothing."""
    with file.open("a+") as handle:
        if os.name == "nt":
            import msvcrt

            handle.seek(0)
            msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def stop(text: str, code: int = 2) -> NoReturn:
    say(text)
    sys.exit(code)


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # whoever read it has left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        stop("Stopped; run it again to go on.", 130)
