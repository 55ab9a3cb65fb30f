"""Imports as they are begun, claimed and looked at."""

import hashlib
import secrets
from datetime import timedelta

from functions.inventory.import_model import FileShape, ImportOptions, Lease, Progress
from functions.inventory.ports import Transaction, Transactions
from shared.kit.clock import Clock


def begin_file(
    transactions: Transactions,
    clock: Clock,
    shape: FileShape,
    file_name: str,
    options: ImportOptions,
) -> tuple[Lease, bool]:
    """The lease of a file's import, taken over if need be; True where it was broken off before.

    The same content with the same options is the same import. One that has ended starts over.
    """
    said = f"{shape.digest}\n{options.model_dump_json()}"
    import_id = hashlib.sha256(said.encode()).hexdigest()[:32]

    def work(transaction: Transaction) -> tuple[Lease, bool]:
        rows = transaction.imports
        found = rows.find(import_id)
        if found is None:
            rows.add(import_id, file_name, options, "waiting", None, Progress(shape=shape))
        elif found.state not in ("waiting", "running"):
            rows.start_over(import_id, Progress(shape=shape))
        going_on = found is not None and found.state in ("waiting", "running")
        until = clock.machine_now() + timedelta(seconds=60)
        lease = rows.claim(import_id, secrets.token_hex(16), until, None)
        assert lease is not None, "it waits in this very transaction"
        return lease, going_on and found is not None and found.progress.position is not None

    return transactions.run(work)
