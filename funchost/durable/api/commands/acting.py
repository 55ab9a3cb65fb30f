"""The commands that change something."""

from collections.abc import Sequence

from funchost.durable.api.commands.looking import find
from funchost.durable.api.commands.tables import say
from funchost.durable.api.messages import InvalidJsonError, read_json
from funchost.durable.interface import (
    ArgumentError,
    DurableClient,
    InstanceFilter,
    InstanceGoneError,
    InvalidOperationError,
)
from funchost.settings import SettingsError

__all__ = ["change", "purge", "purge_where", "raise_event", "restart"]

_DONE = {
    "terminate": "is being terminated",
    "suspend": "is being suspended",
    "resume": "is being resumed",
    "rewind": "is being rewound",
}


async def raise_event(client: DurableClient, instance_id: str, name: str, data: str | None) -> int:
    try:
        given = read_json((data or "").encode())
    except InvalidJsonError as error:
        raise ArgumentError(
            f"The data of an event is JSON, which this is not: {error}. "
            """A text needs quotation marks of its own: '"like this"'."""
        ) from error
    await _refuse_ended(client, instance_id)
    await client.raise_event(instance_id, name, given)
    say(f"The event '{name}' has been sent to {instance_id}.")
    return 0


async def change(client: DurableClient, action: str, instance_id: str, reason: str | None) -> int:
    if action != "rewind":
        await _refuse_ended(client, instance_id)
    else:
        await find(client, instance_id)
    act = {
        "terminate": client.terminate,
        "suspend": client.suspend,
        "resume": client.resume,
        "rewind": client.rewind,
    }[action]
    try:
        await act(instance_id, reason)
    except InstanceGoneError as error:
        raise InvalidOperationError(
            f"Only a failed instance can be rewound; {instance_id} has not failed."
        ) from error
    say(f"{instance_id} {_DONE[action]}.")
    return 0


async def restart(client: DurableClient, instance_id: str, *, with_new_id: bool) -> int:
    await find(client, instance_id)
    say(f"Started {await client.restart(instance_id, with_new_id=with_new_id)}.")
    return 0


async def purge(client: DurableClient, instance_ids: Sequence[str], *, force: bool) -> int:
    """All or none of what can be known before."""
    for instance_id in instance_ids:
        status = await find(client, instance_id)
        if not status.is_finished and not force:
            raise InvalidOperationError(
                f"{instance_id} is {status.runtime_status.text}; --force deletes it nevertheless."
            )
    purged = [await client.purge(instance_id) for instance_id in instance_ids]
    say(f"Deleted: {sum(purged)}.")
    return 0


async def purge_where(client: DurableClient, wanted: InstanceFilter) -> int:
    if wanted.created_from is None and wanted.created_to is None and not wanted.statuses:
        raise SettingsError("purge takes ids, or --before, --after or --status.")
    say(f"Deleted: {await client.purge_where(wanted)}.")
    return 0


async def _refuse_ended(client: DurableClient, instance_id: str) -> None:
    status = await find(client, instance_id)
    if status.is_finished:
        raise InstanceGoneError(
            f"{instance_id} has ended already: it is {status.runtime_status.text}."
        )
