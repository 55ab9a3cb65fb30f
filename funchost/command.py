"""What one start of the host is to do, with all defaults filled in."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from funchost.settings import SettingsError

__all__ = ["Command", "Forward", "Mount", "Site"]


_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True)
class Mount:
    """Files of `directory` are served below `prefix` (`/cdn`, without a slash at its end)."""

    prefix: str
    directory: Path
    is_immutable: bool

    @classmethod
    def parse(cls, text: str) -> "Mount":
        """From `/cdn=DIR` or `/cdn=DIR;immutable`. Raises SettingsError."""
        prefix, separator, rest = text.partition("=")
        directory, _, option = rest.partition(";")
        if not (prefix.startswith("/") and separator and directory) or option not in {
            "",
            "immutable",
        }:
            raise SettingsError(f"--static takes /PREFIX=DIR or /PREFIX=DIR;immutable, not {text}.")
        return cls(prefix.rstrip("/"), Path(directory).resolve(), option == "immutable")


@dataclass(frozen=True)
class Forward:
    """Addresses below `prefix` are sent on to `target` with the rest of the path behind it."""

    prefix: str
    target: str

    @classmethod
    def parse(cls, text: str) -> "Forward":
        """From `/old=/new#`. Raises SettingsError."""
        prefix, _, target = text.partition("=")
        prefix = prefix.rstrip("/")
        is_address = target.startswith("/") and target.isascii() and target.isprintable()
        if not (prefix.startswith("/") and is_address):
            raise SettingsError(f"--redirect takes /PREFIX=/TARGET, not {text}.")
        return cls(prefix, target)


@dataclass(frozen=True)
class Site:
    """Files of `directory` answer where no function does, each with `headers`."""

    directory: Path
    headers: Mapping[str, str]

    @classmethod
    def read(cls, directory: Path, headers: Path | None) -> "Site":
        """`headers` is a file with a JSON object of texts. Raises SettingsError."""
        if not directory.is_dir():
            raise SettingsError(f"--site: the folder {directory} does not exist.")
        if headers is None:
            return cls(directory.resolve(), {})
        try:
            named = json.loads(headers.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError(f"--site-headers: {headers} cannot be read: {error}") from None
        if not isinstance(named, dict) or not all(
            _HEADER_NAME.fullmatch(name) and isinstance(text, str) and _HEADER_TEXT.fullmatch(text)
            for name, text in named.items()
        ):
            raise SettingsError(f"--site-headers: {headers} is not an object of header texts.")
        return cls(directory.resolve(), {name.lower(): text for name, text in named.items()})


@dataclass(frozen=True)
class Command:
    """Worker processes receive it as it is. `base_url` has no slash at its end; `functions` is an
    allow-list, empty for all; `servicebus` declares the entities of the host's own broker; `pins`
    keeps each worker on one core."""

    app_dir: Path
    state: Path
    address: str
    port: int
    base_url: str
    workers: int
    functions: tuple[str, ...]
    cors: str | None
    cors_credentials: bool
    checks_keys: bool
    mounts: tuple[Mount, ...]
    forwards: tuple[Forward, ...]
    site: Site | None
    verbose: bool
    user_log_level: str | None
    servicebus: Path | None
    drain_seconds: float
    pins: bool = False
