"""Files that are whole or not there, whenever a process dies."""

import os
import tempfile
from pathlib import Path


def write_whole(file: Path, content: bytes, mode: int = 0o644) -> None:
    """Replaces `file` in one step; a reader sees the old content or the new, never half."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as temporary:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
        if os.name == "posix":
            os.chmod(name, mode)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
