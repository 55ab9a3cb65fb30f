"""A store of JSON documents, each read and written by its id alone.

DocumentError
├── DocumentNotFound           no document has the id, or its time is over
├── DocumentConflict           a document with the id is there already
├── DocumentPreconditionFailed the ETag is not the newest: somebody else wrote meanwhile
└── DocumentsUnavailable       503 the store does not answer; a write may have happened
    └── DocumentsThrottled     503 it refused for now, after several tries; nothing was written
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from shared.kit.errors import AppError

_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
OWN_NAMES = frozenset({"id", "ttl", "write_id"})
"""What a store keeps in a document, besides names that begin with an underscore."""
LARGEST = 1024 * 1024
"""Bytes of JSON; Cosmos DB takes 2 MB, its own names and encoding included."""

Content = Mapping[str, Any]


class DocumentError(Exception):
    pass


class DocumentNotFound(DocumentError):
    pass


class DocumentConflict(DocumentError):
    pass


class DocumentPreconditionFailed(DocumentError):
    pass


class DocumentsUnavailable(DocumentError, AppError):
    status = 503
    kind = "busy"
    title = "The shop is busy"

    def __init__(self, detail: str = "The store of documents does not answer; try again.") -> None:
        super().__init__(detail, headers={"Retry-After": "1"})


class DocumentsThrottled(DocumentsUnavailable):
    def __init__(self) -> None:
        super().__init__("The store of documents is busy; try again.")


@dataclass(frozen=True, slots=True)
class Document:
    """`etag` is opaque, and another one after each write."""

    id: str
    etag: str
    content: Content


class DocumentStore(Protocol):
    """Every method may raise DocumentsUnavailable, and ValueError for an id or a content that no
    store can hold. `ttl` counts seconds of business time from the write on; then the document is
    gone by itself. None keeps it for ever."""

    async def read(self, document_id: str) -> Document | None: ...

    async def create(self, document_id: str, content: Content, *, ttl: int | None) -> Document:
        """Raises DocumentConflict."""
        ...

    async def replace(
        self, document_id: str, content: Content, etag: str, *, ttl: int | None
    ) -> Document:
        """Raises DocumentPreconditionFailed, DocumentNotFound."""
        ...

    async def delete(self, document_id: str, etag: str) -> None:
        """Raises DocumentPreconditionFailed, DocumentNotFound."""
        ...

    async def check(self) -> None:
        """Raises where the store cannot be used."""
        ...

    async def close(self) -> None: ...


def checked_id(document_id: str) -> str:
    if not _ID.fullmatch(document_id):
        raise ValueError("a document's id is 1 to 200 of the characters A-Z a-z 0-9 _ -")
    return document_id


def checked_content(content: Content) -> str:
    """The content as JSON text."""
    for name in content:
        if name in OWN_NAMES or name.startswith("_"):
            raise ValueError(f"the store keeps the name {name!r} for itself")
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    if len(text.encode()) > LARGEST:
        raise ValueError(f"a document has at most {LARGEST} bytes")
    return text


def checked_ttl(ttl: int | None) -> None:
    if ttl is not None and not 1 <= ttl <= 2**31 - 1:
        raise ValueError("a document lives for 1 to 2147483647 seconds")
