"""The folder in which a host keeps what must outlive it: keys, timer schedules, locks."""

import hashlib
import os
import platform
import tempfile
from pathlib import Path

__all__ = ["default_state_dir", "host_id", "write_private"]


def default_state_dir(app_dir: Path) -> Path:
    return app_dir / ".local"


def host_id(app_dir: Path) -> str:
    """Stable for a machine and an app folder; at most 32 characters."""
    machine = "".join(char for char in platform.node().lower() if char.isalnum() or char == "-")
    digest = hashlib.sha256(str(app_dir).encode()).hexdigest()
    return f"{machine[:21].strip('-') or 'local'}-{digest[:10]}"


def write_private(path: Path, text: str) -> None:
    """Replaces the file in one step; only its owner can read it (mode 600 where modes exist)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp gives mode 600 from the very first moment.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
