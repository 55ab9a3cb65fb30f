"""host.json's `extensions.durableTask`, validated."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from funchost.hostjson import HostJson
from funchost.settings import (
    SettingsError,
    UnresolvedSettingError,
    resolve_setting_names,
    setting,
)

__all__ = ["DEFAULT_HUB", "DurableOptions", "hub_name", "is_hub_name"]

DEFAULT_HUB = "TestHubName"
_SECTION = ("extensions", "durableTask")
_HUB_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,44}")
_DEFAULT_PURGE = timedelta(days=90)
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "overridableExistingInstanceStates": ("NonRunningStates", "AnyState"),
    "versionMatchStrategy": ("None", "Strict", "CurrentOrOlder"),
    "versionFailureStrategy": ("Reject", "Fail"),
}


def is_hub_name(name: str) -> bool:
    return _HUB_NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class DurableOptions:
    """The section `local` is this host's own: `maxHistoryEvents` bounds the history of one
    instance, `maxPayloadBytes` every input and output (UTF-8), `purgeFinishedAfter` (a time span,
    or `never`) is how long a finished instance is kept, in business time, and `synchronous` is
    SQLite's (`NORMAL` or `FULL`)."""

    hub: str
    activities: int
    orchestrators: int
    entities: int
    maximum_actions: int = 100_000
    overrides_any_state: bool = False
    stores_inputs: bool = False
    maximum_entity_batch: int = 5000
    default_version: str | None = None
    version_match: str = "None"
    fails_other_versions: bool = False
    http_sleep_milliseconds: int = 30_000
    maximum_history: int = 100_000
    maximum_payload: int = 64 * 1024 * 1024
    purge_after: timedelta | None = _DEFAULT_PURGE
    is_synchronous_full: bool = False

    @classmethod
    def read(cls, host_json: HostJson, cores: int) -> "DurableOptions":
        """Raises SettingsError, which names the key."""
        choices = {name: _choice(host_json, name, allowed) for name, allowed in _CHOICES.items()}
        return cls(
            hub=hub_name(host_json),
            activities=_count(host_json, "maxConcurrentActivityFunctions", default=10 * cores),
            orchestrators=_count(
                host_json, "maxConcurrentOrchestratorFunctions", default=10 * cores
            ),
            entities=_count(host_json, "maxConcurrentEntityFunctions", default=10 * cores),
            maximum_actions=_count(host_json, "maxOrchestrationActions", default=100_000),
            overrides_any_state=choices["overridableExistingInstanceStates"] == "AnyState",
            stores_inputs=host_json.flag(*_SECTION, "storeInputsInOrchestrationHistory"),
            maximum_entity_batch=_count(host_json, "maxEntityOperationBatchSize", default=5000),
            default_version=_text(host_json, "defaultVersion"),
            version_match=choices["versionMatchStrategy"],
            fails_other_versions=choices["versionFailureStrategy"] == "Fail",
            http_sleep_milliseconds=_count(
                host_json,
                "httpSettings",
                "defaultAsyncRequestSleepTimeMilliseconds",
                default=30_000,
            ),
            maximum_history=_count(host_json, "local", "maxHistoryEvents", default=100_000),
            maximum_payload=_count(host_json, "local", "maxPayloadBytes", default=64 * 1024 * 1024),
            purge_after=_purge_after(host_json),
            is_synchronous_full=_choice(host_json, "local.synchronous", ("NORMAL", "FULL"))
            == "FULL",
        )


def hub_name(host_json: HostJson, environment: Mapping[str, str] = os.environ) -> str:
    """The task hub of an app. Raises SettingsError, which names the key."""
    given = _text(host_json, "hubName")
    if given is None:
        site = re.sub(r"[^A-Za-z0-9]", "", setting("WEBSITE_SITE_NAME", environment) or "")[:45]
        return site if is_hub_name(site) else DEFAULT_HUB
    try:
        name = resolve_setting_names(given, environment)
    except UnresolvedSettingError as error:
        raise SettingsError(f"{'.'.join(_SECTION)}.hubName in host.json: {error}") from error
    if not is_hub_name(name):
        raise SettingsError(
            f"{'.'.join(_SECTION)}.hubName in host.json is '{name}': a task hub name starts with "
            "a letter and has 3 to 45 letters and digits, nothing else."
        )
    return name


def _text(host_json: HostJson, *path: str) -> str | None:
    value = host_json.get(*_SECTION, *path)
    return None if value is None or value == "" else str(value)


def _count(host_json: HostJson, *path: str, default: int) -> int:
    value = host_json.number(*_SECTION, *path, default=default)
    if value < 1:
        raise SettingsError(f"{'.'.join((*_SECTION, *path))} in host.json must be at least 1.")
    return value


def _choice(host_json: HostJson, path: str, allowed: tuple[str, ...]) -> str:
    """The first one is the default. In any case, as .NET reads enums."""
    value = _text(host_json, *path.split("."))
    if value is None:
        return allowed[0]
    found = next((choice for choice in allowed if choice.lower() == value.lower()), None)
    if found is None:
        raise SettingsError(
            f"{'.'.join(_SECTION)}.{path} in host.json is '{value}'; it must be one of "
            f"{', '.join(allowed)}."
        )
    return found


def _purge_after(host_json: HostJson) -> timedelta | None:
    if (_text(host_json, "local", "purgeFinishedAfter") or "").lower() == "never":
        return None
    return host_json.timespan(*_SECTION, "local", "purgeFinishedAfter") or _DEFAULT_PURGE
