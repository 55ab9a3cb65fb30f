"""`python -m funchost start`, with the options that users of `func start` know; `bus` and `durable`
for what is in a state folder."""

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from funchost.command import Command, Forward, Mount, Site
from funchost.cors import CorsPolicy
from funchost.hostjson import read_host_json
from funchost.hostjson_names import unknown_names
from funchost.logs import WARNING, Console, HostLog
from funchost.settings import LocalSettings, SettingsError, read_local_settings, setting
from funchost.state import default_state_dir
from funchost.workers import (
    BAD_SETTINGS,
    DEALS_OUT_CONNECTIONS,
    bind_beside,
    run_here,
    supervise,
)

__all__ = ["main"]

DEFAULT_PORT = 7071
DEFAULT_DRAIN_SECONDS = 30.0
_MAXIMUM_WORKERS = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 after an orderly end, 2 when the host cannot start."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["bus"]:
        # Only now: a host that starts need not load what operators use.
        from funchost.servicebus.operator.command import main as bus

        return bus(words[1:])
    given = _parse(words)
    try:
        return _run_durable(given) if given.command == "durable" else _start(given)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_SETTINGS


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="funchost", description="A local host for Azure Functions apps in Python (v2 model)."
    )
    if words[:1] == ["host"]:
        # `func host start` is the long form of `func start`.
        del words[0]
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("bus", help="look into Service Bus, replay dead letters")
    durable = commands.add_parser("durable", help="look at orchestrations and act upon them")
    if words[:1] == ["durable"]:
        # Not before: these modules load azure-functions, and for `start` the app's own goes first.
        from funchost.durable.api.commands.command_line import add_commands

        add_commands(durable)
    start = commands.add_parser("start", help="serve the app in a folder")
    start.add_argument("--app-dir", "--script-root", type=Path, default=Path(), metavar="DIR")
    start.add_argument("-p", "--port", type=int, help=f"default {DEFAULT_PORT}; 0 is any free port")
    start.add_argument("--address", help="default 127.0.0.1")
    start.add_argument(
        "--state", type=Path, metavar="DIR", help="default .local in the app's folder"
    )
    start.add_argument("--workers", type=int, metavar="N", help="processes, default 1")
    start.add_argument(
        "--pin",
        action="store_true",
        help="keep each worker on one core, for functions that are mostly Python (Linux)",
    )
    start.add_argument("--functions", nargs="+", default=[], metavar="NAME", help="only these")
    start.add_argument("--cors", metavar="ORIGINS", help="comma-separated, or *")
    start.add_argument("--cors-credentials", action="store_true")
    start.add_argument("--enableAuth", action="store_true", help="check function keys")
    start.add_argument(
        "--static",
        action="append",
        default=[],
        metavar="/PREFIX=DIR[;immutable]",
        help="serve the files of a folder; may be repeated",
    )
    start.add_argument(
        "--redirect",
        action="append",
        default=[],
        metavar="/PREFIX=/TARGET",
        help="send what lies below a prefix on, as a front door does; may be repeated",
    )
    start.add_argument(
        "--site",
        type=Path,
        metavar="DIR",
        help="serve a static site wherever no function answers; index.html is a folder's page, "
        "404.html that of a file that is not there",
    )
    start.add_argument(
        "--site-headers",
        type=Path,
        metavar="FILE",
        help="a JSON object of headers that the site's answers carry",
    )
    start.add_argument(
        "--servicebus",
        type=Path,
        metavar="FILE",
        help="entities of the Service Bus broker, in the shape of the official emulator's "
        "Config.json; default infra/servicebus.json or servicebus.json in the app's folder",
    )
    start.add_argument(
        "--drain-seconds",
        type=float,
        default=DEFAULT_DRAIN_SECONDS,
        metavar="SECONDS",
        help="how long running functions may finish after SIGTERM",
    )
    start.add_argument("--verbose", action="store_true")
    start.add_argument("--user-log-level", metavar="LEVEL")
    # Typed by users of Core Tools, without meaning here.
    for option in ("--python", "--no-build", "--enable-json-output"):
        start.add_argument(option, action="store_true", help=argparse.SUPPRESS)
    start.add_argument("-t", "--timeout", help=argparse.SUPPRESS)
    for option in ("--language-worker", "--runtime", "--json-output-file"):
        start.add_argument(option, help=argparse.SUPPRESS)
    for option in ("--useHttps", "--cert", "--password"):
        start.add_argument(option, nargs="?", const="", help=argparse.SUPPRESS)
    return parser.parse_args(words)


def _run_durable(given: argparse.Namespace) -> int:
    from funchost.durable.api.commands.command_line import run

    return run(given)


