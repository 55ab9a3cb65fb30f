"""Which orchestrations this app takes, by their versions: host.json's `versionMatchStrategy`."""

from typing import Any

from funchost.durable.options import DurableOptions

__all__ = ["version_problem"]


def version_problem(options: DurableOptions, version: str | None) -> str | None:
    """None for an orchestration that this app runs. `Strict` takes those of the app's own
    `defaultVersion`, `CurrentOrOlder` earlier ones too; a number within a version counts as one."""
    ours, theirs = options.default_version or "", version or ""
    if options.version_match == "None" or ours == theirs:
        return None
    if options.version_match == "CurrentOrOlder" and _key(theirs) <= _key(ours):
        return None
    return (
        f"The orchestration has the version '{theirs}', and this app takes that of "
        f"'{ours}' ({options.version_match})."
    )


def _key(version: str) -> list[Any]:
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in version.split(".")]
