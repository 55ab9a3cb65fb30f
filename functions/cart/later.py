"""What an order takes out of a cart, kept at the broker while the carts are away.

Deliveries follow each other at once, and after the last one a message is a dead letter, for people
to look at. An outage that ends by itself needs nobody: the event waits in a queue of the cart's
own, which hands it over again after a while.
"""

from datetime import timedelta

from shared.contracts.envelope import Envelope
from shared.kit.clock import Clock
from shared.messaging.publisher import Message, Publisher, PublishFailed
from shared.telemetry import get_logger

log = get_logger("cart")

QUEUE = "cart-orders"
WAIT = timedelta(minutes=2)
LONGEST = timedelta(days=3)
"""Since the order was placed: after that it is a dead letter all the same."""
_PATIENCE_SECONDS = 10.0


class Later:
    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock

    def set_aside(self, event: Envelope) -> bool:
        """Has the event come once more, with its own id. False where it is too old, or the broker
        does not take it."""
        if self._clock.business_now() - event.time > LONGEST:
            return False
        again = Message(
            id=event.id,
            type=event.type,
            session=None,
            body=event.body(),
            traceparent=event.traceparent,
            tracestate=event.tracestate,
            not_before=self._clock.machine_now() + WAIT,
        )
        try:
            self._publisher.publish(QUEUE, [again], _PATIENCE_SECONDS)
        except PublishFailed as error:
            log.warning("cart.not_set_aside", event_id=event.id, error=str(error))
            return False
        log.warning("cart.set_aside", event_id=event.id)
        return True
