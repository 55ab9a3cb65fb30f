"""Where pictures, samples and uploads lie.

A blob's name stands for its content: once put, it never changes, so that caches may keep it for
ever. A name is lower-case segments apart by slashes; its extension says what it is.
"""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from shared.kit.errors import AppError

IMMUTABLE = "public, max-age=31536000, immutable"

_SOON = {"Retry-After": "1"}
_LONGEST = 200
_PART = r"[a-z0-9]([a-z0-9._-]*[a-z0-9_-])?"
_NAME = re.compile(rf"{_PART}(/{_PART})*")
_DEVICE = re.compile(r"(^|/)(con|prn|aux|nul|(com|lpt)[0-9])(\.|/|$)")
"""On Windows these are no files, whatever folder or extension they are given."""
_TYPES = {".avif": "image/avif", ".webp": "image/webp"}
"""What some versions of Python do not know."""
_KNOWN_TYPES = mimetypes.MimeTypes().types_map[True]
"""Python's own list: the machine's would make names differ from one to the next."""


@dataclass(frozen=True, slots=True)
class Blob:
    data: bytes
    content_type: str


class BlobStore(Protocol):
    """Every method raises ValueError for a name that is not one."""

    def put(self, name: str, data: bytes, content_type: str, cache_control: str) -> None:
        """Whole or not at all; the same content again is harmless.

        Raises ValueError where the extension is of another type, BlobExists where the name has
        other content already.
        """
        ...

    def get(self, name: str) -> Blob | None: ...

    def exists(self, name: str) -> bool: ...

    def delete(self, name: str) -> None:
        """Harmless where there is none."""
        ...

    def url(self, name: str) -> str:
        """Where a browser finds it."""
        ...


class BlobsUnavailable(AppError):
    status = 503
    kind = "busy"
    title = "The shop is busy"

    def __init__(self) -> None:
        super().__init__("The store of files does not answer; try again.", headers=_SOON)


class BlobExists(Exception):
    """A name was to stand for other content than before."""


def checked(name: str) -> str:
    """The name itself; it can neither leave its folder nor hide in it."""
    if len(name) > _LONGEST or not _NAME.fullmatch(name) or ".." in name or _DEVICE.search(name):
        raise ValueError(f"{name!r} is not the name of a blob")
    return name


def content_type_of(name: str) -> str:
    ending = PurePosixPath(name).suffix
    return _TYPES.get(ending) or _KNOWN_TYPES.get(ending, "application/octet-stream")


def content_name(data: bytes) -> str:
    """32 letters and digits that only this content has."""
    return hashlib.sha256(data).hexdigest()[:32]
