"""`python -m funchost bus`: what an operator types."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError

from funchost.servicebus.operator.browsing import (
    BrowsedMessage,
    browse,
    count_by_reason,
    dead_letters_of,
)
from funchost.servicebus.operator.management import ManagementError
from funchost.servicebus.operator.replaying import purge, replay, sends_to
from funchost.servicebus.operator.rows import EntityRow
from funchost.servicebus.operator.tables import message_table, one_line, table, text_of_body
from funchost.servicebus.operator.target import Target, open_target
from funchost.settings import SettingsError
from funchost.state import default_state_dir

__all__ = ["main"]

_FAILED = 1
_WRONG = 2


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 1 when the namespace refuses, 2 for what is typed wrongly."""
    given = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(given))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return _WRONG
    except (ManagementError, AzureError) as error:
        sys.stderr.write(f"{one_line(str(error), 400)}\n")
        return _FAILED
    except KeyboardInterrupt:
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--connection",
        metavar="NAME",
        help="an app setting or a connection string; default: the broker of the state folder",
    )
    common.add_argument("--app-dir", type=Path, default=Path(), metavar="DIR")
    common.add_argument(
        "--state", type=Path, metavar="DIR", help="default .local in the app's folder"
    )
    parser = argparse.ArgumentParser(
        prog="funchost bus", description="Look into Service Bus, replay dead letters."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Any, help_text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[common], help=help_text)
        command.set_defaults(run=run)
        return command

    listing = add("list", _list, "all entities with their counts")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    peek = add("peek", _peek, "messages of an entity, which stay as they are")
    peek.add_argument("entity", help="QUEUE or TOPIC/Subscriptions/NAME")
    peek.add_argument("--dead", action="store_true", help="its dead letters")
    peek.add_argument("--from", dest="start", type=int, default=1, metavar="NUMBER")
    peek.add_argument("--count", type=int, default=20, metavar="N")
    peek.add_argument("--session", metavar="ID")
    peek.add_argument("--json", action="store_true", help="one JSON object a line, body included")
    dead = add("deadletters", _dead_letters, "dead letters by entity and reason")
    dead.add_argument("entity", nargs="?", help="only this one, message by message")
    dead.add_argument("--reason", help="only those with this reason")
    again = add("replay", _replay, "send dead letters again")
    again.add_argument("entity", help="QUEUE or TOPIC/Subscriptions/NAME")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("--number", type=int, help="one, by its sequence number")
    which.add_argument("--all", action="store_true", help="all, or all with --reason")
    again.add_argument("--reason", help="only those with this reason")
    empty = add("purge", _purge, "delete the messages of an entity")
    empty.add_argument("entity", help="QUEUE or TOPIC/Subscriptions/NAME")
    empty.add_argument("--dead", action="store_true", help="its dead letters")
    empty.add_argument("--yes", action="store_true", help="do not ask")
    return parser


async def _run(given: argparse.Namespace) -> int:
    app_dir = given.app_dir.resolve()
    state = (given.state or default_state_dir(app_dir)).resolve()
    async with open_target(given.connection, app_dir, state) as target:
        code: int = await given.run(target, given)
    return code


async def _list(target: Target, given: argparse.Namespace) -> int:
    rows = await target.rows()
    if given.json:
        for row in rows:
            _say(json.dumps(asdict(row)))
        return 0
    heads = ["entity", "kind", "active", "scheduled", "deferred", "dead", "sessions"]
    _say(table(heads, [[getattr(row, name) for name in _FIELDS] for row in rows]))
    return 0


_FIELDS = ("path", "kind", "active", "scheduled", "deferred", "dead", "sessions")


async def _peek(target: Target, given: argparse.Namespace) -> int:
    entity = dead_letters_of(given.entity) if given.dead else given.entity
    messages: list[BrowsedMessage] = []
    if given.count > 0:
        async for message in browse(target, entity, start=given.start, session=given.session):
            messages.append(message)
            if len(messages) >= given.count:
                break
    if given.json:
        for message in messages:
            _say(json.dumps({**asdict(message), "body": text_of_body(message.body)}, default=str))
        return 0
    _say(message_table(messages) if messages else f"{entity} is empty.")
    return 0


async def _dead_letters(target: Target, given: argparse.Namespace) -> int:
    def is_wanted(message: BrowsedMessage) -> bool:
        return given.reason is None or message.reason == given.reason

    if given.entity is not None:
        found = await _browse_all(target, dead_letters_of(given.entity), is_wanted)
        if found:
            _say(message_table(found, with_reason=True))
        else:
            _say(f"{given.entity} has no such dead letters.")
        return 0
    lines: list[list[Any]] = []
    for row in await target.rows():
        if not _may_have_dead_letters(row):
            continue
        found = await _browse_all(target, dead_letters_of(row.path), is_wanted)
        lines += [[row.path, reason or "-", count] for reason, count in count_by_reason(found)]
    _say(table(["entity", "reason", "count"], lines) if lines else "There are no dead letters.")
    return 0


async def _replay(target: Target, given: argparse.Namespace) -> int:
    def is_chosen(message: BrowsedMessage) -> bool:
        if given.number is not None and message.sequence_number != given.number:
            return False
        return given.reason is None or message.reason == given.reason

    result = await replay(target, given.entity, is_chosen)
    if not result.sent and not result.missing:
        _say(f"{given.entity} has no such dead letters.")
        return _FAILED if given.number is not None else 0
    _say(
        f"{len(result.sent)} dead letters of {given.entity} were sent to {sends_to(given.entity)}."
    )
    if result.missing:
        numbers = ", ".join(map(str, result.missing[:10]))
        _say(f"{len(result.missing)} could not be received; somebody else has them: {numbers}")
        return _FAILED
    return 0


async def _purge(target: Target, given: argparse.Namespace) -> int:
    entity = dead_letters_of(given.entity) if given.dead else given.entity
    if not given.yes and not await asyncio.to_thread(_confirms, entity):
        _say("Nothing was deleted.")
        return _FAILED
    count = await purge(target, entity)
    _say(f"{count} messages of {entity} were deleted.")
    return 0


async def _browse_all(
    target: Target, entity: str, is_wanted: Callable[[BrowsedMessage], bool]
) -> list[BrowsedMessage]:
    return [message async for message in browse(target, entity) if is_wanted(message)]


def _may_have_dead_letters(row: EntityRow) -> bool:
    return bool(row.dead) and row.kind != "topic"


def _confirms(entity: str) -> bool:
    sys.stderr.write(f"Delete all messages of {entity}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