def _start(given: argparse.Namespace) -> int:
    if given.useHttps is not None or given.cert is not None:
        raise SettingsError("This host serves plain HTTP; put a proxy in front of it for HTTPS.")
    app_dir = given.app_dir.resolve()
    if not app_dir.is_dir():
        raise SettingsError(f"The folder {app_dir} does not exist.")
    local = read_local_settings(app_dir)
    skipped = local.apply(os.environ)
    host_json = read_host_json(app_dir)
    if not (app_dir / "host.json").is_file() and not _entry_file(app_dir).is_file():
        raise SettingsError(
            "Unable to find project root. Expecting to find one of host.json, "
            f"{_entry_file(app_dir).name} in {app_dir}."
        )
    command = _complete(given, app_dir, local)
    # Both are needed later, in each worker; what is wrong with them ends the start here.
    _ = host_json.function_timeout
    CorsPolicy.from_text(command.cors, with_credentials=command.cors_credentials)
    listening = _bind(command.address, command.port)
    command = _with_real_port(command, listening.getsockname()[1])
    _set_environment(command)
    _allow_many_files()
    console = Console.take_over_stdout()
    log = HostLog(
        console, host_json, verbose=command.verbose, user_log_level=command.user_log_level
    )
    if not local.found:
        log.host("local.settings.json not found: only the process environment is used.")
    for sentence in unknown_names(host_json.document):
        log.host(sentence, WARNING)
    if skipped:
        names = ", ".join(f"'{name}'" for name in skipped)
        they_are = "it's" if len(skipped) == 1 else "they're"
        console.line(
            f"Skipping {names} from local settings as {they_are} already defined in current "
            "environment variables."
        )
    if command.workers == 1:
        return run_here(command, listening, log)
    if DEALS_OUT_CONNECTIONS:
        # Only now: with the option, the check whether the port is free would pass for one that
        # another host with several workers has.
        listening.close()
        listening = bind_beside(command.address, command.port)
    return supervise(command, listening, console)


def _complete(given: argparse.Namespace, app_dir: Path, local: LocalSettings) -> Command:
    port = given.port if given.port is not None else local.port
    port = DEFAULT_PORT if port is None else port
    if not 0 <= port <= 65535:
        raise SettingsError(f"{port} is not a port number.")
    workers = given.workers
    if workers is None:
        text = setting("FUNCTIONS_WORKER_PROCESS_COUNT") or "1"
        workers = int(text) if text.isdecimal() else 1
    if not 1 <= workers <= _MAXIMUM_WORKERS:
        raise SettingsError(f"The number of workers must lie between 1 and {_MAXIMUM_WORKERS}.")
    return Command(
        app_dir=app_dir,
        state=(given.state or default_state_dir(app_dir)).resolve(),
        address=given.address or "127.0.0.1",
        port=port,
        base_url="",
        workers=workers,
        functions=tuple(
            name for text in given.functions for name in text.replace(",", " ").split()
        ),
        cors=given.cors if given.cors is not None else local.cors,
        cors_credentials=given.cors_credentials or local.cors_credentials,
        checks_keys=given.enableAuth,
        mounts=tuple(Mount.parse(text) for text in given.static),
        forwards=tuple(Forward.parse(text) for text in given.redirect),
        site=None if given.site is None else Site.read(given.site, given.site_headers),
        verbose=given.verbose,
        user_log_level=given.user_log_level,
        servicebus=None if given.servicebus is None else given.servicebus.resolve(),
        drain_seconds=given.drain_seconds,
        pins=given.pin,
    )


def _entry_file(app_dir: Path) -> Path:
    return app_dir / (setting("PYTHON_SCRIPT_FILE_NAME") or "function_app.py")


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        # Elsewhere this would allow a second host to take the same port.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"Port {port} is unavailable on {address} ({error.strerror or error}). "
            "Close the process using that port, or specify another port using --port [-p]."
        ) from None
    listening.setblocking(False)
    return listening


def _allow_many_files() -> None:
    """As .NET does at start: many systems allow 1,024 open files, and each connection is one."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):  # macOS refuses some that it names
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _with_real_port(command: Command, port: int) -> Command:
    host = (
        "localhost" if command.address in {"127.0.0.1", "0.0.0.0", "::", "::1"} else command.address
    )
    return replace(command, port=port, base_url=f"http://{host}:{port}")


def _set_environment(command: Command) -> None:
    """What `func start` sets for the app; the process environment goes first."""
    for name, value in {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_EXTENSION_VERSION": "~4",
        "FUNCTIONS_CORETOOLS_ENVIRONMENT": "true",
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "AzureWebJobsScriptRoot": str(command.app_dir),
        "WEBSITE_HOSTNAME": command.base_url.partition("//")[2],
    }.items():
        os.environ.setdefault(name, value)
