"""Where pictures, samples and uploads lie.

A blob's name stands for its content: once put, it never changes, so that caches may keep it for
ever. A name is lower-case segments apart by slashes; its extension says what it is.
"""

import hashlib
import mimetypes
import re
from dataclasses import dataclass
from typing import Protocol

IMMUTABLE = "public, max-age=31536000, immutable"

_LONGEST = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
_TYPES = {"image/webp": ".webp"}
"""What some machines' own lists do not know."""


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


class BlobExists(Exception):
    """A name was to stand for other content than before."""


def checked(name: str) -> str:
    """The name itself; it can neither leave its folder nor hide in it."""
    if len(name) > _LONGEST or not _NAME.fullmatch(name) or ".." in name:
        raise ValueError(f"{name!r} is not the name of a blob")
    return name


def content_type_of(name: str) -> str:
    for content_type, extension in _TYPES.items():
        if name.endswith(extension):
            return content_type
    return mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"


def content_name(data: bytes) -> str:
    """32 letters and digits that only this content has."""
    return hashlib.sha256(data).hexdigest()[:32]
