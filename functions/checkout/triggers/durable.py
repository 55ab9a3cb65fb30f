"""Sagas by the durable client that a function was given."""

from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df

from functions.checkout.saga import WAKE, cancel_v1, checkout_v1
from shared.telemetry import get_logger

log = get_logger("checkout")

_SINCE = datetime(2020, 1, 1, tzinfo=UTC)
"""Before there were any; the SDK wants a beginning."""
_NOBODY_THERE = ("No instance with ID", "is gone: either completed or failed")
_BROKEN_OFF = frozenset({"Failed", "Canceled", "Terminated"})


class DurableSagas:
    """`client` is an `azure.durable_functions.DurableOrchestrationClient`."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def begin_checkout(self, order_id: str) -> None:
        """`start_checkout` for an order that was made a moment ago, so that nobody need ask."""
        await self._start(checkout_v1.__name__, order_id, order_id)

    async def start_checkout(self, order_id: str) -> None:
        if not await self._is_known(order_id):
            await self.begin_checkout(order_id)

    async def start_cancel(self, order_id: str) -> None:
        instance = cancel_instance(order_id)
        if not await self._is_known(instance):
            await self._start(cancel_v1.__name__, instance, order_id)

    async def wake(self, order_id: str) -> None:
        # Cancelling begins only after the checkout's own saga has ended.
        if not await self._ring(order_id):
            await self._ring(cancel_instance(order_id))

    async def forget(self, started_before: datetime) -> int:
        ended = [
            df.OrchestrationRuntimeStatus.Completed,
            df.OrchestrationRuntimeStatus.Failed,
            df.OrchestrationRuntimeStatus.Terminated,
        ]
        purged = await self._client.purge_instance_history_by(_SINCE, started_before, ended)
        return int(purged.instances_deleted)

    async def _ring(self, instance: str) -> bool:
        """False where there is no such instance, or it has ended."""
        try:
            await self._client.raise_event(instance, WAKE, None)
        except Exception as error:
            # The SDK raises bare Exceptions for 404 and 410; their text alone tells them apart.
            if not any(sign in str(error) for sign in _NOBODY_THERE):
                raise
            return False
        return True

    async def _is_known(self, instance: str) -> bool:
        """False also where it was ended from outside: the order still needs its saga, which takes
        up from the order row wherever the former one stood."""
        known = await self._client.get_status(instance)
        if known is None or known.runtime_status is None:
            return False
        if known.runtime_status.name in _BROKEN_OFF:
            log.error("saga.broken_off", instance=instance, status=known.runtime_status.name)
            return False
        return True

    async def _start(self, name: str, instance: str, order_id: str) -> None:
        try:
            await self._client.start_new(name, instance_id=instance, client_input=order_id)
        except Exception:
            # Another start of the same instance may have been faster.
            if not await self._is_known(instance):
                raise
            log.info("saga.known", instance=instance)


def cancel_instance(order_id: str) -> str:
    return f"cancel-{order_id}"
