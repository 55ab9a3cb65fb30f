"""The file by which `func start` and `python -m funchost start` know the shop's settings."""

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.environment import SANDBOX_KEYS, STAND_INS, is_sandboxed
from shared.config.settings import BLOBS, DOCUMENTS, SERVICE_BUS
from shared.kit.files import write_whole

_ONE_OF = [frozenset(names.split(" or ")) for names in (BLOBS, DOCUMENTS, SERVICE_BUS)]


class UnreadableSettingsError(Exception):
    """The message names the file."""


def complete(file: Path, sample: Mapping[str, Any], keys: Mapping[str, str]) -> list[str]:
    """Makes the file from the sample, or adds to it what it lacks; the names that were added.

    What is there stays, but for keys of a sandbox that is not this one: `keys` are the state
    folder's own. Nothing is added for which the file has another way. Raises
    UnreadableSettingsError, and leaves the file alone.
    """
    content = _read(file) if file.exists() else {**sample, "Values": {}}
    values = next(part for name, part in content.items() if name.lower() == "values")
    before = dict(values)
    wanted = sample["Values"] | keys
    values.update(
        {
            name: wanted[name]
            for name in SANDBOX_KEYS
            if name in values and is_sandboxed(values[name])
        }
    )
    added = [name for name in wanted if not _has(wanted | values, values, name)]
    values.update({name: wanted[name] for name in added})
    if values != before:
        mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o600
        write_whole(file, f"{json.dumps(content, indent=2)}\n".encode(), mode)
    return added


def _has(all_values: Mapping[str, str], values: Mapping[str, str], name: str) -> bool:
    """Whether the file says what the setting is for, in one way or another."""
    if name in STAND_INS and not is_sandboxed(all_values[STAND_INS[name]]):
        return True  # with a key of the third party's own, no address means its own
    others = next((names for names in _ONE_OF if name in names), frozenset({name}))
    there = {one.lower() for one in values}
    return any(other.lower() in there for other in others)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8-sig"))
    except ValueError as error:
        raise UnreadableSettingsError(f"{file} is not JSON ({error})") from None
    named = content if isinstance(content, dict) else {}
    parts = {name.lower(): part for name, part in named.items()}
    values = parts.get("values")
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise UnreadableSettingsError(f"{file} has no Values that are all strings")
    if parts.get("isencrypted"):
        raise UnreadableSettingsError(f"{file} is encrypted")
    return named
