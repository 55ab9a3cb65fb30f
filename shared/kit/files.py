"""Files that are whole or not there, whenever a process dies, and locks that die with it."""

import os
import tempfile
from pathlib import Path
from typing import IO, Any

HALF_WRITTEN = ".half-written-"
"""What the name of a file begins with before it is whole."""


def write_whole(file: Path, content: bytes, mode: int = 0o644) -> None:
    """Replaces `file` in one step; a reader sees the old content or the new, never half."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=HALF_WRITTEN)
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


def lock(file: IO[Any]) -> None:
    """Takes the file for this process until it is closed or the process ends.

    Raises OSError at once where another has it.
    """
    if os.name == "nt":
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
