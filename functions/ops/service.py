"""Asks every dependency whether it answers, without becoming a load on any."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from functions.ops.model import CheckResult, Outcome, Report
from shared.kit.errors import AppError, NotConfigured
from shared.telemetry import get_logger

log = get_logger("ops")

Check = Callable[[], None]
"""Raises when the dependency cannot be used; NotConfigured when a setting is missing."""


class Readiness:
    """Runs all checks side by side, at most once a second, however often it is asked; those of
    `optional`, without which the shop can go on, at most once in half a minute: they are others'.

    A check that outlives `limit` seconds counts as failed. It is left to end by itself and not
    started again meanwhile, so that a dependency that hangs holds one thread and no more. `now`
    counts seconds that never jump.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        optional: Mapping[str, Check] | None = None,
        *,
        limit: float = 2.0,
        fresh_for: float = 1.0,
        optional_fresh_for: float = 30.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._probes = [_Probe(name, check, True, 0.0, now) for name, check in checks.items()]
        self._probes += [
            _Probe(name, check, False, optional_fresh_for, now)
            for name, check in (optional or {}).items()
        ]
        self._limit = limit
        self._fresh_for = fresh_for
        self._now = now
        self._lock = threading.Lock()
        self._last: tuple[float, Report] | None = None

    def report(self) -> Report:
        with self._lock:
            if self._last is not None and self._now() - self._last[0] < self._fresh_for:
                return self._last[1]
            for probe in self._probes:
                probe.start()
            deadline = time.monotonic() + self._limit
            results = [probe.result(deadline, self._limit) for probe in self._probes]
            report = Report(status=_status(results), checks=results)
            self._log_changes(report)
            self._last = self._now(), report
            return report

    def _log_changes(self, report: Report) -> None:
        before = (
            {result.name: result.status for result in self._last[1].checks} if self._last else {}
        )
        for result in report.checks:
            if result.status != before.get(result.name, "ok"):
                log.warning(
                    "dependency.changed",
                    dependency=result.name,
                    status=result.status,
                    detail=result.detail,
                )


def _status(results: Sequence[CheckResult]) -> Literal["ready", "degraded", "not-ready"]:
    failed = [result for result in results if result.status != "ok"]
    if any(result.required for result in failed):
        return "not-ready"
    return "degraded" if failed else "ready"


class _Probe:
    """One check and its latest run, in a thread that the process does not wait for at its end."""

    def __init__(
        self,
        name: str,
        check: Check,
        required: bool,
        fresh_for: float,
        now: Callable[[], float],
    ) -> None:
        self._name = name
        self._check = check
        self._required = required
        self._fresh_for = fresh_for
        self._now = now
        self._started = 0.0
        self._run: _Run | None = None

    def start(self) -> None:
        """Unless the last run is fresh or has not ended."""
        if self._run is not None and (
            not self._run.done.is_set() or self._now() - self._started < self._fresh_for
        ):
            return
        self._started = self._now()
        self._run = _Run(self._name, self._check, self._required)
        threading.Thread(target=self._run, name=f"ready-{self._name}", daemon=True).start()

    def result(self, deadline: float, limit: float) -> CheckResult:
        run = self._run
        assert run is not None
        if run.done.wait(max(0.0, deadline - time.monotonic())):
            return run.result
        return CheckResult(
            name=self._name,
            status="failed",
            required=self._required,
            detail=f"It has not answered within {limit:g} seconds.",
            duration_ms=run.elapsed_ms(),
        )


class _Run:
    def __init__(self, name: str, check: Check, required: bool) -> None:
        self._name = name
        self._check = check
        self._required = required
        self._started = time.monotonic()
        self.done = threading.Event()
        self.result: CheckResult

    def __call__(self) -> None:
        self.result = self._outcome()
        self.done.set()

    def elapsed_ms(self) -> float:
        return round((time.monotonic() - self._started) * 1000, 1)

    def _outcome(self) -> CheckResult:
        status: Outcome = "ok"
        detail: str | None = None
        try:
            self._check()
        except NotConfigured as error:
            status, detail = "missing", error.detail
        except AppError as error:
            status, detail = "failed", error.detail
        except Exception as error:  # shown by type alone: its text may hold an address or a secret
            status, detail = "failed", f"It cannot be used ({type(error).__name__})."
            log.warning("dependency.failed", exc_info=error, dependency=self._name)
        return CheckResult(
            name=self._name,
            status=status,
            required=self._required,
            detail=detail,
            duration_ms=self.elapsed_ms(),
        )
