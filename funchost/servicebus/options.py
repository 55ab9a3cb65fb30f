"""host.json's `extensions.serviceBus`, with the defaults of the Service Bus extension."""

import os
from dataclasses import dataclass
from typing import Literal

from funchost.hostjson import HostJson
from funchost.settings import SettingsError
from funchost.timers.schedule import parse_timespan

__all__ = ["RetryOptions", "ServiceBusOptions"]

_SECTION = ("extensions", "serviceBus")
_LARGEST = 2**31 - 1


@dataclass(frozen=True)
class RetryOptions:
    """Of the client, for connections to another process. All times are seconds."""

    mode: Literal["exponential", "fixed"] = "exponential"
    try_timeout: float = 60.0
    delay: float = 0.8
    max_delay: float = 60.0
    max_retries: int = 3


@dataclass(frozen=True)
class ServiceBusOptions:
    """All times are seconds. `max_lock_renewal` 0 means that no lock is renewed."""

    prefetch_count: int
    auto_complete: bool
    max_lock_renewal: float
    max_concurrent_calls: int
    max_concurrent_sessions: int
    max_concurrent_calls_per_session: int
    max_batch_size: int
    min_batch_size: int
    max_batch_wait: float
    session_idle_timeout: float
    web_sockets: bool
    retry: RetryOptions

    @classmethod
    def read(cls, host_json: HostJson) -> "ServiceBusOptions":
        """Names of the extension's versions before 5 are ignored, as version 5 does. Raises
        SettingsError, which names the option."""
        section = _Section(host_json, *_SECTION)
        retry = _retry_options(_Section(host_json, *_SECTION, "clientRetryOptions"))
        options = cls(
            prefetch_count=section.number("prefetchCount", 0, least=0),
            auto_complete=section.flag("autoCompleteMessages", True),
            max_lock_renewal=section.seconds("maxAutoLockRenewalDuration", 300.0, may_be_zero=True),
            max_concurrent_calls=section.number("maxConcurrentCalls", 16 * (os.cpu_count() or 1)),
            max_concurrent_sessions=section.number("maxConcurrentSessions", 8),
            max_concurrent_calls_per_session=section.number("maxConcurrentCallsPerSession", 1),
            max_batch_size=section.number("maxMessageBatchSize", 1000),
            min_batch_size=section.number("minMessageBatchSize", 1),
            max_batch_wait=section.seconds("maxBatchWaitTime", 30.0),
            session_idle_timeout=section.seconds("sessionIdleTimeout", retry.try_timeout),
            web_sockets=section.choice("transportType", "amqpTcp", "amqpWebSockets") == 1,
            retry=retry,
        )
        if options.min_batch_size > options.max_batch_size:
            raise SettingsError(
                f"{section.name('minMessageBatchSize')} in host.json is {options.min_batch_size}, "
                f"which is more than maxMessageBatchSize ({options.max_batch_size})."
            )
        if section.flag("enableCrossEntityTransactions", False):
            raise SettingsError(
                f"{section.name('enableCrossEntityTransactions')} in host.json is not supported: "
                "azure-servicebus for Python has no transactions."
            )
        if section.text("webProxy"):
            raise SettingsError(
                f"{section.name('webProxy')} in host.json is not supported by this host."
            )
        return options


def _retry_options(section: "_Section") -> RetryOptions:
    standard = RetryOptions()
    return RetryOptions(
        mode="fixed" if section.choice("mode", "exponential", "fixed") == 1 else "exponential",
        try_timeout=section.seconds("tryTimeout", standard.try_timeout),
        delay=section.seconds("delay", standard.delay),
        max_delay=section.seconds("maxDelay", standard.max_delay),
        max_retries=section.number("maxRetries", standard.max_retries, least=0),
    )


class _Section:
    def __init__(self, host_json: HostJson, *path: str) -> None:
        self._host_json = host_json
        self._path = path

    def name(self, key: str) -> str:
        return ".".join((*self._path, key))

    def text(self, key: str) -> str:
        return self._host_json.text(*self._path, key, default="").strip()

    def number(self, key: str, default: int, *, least: int = 1) -> int:
        value = self._host_json.number(*self._path, key, default=default)
        if not least <= value <= _LARGEST:
            raise SettingsError(
                f"{self.name(key)} in host.json is {value}; it must be at least {least}."
                if value < least
                else f"{self.name(key)} in host.json is too large."
            )
        return value

    def flag(self, key: str, default: bool) -> bool:
        text = self.text(key).lower()
        if text not in {"", "true", "false"}:
            raise SettingsError(f"{self.name(key)} in host.json is neither true nor false.")
        return default if not text else text == "true"

    def seconds(self, key: str, default: float, *, may_be_zero: bool = False) -> float:
        text = self.text(key)
        if not text:
            return default
        if may_be_zero and not text.strip("0:."):
            return 0.0
        span = parse_timespan(text)
        if span is None:
            raise SettingsError(
                f"{self.name(key)} in host.json is not a positive time span (hh:mm:ss)."
            )
        return span.total_seconds()

    def choice(self, key: str, *names: str) -> int:
        """The index of the name that stands there, 0 when nothing does."""
        text = self.text(key).lower()
        known = [name.lower() for name in names]
        if not text:
            return 0
        if text not in known:
            raise SettingsError(f"{self.name(key)} in host.json is not one of {', '.join(names)}.")
        return known.index(text)
