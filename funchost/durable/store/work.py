"""Operations by which processes share the work of a hub: owners, activities, delayed events.

An owner is one process from its registration to its end; whoever registers again has a new name.
So a row that names another owner, or another epoch, is proof that the work was taken over.
"""

from collections.abc import Sequence

from funchost.durable.events import Event
from funchost.durable.store.instances import post, registered
from funchost.durable.store.records import ActivityRow, Message, Wake, load_event
from funchost.durable.store.writer import Transaction

__all__ = [
    "claim_activities",
    "claim_instances",
    "complete_activity",
    "fire_due",
    "foreign_messages",
    "mark_activity_trial",
    "next_due",
    "other_owners",
    "register",
    "release",
    "renew",
    "take_over",
]


def register(transaction: Transaction, owner: str, expires: float) -> None:
    transaction.execute("INSERT INTO owners (owner, expires) VALUES (?, ?)", (owner, expires))


def renew(transaction: Transaction, owner: str, expires: float) -> bool:
    """False when another process has taken our work over meanwhile."""
    return (
        transaction.execute(
            "UPDATE owners SET expires = ? WHERE owner = ?", (expires, owner)
        ).rowcount
        == 1
    )


def other_owners(transaction: Transaction, owner: str) -> list[tuple[str, float]]:
    """With the machine time at which each one's lease ends."""
    return transaction.execute(
        "SELECT owner, expires FROM owners WHERE owner <> ?", (owner,)
    ).fetchall()


def take_over(transaction: Transaction, dead: str) -> None:
    """Frees what a dead process held. Whatever it had begun, its late commits find other owners and
    epochs."""
    _free(transaction, dead, died=True)


def release(transaction: Transaction, owner: str) -> None:
    """The orderly end of a process."""
    _free(transaction, owner, died=False)


def _free(transaction: Transaction, owner: str, *, died: bool) -> None:
    transaction.execute("DELETE FROM owners WHERE owner = ?", (owner,))
    transaction.execute(
        "UPDATE instances SET owner = NULL, epoch = epoch + 1, deaths = deaths + (? AND EXISTS"
        " (SELECT 1 FROM messages WHERE messages.instance = instances.id)) WHERE owner = ?",
        (died, owner),
    )
    transaction.execute(
        "UPDATE activities SET owner = NULL, deaths = deaths + ? WHERE owner = ?", (died, owner)
    )


def claim_instances(transaction: Transaction, owner: str, most: int) -> list[str]:
    """Up to `most` that have messages and no owner become ours."""
    if registered(transaction, owner) is None:
        return []
    ids = [
        instance_id
        for (instance_id,) in transaction.execute(
            "SELECT DISTINCT messages.instance FROM messages JOIN instances"
            " ON instances.id = messages.instance WHERE instances.owner IS NULL LIMIT ?",
            (most,),
        )
    ]
    transaction.executemany(
        "UPDATE instances SET owner = ?, epoch = epoch + 1 WHERE id = ?",
        [(owner, instance_id) for instance_id in ids],
    )
    return ids


def foreign_messages(transaction: Transaction, owner: str, after: int) -> tuple[list[Wake], int]:
    """Messages with numbers above `after` for our instances, and the highest number there is."""
    wakes = [
        Wake(instance_id, Message(number, execution_id, load_event(event)))
        for number, instance_id, execution_id, event in transaction.execute(
            "SELECT messages.number, instance, messages.execution_id, event FROM messages"
            " JOIN instances ON instances.id = messages.instance"
            " WHERE messages.number > ? AND instances.owner = ? ORDER BY messages.number",
            (after, owner),
        )
    ]
    highest = transaction.execute("SELECT max(number) FROM messages").fetchone()[0]
    return wakes, max(after, highest or 0)


def claim_activities(transaction: Transaction, owner: str, most: int) -> list[ActivityRow]:
    if registered(transaction, owner) is None:
        return []
    rows = transaction.execute(
        "UPDATE activities SET owner = ? WHERE number IN (SELECT number FROM activities"
        " WHERE owner IS NULL ORDER BY number LIMIT ?)"
        " RETURNING number, instance, execution_id, task_id, name, input, deaths, trials,"
        " traceparent",
        (owner, most),
    ).fetchall()
    return sorted((ActivityRow(*row) for row in rows), key=lambda row: row.number)


def mark_activity_trial(transaction: Transaction, number: int, *, owner: str) -> None:
    transaction.execute(
        "UPDATE activities SET trials = trials + 1 WHERE number = ? AND owner = ?",
        (number, owner),
    )


def complete_activity(
    transaction: Transaction, activity: ActivityRow, event: Event, *, owner: str
) -> bool:
    """Takes the result of an activity, once: False when it is not ours any more."""
    deleted = transaction.execute(
        "DELETE FROM activities WHERE number = ? AND owner = ?", (activity.number, owner)
    ).rowcount
    if deleted != 1:
        return False
    post(transaction, activity.instance_id, activity.execution_id, event, owner=owner)
    return True


def fire_due(transaction: Transaction, now: int, *, owner: str) -> int | None:
    """Turns what is due into messages, and returns when the next one is due."""
    due = transaction.execute(
        "DELETE FROM delayed WHERE due <= ? RETURNING due, number, instance, execution_id, event",
        (now,),
    ).fetchall()
    for _, _, instance_id, execution_id, text in sorted(due):
        event = load_event(text)
        post(
            transaction,
            instance_id,
            execution_id,
            Event(event.type, now, event.members, event.id),
            owner=owner,
        )
    return next_due(transaction)


def next_due(transaction: Transaction) -> int | None:
    found: Sequence[int | None] = transaction.execute("SELECT min(due) FROM delayed").fetchone()
    return found[0]
