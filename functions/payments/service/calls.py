"""Calls that must happen once, to a party that may not answer.

The row with the call's idempotency key is stored before the call. Where its outcome is not known,
the object is looked up first; only where it is certainly absent is another key used: after a 5xx,
which Stripe stores and repeats for the old key, or after the key's life of a day. A call that was
not answered at all may still be under way, so it is sent again with the same key, which does it
once whatever became of the first.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from functions.payments.model import CallState, OutcomeUnknown, Refused, StripeCall, Unavailable
from functions.payments.ports import Transactions
from shared.kit.clock import Clock
from shared.telemetry import get_logger

log = get_logger("payments")

T = TypeVar("T")

_KEY_LIVES = timedelta(hours=23)
"""Stripe forgets a key after 24 hours at the earliest."""
_TRIES_IN_A_ROW = 3


class CarefulCalls:
    def __init__(self, transactions: Transactions, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    def settle(
        self,
        call: StripeCall,
        send: Callable[[str], T],
        find: Callable[[StripeCall], T | None],
    ) -> tuple[StripeCall, T]:
        """The call that did it, and what it gave. The caller closes the call with its effect.

        Raises Refused, with the call closed; OutcomeUnknown or Unavailable, to be tried again.
        """
        for _ in range(_TRIES_IN_A_ROW):
            if not call.is_new:
                found = find(call)
                if found is not None:
                    return call, found
                if self._is_spent(call):
                    call = self._raise_try(call)
            try:
                return call, send(call.key)
            except Refused as error:
                self._close(call, "refused", error)
                raise
            except OutcomeUnknown as error:
                log.warning("stripe.outcome_unknown", key=call.key, answered=error.answered)
                if not error.answered:
                    raise
                call = self._close(call, "failed", error)
            except Unavailable as error:
                log.warning("stripe.unavailable", key=call.key, reason=str(error))
                raise
        raise OutcomeUnknown(f"{call.purpose}: Stripe fails", answered=True)

    def _is_spent(self, call: StripeCall) -> bool:
        return call.state != "sent" or self._clock.machine_now() - call.sent_at > _KEY_LIVES

    def _raise_try(self, call: StripeCall) -> StripeCall:
        now = self._clock.machine_now()
        return self._transactions.run(lambda transaction: transaction.calls.raise_try(call, now))

    def _close(self, call: StripeCall, state: CallState, error: Exception) -> StripeCall:
        self._transactions.run(
            lambda transaction: transaction.calls.close(call.key, state, None, str(error))
        )
        return replace(call, state=state, is_new=False)
