"""What one start of the host is to do, with all defaults filled in."""

from dataclasses import dataclass
from pathlib import Path

from funchost.settings import SettingsError

__all__ = ["Command", "Forward", "Mount"]


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
class Command:
    """Worker processes receive it as it is. `base_url` has no slash at its end; `functions` is an
    allow-list, empty for all; `servicebus` declares the entities of the host's own broker."""

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
    verbose: bool
    user_log_level: str | None
    servicebus: Path | None
    drain_seconds: float
