"""Where a moment lies on the drawing. Time runs evenly, except that a wait which is out of all
proportion to the rest, such as a timer of days between activities of milliseconds, is cut short."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

__all__ = ["Break", "TimeScale"]

# How many times as long as all the shorter ones of its kind and what counted before it.
_MUCH_WAITING = 4
_MUCH_WORK = 50
_SHARE_OF_BREAKS = 0.4


@dataclass(frozen=True)
class Break:
    """A stretch of the drawing in which time runs faster."""

    left: float
    right: float
    duration: timedelta


class TimeScale:
    """`moments` are all that will be asked for, in any order, at least one. `work` are stretches
    between two of them that are no mere waiting."""

    def __init__(
        self,
        moments: Iterable[datetime],
        left: float,
        right: float,
        work: Iterable[tuple[datetime, datetime]] = (),
    ) -> None:
        self._points = sorted(set(moments))
        gaps = [
            (later - earlier).total_seconds()
            for earlier, later in zip(self._points, self._points[1:], strict=False)
        ]
        cut = _out_of_proportion(gaps, self._busy(work))
        self._places = [left]
        for width in _widths(gaps, cut, right - left):
            self._places.append(self._places[-1] + width)
        self.breaks = [
            Break(self._places[at], self._places[at + 1], timedelta(seconds=gaps[at]))
            for at in sorted(cut)
        ]

    def _busy(self, work: Iterable[tuple[datetime, datetime]]) -> list[bool]:
        """For each gap between two points, whether something was at work in it."""
        changes = [0] * len(self._points)
        for start, end in work:
            changes[bisect_left(self._points, start)] += 1
            changes[bisect_left(self._points, end)] -= 1
        return [running > 0 for running in accumulate(changes)]

    def place(self, moment: datetime) -> float:
        """Between two of the known moments, in proportion; outside of them, at the edge."""
        at = bisect_right(self._points, moment) - 1
        if at < 0:
            return self._places[0]
        if at == len(self._points) - 1:
            return self._places[-1]
        gap = self._points[at + 1] - self._points[at]
        part = (moment - self._points[at]) / gap
        return self._places[at] + part * (self._places[at + 1] - self._places[at])


def _out_of_proportion(gaps: list[float], busy: list[bool]) -> set[int]:
    """The places of the gaps that are to be cut short: first the work is measured by itself, then
    the waiting by all that is left."""
    cut = set()
    total = 0.0
    by_kind = sorted((not busy[at], gap, at) for at, gap in enumerate(gaps))
    for is_waiting, gap, at in by_kind:
        if total > 0 and gap > total * (_MUCH_WAITING if is_waiting else _MUCH_WORK):
            cut.add(at)
        else:
            total += gap
    return cut


def _widths(gaps: list[float], cut: set[int], available: float) -> list[float]:
    even = sum(gap for at, gap in enumerate(gaps) if at not in cut)
    weights = sum(_weight(gaps[at]) for at in cut)
    share = _SHARE_OF_BREAKS if cut else 0.0
    return [
        available * share * _weight(gap) / weights
        if at in cut
        else available * (1 - share) * gap / even
        for at, gap in enumerate(gaps)
    ]


def _weight(gap: float) -> float:
    return math.log10(10 + gap)
