"""A function of the app, as indexed."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

__all__ = ["Function", "Parameter", "RetryPolicy"]


@dataclass(frozen=True)
class Parameter:
    """A bound Python parameter, or the return value.

    `kind` names the converter: the binding's type, or `generic` for plain text and bytes.
    """

    kind: str
    python_type: Any
    is_sdk_type: bool = False


@dataclass(frozen=True)
class RetryPolicy:
    """Delays are seconds; `maximum_retries` -1 means for ever."""

    exponential: bool
    maximum_retries: int
    minimum_delay: float
    maximum_delay: float

    @classmethod
    def from_settings(
        cls,
        strategy: str | None,
        maximum_retries: int,
        delay: timedelta | None,
        minimum: timedelta | None,
        maximum: timedelta | None,
    ) -> "RetryPolicy":
        """Raises ValueError for an unknown strategy or a missing interval."""
        name = (strategy or "").replace("_", "").lower()
        if name == "fixeddelay":
            if delay is None:
                raise ValueError("The fixed delay retry strategy needs a delay interval.")
            seconds = delay.total_seconds()
            return cls(False, maximum_retries, seconds, seconds)
        if name == "exponentialbackoff":
            if minimum is None or maximum is None:
                raise ValueError(
                    "The exponential backoff retry strategy needs a minimum and a maximum interval."
                )
            return cls(True, maximum_retries, minimum.total_seconds(), maximum.total_seconds())
        raise ValueError(f"'{strategy}' is not a retry strategy.")

    def delay(self, failures_before: int) -> float:
        """Seconds to wait after `failures_before` + 1 failures."""
        if not self.exponential or failures_before == 0:
            return self.minimum_delay
        jitter = random.uniform(0.8, 1.2)  # noqa: S311 - it spreads retries, nothing more
        # The exponent is bounded: a policy that retries for ever must not overflow.
        grown = jitter * 2.0 ** min(failures_before - 1, 60) * self.minimum_delay
        return min(self.maximum_delay, self.minimum_delay + grown)


@dataclass(frozen=True, eq=False)
class Function:
    """`code` is the app's callable; `raw_bindings` the JSON texts that a worker sends to the host.

    `returns` is None for a function whose return value nobody takes.
    """

    name: str
    code: Callable[..., Any]
    id: str
    directory: str
    raw_bindings: list[str]
    is_async: bool
    requires_context: bool
    inputs: dict[str, Parameter]
    outputs: dict[str, Parameter]
    returns: Parameter | None
    retry: RetryPolicy | None = None
    is_disabled: bool = field(default=False)

    @cached_property
    def bindings(self) -> list[dict[str, Any]]:
        """As the app wrote them, `%NAME%` unresolved."""
        return [json.loads(text) for text in self.raw_bindings]

    @cached_property
    def trigger(self) -> dict[str, Any]:
        """The first binding whose type ends in `Trigger`; {} when there is none."""
        return next(
            (binding for binding in self.bindings if binding["type"].lower().endswith("trigger")),
            {},
        )
