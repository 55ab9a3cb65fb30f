"""Application settings as the Functions host reads them.

Order of sources: the process environment, then `Values` of local.settings.json for names that the
environment lacks. No function here ever prints or logs a value.
"""

import json
import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "LocalSettings",
    "SettingsError",
    "UnresolvedSettingError",
    "connection_setting",
    "is_true",
    "parse_json_with_comments",
    "read_local_settings",
    "resolve_setting_names",
    "setting",
]


class SettingsError(Exception):
    """The app's configuration cannot be read; the text is one sentence for the user."""


class UnresolvedSettingError(ValueError):
    """A `%NAME%` in a binding names no app setting, or a `%` has no partner."""


@dataclass(frozen=True)
class LocalSettings:
    """local.settings.json; all parts are empty when the file is missing."""

    values: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    connection_strings: Mapping[str, str] = field(default_factory=dict)
    found: bool = False

    def apply(self, environment: MutableMapping[str, str]) -> list[str]:
        """Adds what `environment` lacks and returns the names that it already had."""
        present = {name.lower() for name in environment}
        skipped = []
        for name, value in self.values.items():
            if name.lower() in present:
                skipped.append(name)
            else:
                environment[name] = value
        for name, value in self.connection_strings.items():
            if f"connectionstrings:{name}".lower() not in present:
                environment[f"ConnectionStrings:{name}"] = value
        return skipped

    @property
    def port(self) -> int | None:
        value = _lookup(self.host, "LocalHttpPort")
        if value is None:
            return None
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise SettingsError(
                "Host.LocalHttpPort in local.settings.json is not a port number."
            ) from None

    @property
    def cors(self) -> str | None:
        value = _lookup(self.host, "CORS")
        return None if value is None else str(value)

    @property
    def cors_credentials(self) -> bool:
        return is_true(_lookup(self.host, "CORSCredentials"))


def read_local_settings(app_dir: Path) -> LocalSettings:
    """Raises SettingsError when the file is there but cannot be used."""
    path = app_dir / "local.settings.json"
    if not path.is_file():
        return LocalSettings()
    document = parse_json_with_comments(path)
    if is_true(_lookup(document, "IsEncrypted")):
        raise SettingsError(
            "local.settings.json is encrypted (IsEncrypted is true); only `func settings decrypt` "
            "can read it."
        )
    connection_strings = {}
    for name, entry in _section(document, "ConnectionStrings").items():
        value = _lookup(entry, "ConnectionString") if isinstance(entry, Mapping) else entry
        if isinstance(value, str):
            connection_strings[name] = value
    values = {
        name: _text(name, value)
        for name, value in _section(document, "Values").items()
        if value is not None
    }
    return LocalSettings(values, _section(document, "Host"), connection_strings, found=True)


def setting(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """An app setting by its name in any case; `:` and `__` are the same separator."""
    for spelling in (name, name.replace(":", "__")):
        if (value := environment.get(spelling)) is not None:
            return value
    wanted = name.replace("__", ":").lower()
    for key, value in environment.items():
        if key.replace("__", ":").lower() == wanted:
            return value
    return None


def is_true(value: object) -> bool:
    """Both spellings that the host takes for a switch: `true` in any case, and `1`."""
    return str(value).strip().lower() in {"true", "1"}


def resolve_setting_names(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Replaces each `%NAME%`. Raises UnresolvedSettingError with the host's own words."""
    resolved = []
    position = 0
    while (start := text.find("%", position)) >= 0:
        end = text.find("%", start + 1)
        if end < 0:
            raise UnresolvedSettingError(
                f"The '%' at position {start} does not have a closing '%'."
            )
        value = setting(text[start + 1 : end], environment)
        if value is None:
            raise UnresolvedSettingError(f"'{text[start : end + 1]}' does not resolve to a value.")
        resolved += [text[position:start], value]
        position = end + 1
    return "".join([*resolved, text[position:]])


def connection_setting(
    name: str, environment: Mapping[str, str] = os.environ
) -> str | dict[str, str] | None:
    """A connection by the name in a binding: its connection string, or the properties of its
    section (`fullyQualifiedNamespace`, `credential`, ...) by the case that they were given in."""
    for candidate in (
        f"ConnectionStrings:AzureWebJobs{name}",
        f"AzureWebJobs{name}",
        f"ConnectionStrings:{name}",
        name,
    ):
        if value := setting(candidate, environment):
            return value
        prefix = candidate.lower() + ":"
        section = {
            key.replace("__", ":")[len(prefix) :]: value
            for key, value in environment.items()
            if key.replace("__", ":").lower().startswith(prefix)
        }
        if section:
            return section
    return None


_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)


def parse_json_with_comments(path: Path) -> dict[str, Any]:
    """A JSON object as Newtonsoft reads it: comments, trailing commas and a byte order mark are
    allowed. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        bare = _COMMENT.sub(lambda found: found[1] or " ", text)
        document = json.loads(_TRAILING_COMMA.sub(lambda found: found[1] or "", bare))
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path.name} cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path.name} does not hold a JSON object.")
    return document


def _lookup(section: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in section.items() if key.lower() == name.lower()), None)


def _section(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = _lookup(document, name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise SettingsError(f"{name} in local.settings.json is not an object.")
    return section


def _text(name: str, value: object) -> str:
    if isinstance(value, dict | list):
        raise SettingsError(f"The value of {name} in local.settings.json is not a string.")
    text = value if isinstance(value, str) else json.dumps(value)
    if not name or "=" in name or re.search("[\0\ud800-\udfff]", name + text):
        raise SettingsError(
            f"{name!a} in local.settings.json has a name or value that no environment can hold."
        )
    return text
