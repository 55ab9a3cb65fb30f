"""host.json with the overrides that app settings make (`AzureFunctionsJobHost__section__key`)."""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from funchost.settings import SettingsError, is_true, parse_json_with_comments
from funchost.timers.schedule import parse_timespan

__all__ = ["HostJson", "read_host_json"]

_OVERRIDE_PREFIX = "azurefunctionsjobhost:"


class HostJson:
    """Sections and keys are found in any case, as in .NET's configuration."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def get(self, *path: str) -> Any:
        """The value at `path`, or None."""
        value: Any = self.document
        for name in path:
            if not isinstance(value, Mapping):
                return None
            value = next((v for key, v in value.items() if key.lower() == name.lower()), None)
        return value

    def text(self, *path: str, default: str) -> str:
        value = self.get(*path)
        return default if value is None else str(value)

    def flag(self, *path: str, default: bool = False) -> bool:
        value = self.get(*path)
        return default if value is None else is_true(value)

    def number(self, *path: str, default: int) -> int:
        value = self.get(*path)
        try:
            return default if value is None else int(value)
        except (TypeError, ValueError, OverflowError):
            raise SettingsError(f"{'.'.join(path)} in host.json is not a whole number.") from None

    def items(self, *path: str) -> list[Any]:
        """A list, which an override gives as an object with the keys `0`, `1`, ..."""
        value = self.get(*path)
        if isinstance(value, Mapping):
            if not all(key.isdecimal() for key in value):
                raise SettingsError(f"{'.'.join(path)} in host.json is not a list.")
            return [value[key] for key in sorted(value, key=int) if value[key] is not None]
        return list(value) if isinstance(value, list) else []

    def section(self, *path: str) -> Mapping[str, Any]:
        value = self.get(*path)
        return value if isinstance(value, Mapping) else {}

    def timespan(self, *path: str) -> timedelta | None:
        """None when it is not given. Raises SettingsError for anything but a positive one."""
        value = self.get(*path)
        if value is None:
            return None
        span = parse_timespan(str(value))
        if span is None:
            raise SettingsError(
                f"{'.'.join(path)} in host.json is not a positive time span (hh:mm:ss)."
            )
        return span

    @property
    def function_timeout(self) -> float | None:
        """Seconds, or None for no limit. Outside the Consumption plan the default is 30 minutes."""
        value = self.get("functionTimeout")
        if value is None:
            return 1800.0
        if str(value).strip() == "-1":
            return None
        span = self.timespan("functionTimeout")
        assert span is not None
        return span.total_seconds()


def read_host_json(app_dir: Path, environment: Mapping[str, str] = os.environ) -> HostJson:
    """Raises SettingsError for a file that cannot be read or lacks `"version": "2.0"`. A missing
    file counts as one with the version alone, which is what the host would write."""
    path = app_dir / "host.json"
    document = parse_json_with_comments(path) if path.is_file() else {"version": "2.0"}
    version = HostJson(document).get("version")
    if version != "2.0":
        raise SettingsError(
            "The host.json file is missing the required 'version' property. "
            "See https://aka.ms/functions-hostjson for steps to migrate the configuration file."
            if version is None
            else f"'{version}' is an invalid value for host.json 'version' property. "
            "We recommend you set the 'version' property to '2.0'."
        )
    for name, value in environment.items():
        path_text = name.replace("__", ":")
        if path_text.lower().startswith(_OVERRIDE_PREFIX):
            _override(document, path_text[len(_OVERRIDE_PREFIX) :].split(":"), value)
    return HostJson(document)


def _override(section: dict[str, Any], path: list[str], value: str) -> None:
    name = next((key for key in section if key.lower() == path[0].lower()), path[0])
    if len(path) == 1:
        section[name] = value
        return
    inner = section.get(name)
    if isinstance(inner, list):
        inner = {str(index): item for index, item in enumerate(inner)}
    elif not isinstance(inner, dict):
        inner = {}
    section[name] = inner
    _override(inner, path[1:], value)
