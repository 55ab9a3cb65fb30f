"""Documents in an SQLite file that any number of processes share."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar
from uuid import uuid4

from shared.documents.port import (
    Content,
    Document,
    DocumentConflict,
    DocumentNotFound,
    DocumentPreconditionFailed,
    DocumentsThrottled,
    checked_content,
    checked_id,
    checked_ttl,
)
from shared.kit.clock import Clock
from shared.sql.sqlite_file import LOCK_WAIT_SECONDS, prepare

T = TypeVar("T")

_THREADS = 4
_PURGED_AT_ONCE = 20

_TABLE = """
CREATE TABLE IF NOT EXISTS documents (
    container TEXT NOT NULL,
    id TEXT NOT NULL,
    etag TEXT NOT NULL,
    content TEXT NOT NULL,
    expires_at REAL,
    PRIMARY KEY (container, id)
) WITHOUT ROWID
"""
_INDEX = """
CREATE INDEX IF NOT EXISTS ix_documents_expires_at ON documents (expires_at)
WHERE expires_at IS NOT NULL
"""
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE name = 'ix_documents_expires_at'"
_IS_ALIVE = "(expires_at IS NULL OR expires_at > :now)"
_READ = f"""
SELECT etag, content FROM documents WHERE container = :container AND id = :id AND {_IS_ALIVE}
"""  # noqa: S608 - put together from the constants above
_CREATE = """
INSERT INTO documents (container, id, etag, content, expires_at)
VALUES (:container, :id, :new_etag, :content, :expires_at)
ON CONFLICT (container, id) DO UPDATE
SET etag = excluded.etag, content = excluded.content, expires_at = excluded.expires_at
WHERE documents.expires_at <= :now
"""
_REPLACE = f"""
UPDATE documents SET etag = :new_etag, content = :content, expires_at = :expires_at
WHERE container = :container AND id = :id AND etag = :etag AND {_IS_ALIVE}
"""  # noqa: S608
_DELETE = f"""
DELETE FROM documents
WHERE container = :container AND id = :id AND etag = :etag AND {_IS_ALIVE}
"""  # noqa: S608
_PURGE = """
DELETE FROM documents WHERE (container, id) IN (
    SELECT container, id FROM documents WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit
)
"""


class SqliteDocuments:
    """One container of the file. Business time decides when a document's time is over; each write
    also takes away some that are over, so that the file does not grow with the dead."""

    def __init__(
        self, file: Path, container: str, clock: Clock, *, fsync_full: bool = False
    ) -> None:
        self._file = file
        self._container = container
        self._clock = clock
        self._fsync_full = fsync_full
        # Of our own, so that whatever else waits in threads cannot keep documents waiting.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="documents")
        self._idle: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        # The writers of a process queue here, in order, instead of polling the file.
        self._writing = threading.Lock()

    async def read(self, document_id: str) -> Document | None:
        checked_id(document_id)

        def work() -> Document | None:
            with self._connection() as connection:
                found = connection.execute(_READ, self._key(document_id)).fetchone()
            return None if found is None else Document(document_id, found[0], json.loads(found[1]))

        return await self._run(work)

    async def create(self, document_id: str, content: Content, *, ttl: int | None) -> Document:
        text, etag = checked_content(content), uuid4().hex
        key = self._key(checked_id(document_id))
        values = {**key, "new_etag": etag, "content": text, "expires_at": _end(key["now"], ttl)}

        def work() -> Document:
            with self._written(key["now"]) as connection:
                if connection.execute(_CREATE, values).rowcount == 0:
                    raise DocumentConflict(document_id)
            return Document(document_id, etag, json.loads(text))

        return await self._run(work)

    async def replace(
        self, document_id: str, content: Content, etag: str, *, ttl: int | None
    ) -> Document:
        text, new_etag = checked_content(content), uuid4().hex
        key = self._key(checked_id(document_id))
        values = {
            **key,
            "etag": etag,
            "new_etag": new_etag,
            "content": text,
            "expires_at": _end(key["now"], ttl),
        }

        def work() -> Document:
            with self._written(key["now"]) as connection:
                if connection.execute(_REPLACE, values).rowcount == 0:
                    raise _why_not(connection, key)
            return Document(document_id, new_etag, json.loads(text))

        return await self._run(work)

    async def delete(self, document_id: str, etag: str) -> None:
        key = self._key(checked_id(document_id))

        def work() -> None:
            with self._written(key["now"]) as connection:
                if connection.execute(_DELETE, {**key, "etag": etag}).rowcount == 0:
                    raise _why_not(connection, key)

        await self._run(work)

    async def check(self) -> None:
        await self.read("check")

    async def close(self) -> None:
        self.dispose()

    def dispose(self) -> None:
        """Nothing may be under way; the store cannot be used afterwards."""
        self._threads.shutdown()
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _key(self, document_id: str) -> dict[str, Any]:
        now = self._clock.business_now().timestamp()
        return {"container": self._container, "id": document_id, "now": now}

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @contextmanager
    def _written(self, now: float) -> Iterator[sqlite3.Connection]:
        """One transaction that has the write lock from its beginning."""
        with self._writing, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(_PURGE, {"now": now, "limit": _PURGED_AT_ONCE})
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Raises DocumentsThrottled where another process keeps the lock for too long."""
        try:
            try:
                connection = self._idle.get_nowait()
            except Empty:
                connection = self._open()
            try:
                yield connection
            finally:
                self._idle.put(connection)
        except sqlite3.OperationalError as error:
            # The low byte is the primary code; the rest says which kind of busy.
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise DocumentsThrottled from error
            raise

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=LOCK_WAIT_SECONDS, check_same_thread=False)
        try:
            prepare(connection, fsync_full=self._fsync_full)
            if connection.execute(_HAS_TABLE).fetchone() is None:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_TABLE)
                connection.execute(_INDEX)
                connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection


def _end(now: float, ttl: int | None) -> float | None:
    checked_ttl(ttl)
    return None if ttl is None else now + ttl


def _why_not(
    connection: sqlite3.Connection, key: dict[str, Any]
) -> DocumentNotFound | DocumentPreconditionFailed:
    name = str(key["id"])
    if connection.execute(_READ, key).fetchone() is None:
        return DocumentNotFound(name)
    return DocumentPreconditionFailed(name)
