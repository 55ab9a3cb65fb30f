"""Deliveries over HTTP and from the command line: begun, worked at, looked at.

An import's work is done in slices, by whoever holds its lease: the call that begins it for a
moment, so that small ones are done at once, and a timer.
"""

import hashlib
import os
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from functions.inventory.import_model import (
    MOST_REFUSALS_SHOWN,
    AnnouncedImport,
    FileShape,
    ImportList,
    ImportNotStartable,
    ImportOptions,
    ImportState,
    ImportStatus,
    Lease,
    LeaseLost,
    Progress,
    RefusedRecord,
    StoredImport,
    UnknownImport,
    UnknownUpload,
    UploadAddress,
)
from functions.inventory.model import Record
from functions.inventory.ports import Transaction, Transactions
from functions.inventory.service.importing import LEASE, Importer
from shared.blobs.uploads import Uploads
from shared.kit.clock import Clock
from shared.kit.errors import AppError
from shared.kit.idempotency import Delivery, once
from shared.telemetry import get_logger

log = get_logger("imports")

UPLOAD_TIME = timedelta(hours=1)
AT_ONCE_SECONDS = 2.0
_OPEN = ("waiting", "running")
_KEPT: dict[tuple[ImportState, ...], timedelta] = {
    ("finished", "failed"): timedelta(days=30),
    ("awaiting",): timedelta(days=7),
}
"""How long an import is remembered after it last changed, in business time. Idempotency keys are
kept for a week, so none outlives its import."""
_PURGED_AT_ONCE = 100
_LISTED = 100


class _Begun(Record):
    id: str


