"""The options of the commands, and from them to what they do."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path

from funchost.clock import StateClock
from funchost.durable.api.commands import acting, looking
from funchost.durable.api.commands.times import TimeError, read_time_or_age
from funchost.durable.hubs import open_hubs
from funchost.durable.interface import (
    DurableError,
    InstanceFilter,
    RuntimeStatus,
)
from funchost.durable.options import DEFAULT_HUB, hub_name, is_hub_name
from funchost.durable.store.schema import hub_file
from funchost.hostjson import read_host_json
from funchost.settings import SettingsError, read_local_settings
from funchost.state import default_state_dir

__all__ = ["add_commands", "run"]

_FAILED = 1
_STATUSES = ", ".join(status.text for status in RuntimeStatus)


def add_commands(parser: argparse.ArgumentParser) -> None:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--app-dir", type=Path, default=Path(), metavar="DIR", help="of the app")
    common.add_argument(
        "--state", type=Path, metavar="DIR", help="default .local in the app's folder"
    )
    common.add_argument(
        "--task-hub", metavar="NAME", help="default by the app's host.json, else the only one"
    )
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    listing = command("list", "the instances, newest first")
    _add_filter(listing)
    listing.add_argument("--prefix", metavar="TEXT", help="of the instance's id")
    listing.add_argument("--name", metavar="NAME", help="of the orchestrator")
    listing.add_argument("--entities", action="store_true", help="entities instead")
    listing.add_argument("--top", type=int, default=50, metavar="N", help="at most; default 50")
    listing.add_argument("--json", action="store_true")
    for name, text in (
        ("show", "one instance: status, input, output, failure"),
        ("history", "what happened to one instance"),
    ):
        showing = command(name, text)
        showing.add_argument("instance", metavar="INSTANCE")
        showing.add_argument("--json", action="store_true")

    raising = command("raise", "send an event to an instance")
    raising.add_argument("instance", metavar="INSTANCE")
    raising.add_argument("event", metavar="EVENT", help="its name, in the case that is waited for")
    raising.add_argument("data", metavar="JSON", nargs="?", help="default null")
    for name, text in (
        ("terminate", "end an instance at once; what it has started goes on"),
        ("suspend", "let an instance pause"),
        ("resume", "let a suspended instance go on"),
        ("rewind", "let a failed instance try again what failed"),
    ):
        changing = command(name, text)
        changing.add_argument("instance", metavar="INSTANCE")
        changing.add_argument("--reason", metavar="TEXT")
    restarting = command("restart", "start an instance again with the same input")
    restarting.add_argument("instance", metavar="INSTANCE")
    restarting.add_argument("--same-id", action="store_true", help="instead of under a new id")

    purging = command("purge", "delete instances and their histories, by id or by a filter")
    purging.add_argument("instances", metavar="INSTANCE", nargs="*")
    purging.add_argument("--force", action="store_true", help="also when an instance still runs")
    _add_filter(purging)


def _add_filter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--status", action="append", default=[], metavar="STATUS", help=f"of {_STATUSES}"
    )
    parser.add_argument("--after", metavar="TIME", help="created then or later; a time or an age")
    parser.add_argument("--before", metavar="TIME", help="created then or earlier; such as 7d")


def run(given: argparse.Namespace) -> int:
    """The exit code: 0, 1 when what was asked is not possible. Raises SettingsError."""
    if given.action == "list":
        _check_list(given)
    app_dir = given.app_dir.resolve()
    state = (given.state or default_state_dir(app_dir)).resolve()
    if not state.is_dir():
        raise SettingsError(f"The state folder {state} does not exist; --state names another.")
    try:
        return asyncio.run(_run(given, app_dir, state))
    except (DurableError, TimeError) as error:
        sys.stderr.write(f"{error}\n")
        return _FAILED


def _check_list(given: argparse.Namespace) -> None:
    if given.top < 1:
        raise SettingsError(f"--top must be at least 1, not {given.top}.")
    if given.entities and (given.status or given.after or given.before or given.prefix):
        raise SettingsError("--entities takes --name and --top, and no other filter.")


async def _run(given: argparse.Namespace, app_dir: Path, state: Path) -> int:
    now = StateClock(state, UTC).now
    async with open_hubs(state) as hubs:
        stored = [hub for hub in hubs.known if hub_file(state, hub).is_file()]
        client = hubs.client(_hub(given, app_dir, stored))
        match given.action:
            case "list" if given.entities:
                return await looking.list_entities(
                    client, given.name, given.top, as_json=given.json
                )
            case "list":
                wanted = _filter(given, now)
                return await looking.list_instances(client, wanted, given.top, as_json=given.json)
            case "show":
                return await looking.show(client, given.instance, now(), as_json=given.json)
            case "history":
                return await looking.history(client, given.instance, as_json=given.json)
            case "raise":
                return await acting.raise_event(client, given.instance, given.event, given.data)
            case "restart":
                return await acting.restart(client, given.instance, with_new_id=not given.same_id)
            case "purge" if given.instances:
                return await acting.purge(client, given.instances, force=given.force)
            case "purge":
                return await acting.purge_where(client, _filter(given, now))
        return await acting.change(client, given.action, given.instance, given.reason)


def _hub(given: argparse.Namespace, app_dir: Path, stored: Sequence[str]) -> str:
    """By its name, else the app's if that is stored, else the only one that is."""
    name: str = given.task_hub or DEFAULT_HUB
    if given.task_hub is not None:
        if not is_hub_name(name):
            raise SettingsError(f"--task-hub: '{name}' is not the name of a task hub.")
    elif (app_dir / "host.json").is_file():
        settings = dict(os.environ)
        read_local_settings(app_dir).apply(settings)
        name = hub_name(read_host_json(app_dir, settings), settings)
    if name.lower() in {hub.lower() for hub in stored}:
        return name
    if given.task_hub is None and len(stored) == 1:
        return stored[0]
    raise SettingsError(
        f"There is no task hub '{name}' in the state folder; there is: "
        f"{', '.join(stored) or 'none'}. --task-hub names one, --state another folder."
    )


def _filter(given: argparse.Namespace, now: looking.Now) -> InstanceFilter:
    words = [word for text in given.status for word in text.split(",") if word.strip()]
    statuses = {word: RuntimeStatus.parse(word) for word in words}
    for word, status in statuses.items():
        if status is None:
            raise SettingsError(f"--status: '{word}' is not one of {_STATUSES}.")
    return InstanceFilter(
        id_prefix=getattr(given, "prefix", None),
        name=getattr(given, "name", None),
        statuses=frozenset(status for status in statuses.values() if status is not None),
        created_from=read_time_or_age("--after", given.after, now) if given.after else None,
        created_to=read_time_or_age("--before", given.before, now) if given.before else None,
        with_entities=False,
        newest_first=True,
    )
