"""Wakes the storage when a schedule, a lock or a message's time to live is due."""

from collections.abc import Callable, Mapping

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.clock import BrokerClock
from funchost.servicebus.broker.errors import BrokerError
from funchost.servicebus.broker.storage.timing import process_due
from funchost.servicebus.broker.storage.writer import Writer

__all__ = ["DueTimer"]

_RETRY_MILLISECONDS = 1000


class DueTimer:
    """One alarm for all messages, set to the earliest time that the storage has told."""

    def __init__(
        self, writer: Writer, clock: BrokerClock, containers: Mapping[int, Container]
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._containers = containers
        self._due: int | None = None
        self._cancel: Callable[[], None] = lambda: None
        self._running = False
        self._stopped = False

    def at(self, due: int | None) -> None:
        if self._stopped or due is None or (self._due is not None and self._due <= due):
            return
        self._cancel()
        self._due = due
        if due <= self._clock.now():
            self._run()
        else:
            self._cancel = self._clock.call_at(due, self._run)

    def stop(self) -> None:
        self._stopped = True
        self._cancel()

    def _run(self) -> None:
        self._due = None
        if not self._running:
            self._running = True
            self._writer.submit(
                lambda transaction: process_due(transaction, self._containers), self._ran
            )

    def _ran(self, due: int | None, error: BrokerError | None) -> None:
        self._running = False
        if error is None:
            self.at(due)
        else:
            self.at(self._clock.now() + _RETRY_MILLISECONDS)