class Imports:
    def __init__(
        self, transactions: Transactions, importer: Importer, uploads: Uploads, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._importer = importer
        self._uploads = uploads
        self._clock = clock

    def take_in(
        self,
        content: bytes,
        file_name: str,
        options: ImportOptions,
        actor: str,
        delivery: Delivery,
    ) -> tuple[ImportStatus, bool]:
        """Begins the import of a small file; True where the delivery was a repetition.

        Raises BadInput for what cannot be set, IdempotencyMismatch.
        """
        self._importer.check(options, "query")
        import_id = _id_of(delivery)
        # The name stands for this very content, so what another request brought is not touched.
        if self._found(import_id) is None:
            self._uploads.put(_file_of(import_id), content)
        try:
            replayed = self._begin(delivery, file_name, options, actor, Progress(), "waiting")
        except AppError:
            if self._found(import_id) is None:
                self._uploads.delete(_file_of(import_id))
            raise
        if not replayed:
            self._work_at(import_id, AT_ONCE_SECONDS)
        return self.status(import_id), replayed

    def announce(
        self, said: AnnouncedImport, actor: str, delivery: Delivery
    ) -> tuple[ImportStatus, bool]:
        """Promises to take a file; the answer says where it is to be sent. Raises as `take_in`."""
        options = ImportOptions(map=said.map, set=said.set, stock=said.stock)
        self._importer.check(options, "body")
        progress = Progress(announced=said.size)
        replayed = self._begin(delivery, said.file_name, options, actor, progress, "awaiting")
        status = self.status(_id_of(delivery))
        if status.state != "awaiting":
            return status, replayed
        expires_at = self._clock.machine_now() + UPLOAD_TIME
        signed = self._uploads.address(_file_of(status.id), expires_at)
        upload = UploadAddress(url=signed.url, headers=signed.headers, expires_at=expires_at)
        return status.model_copy(update={"upload": upload}), replayed

    def upload(self, name: str, content: bytes) -> None:
        """What was sent to an upload's address. Raises ImportNotStartable once it was started."""
        found = self._found(name.partition(".")[0])
        if found is None:
            raise UnknownUpload
        if found.state != "awaiting":
            raise ImportNotStartable("The import was started; its file can no longer be replaced.")
        self._uploads.put(name, content)

    def start(self, import_id: str) -> ImportStatus:
        """Has an uploaded file taken in; harmless where it was started before.

        Raises UnknownImport, ImportNotStartable.
        """
        found = self._found(import_id)
        if found is None:
            raise UnknownImport(import_id)
        if found.state == "awaiting":
            self._check_arrived(found)
            self._transactions.run(lambda transaction: transaction.imports.start(import_id))
            self._work_at(import_id, AT_ONCE_SECONDS)
        return self.status(import_id)

    def status(self, import_id: str) -> ImportStatus:
        """Raises UnknownImport."""
        found = self._found(import_id)
        if found is None:
            raise UnknownImport(import_id)
        refusals = self._transactions.run(
            lambda transaction: transaction.imports.refusals(import_id, 0, MOST_REFUSALS_SHOWN)
        )
        return _status(found, refusals)

    def newest(self) -> ImportList:
        """The last hundred, without what each refused."""
        found = self._transactions.run(lambda transaction: transaction.imports.newest(_LISTED))
        return ImportList(items=tuple(_status(one, ()) for one in found))

    def work(self, seconds: float) -> None:
        """Goes on with imports that nobody works at, for about so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            due = self._due()
            if not due:
                return
            for import_id in due:
                self._work_at(import_id, max(deadline - time.monotonic(), 0.1))

    def purge(self) -> int:
        """Forgets imports that ended long ago or were never started; how many that were."""
        count = 0
        for states, kept in _KEPT.items():
            while old := self._old(states, kept):
                for import_id in old:
                    # Were it the other way round, a crash between would leave the file for ever.
                    self._uploads.delete(_file_of(import_id))
                    count += self._forget(import_id, states)
        return count

    def _old(self, states: tuple[ImportState, ...], kept: timedelta) -> Sequence[str]:
        return self._transactions.run(
            lambda it: it.imports.old(states, it.now - kept, _PURGED_AT_ONCE)
        )

    def _forget(self, import_id: str, states: tuple[ImportState, ...]) -> bool:
        return self._transactions.run(lambda it: it.imports.forget(import_id, states))

    def _due(self) -> Sequence[str]:
        now = self._clock.machine_now()
        return self._transactions.run(lambda transaction: transaction.imports.due(now))

    def _work_at(self, import_id: str, seconds: float) -> None:
        now = self._clock.machine_now()
        lease = self._transactions.run(
            lambda transaction: transaction.imports.claim(import_id, _owner(), now + LEASE, now)
        )
        if lease is None:
            return
        deadline = time.monotonic() + seconds
        file = self._uploads.open(_file_of(import_id))
        try:
            if file is None:
                self._importer.fail(lease, "The file is no longer there.")
            else:
                with file:
                    self._importer.run(lease, file, lambda: time.monotonic() >= deadline)
        except (AppError, LeaseLost) as error:
            # The next slice goes on, when the lease has run out; or another process already does.
            log.warning("import.interrupted", import_id=import_id, reason=str(error))
            return
        except Exception as error:  # a fault of ours must not be met again and again by the timer
            log.error("import.failed", exc_info=error, import_id=import_id)
            self._importer.fail(lease, "An error of the shop stopped it; the log says more.")
        found = self._found(import_id)
        if found is not None and found.state not in _OPEN:
            self._uploads.delete(_file_of(import_id))

    def _begin(
        self,
        delivery: Delivery,
        file_name: str,
        options: ImportOptions,
        actor: str,
        progress: Progress,
        state: Literal["awaiting", "waiting"],
    ) -> bool:
        import_id = _id_of(delivery)

        def work(transaction: Transaction) -> bool:
            def effect() -> _Begun:
                transaction.imports.add(import_id, file_name, options, state, actor, progress)
                return _Begun(id=import_id)

            return once(transaction.deliveries, delivery, _Begun, effect)[1]

        return self._transactions.run(work)

    def _check_arrived(self, found: StoredImport) -> None:
        file = self._uploads.open(_file_of(found.id))
        if file is None:
            raise ImportNotStartable("Its file has not arrived yet.")
        with file:
            size = file.seek(0, os.SEEK_END)
        if found.progress.announced not in (None, size):
            raise ImportNotStartable(
                f"Its file has {size} bytes, and {found.progress.announced} were announced."
            )

    def _found(self, import_id: str) -> StoredImport | None:
        return self._transactions.run(lambda transaction: transaction.imports.find(import_id))


def begin_file(
    transactions: Transactions,
    clock: Clock,
    shape: FileShape,
    file_name: str,
    options: ImportOptions,
) -> tuple[Lease, bool]:
    """The lease of a local file's import, taken over if need be; True where it was broken off.

    The same content with the same options is the same import. One that has ended starts over.
    """
    said = f"{shape.digest}\n{options.model_dump_json()}"
    import_id = hashlib.sha256(said.encode()).hexdigest()[:32]

    def work(transaction: Transaction) -> tuple[Lease, bool]:
        rows = transaction.imports
        found = rows.find(import_id)
        if found is None:
            rows.add(import_id, file_name, options, "waiting", None, Progress(shape=shape))
        elif found.state not in _OPEN:
            rows.start_over(import_id, file_name, Progress(shape=shape))
        # Whoever held it is dead, or is told at its next commit.
        lease = rows.claim(import_id, _owner(), clock.machine_now() + LEASE, None)
        assert lease is not None, "it waits in this very transaction"
        broken_off = found is not None and found.state in _OPEN
        return lease, broken_off and found is not None and found.progress.position is not None

    return transactions.run(work)


def _owner() -> str:
    return secrets.token_hex(16)


def _id_of(delivery: Delivery) -> str:
    return hashlib.sha256(f"{delivery.id}{delivery.request_hash}".encode()).hexdigest()[:32]


def _file_of(import_id: str) -> str:
    return f"{import_id}.feed"


def _status(found: StoredImport, refusals: Sequence[RefusedRecord]) -> ImportStatus:
    progress = found.progress
    shape = progress.shape
    read = progress.position.offset if progress.position else 0
    return ImportStatus(
        id=found.id,
        state=found.state,
        file_name=found.file_name,
        format=shape.format if shape else None,
        size=shape.size if shape else progress.announced,
        bytes_read=shape.size if shape and found.state == "finished" else read,
        records=progress.counts.records,
        counts=progress.counts,
        remarks=shape.remarks if shape else (),
        notes=progress.notes,
        refusals=tuple(refusals),
        refusals_left_out=max(0, progress.counts.refused - len(refusals)),
        failure=progress.failure,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
