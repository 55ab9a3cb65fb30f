"""Business time can be moved, machine time cannot."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.kit.clock import MachineClock, ManualClock, SharedOffsetClock

DAY = timedelta(days=1)
NEARLY = timedelta(minutes=1)


def move(file: Path, seconds: float) -> None:
    """As the sandbox does it: the file is replaced whole."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"offset_seconds": seconds}), "utf-8")
    os.replace(new, file)


def test_the_machines_clock_shows_aware_utc() -> None:
    clock = MachineClock()
    assert clock.business_now().tzinfo is UTC
    assert abs(clock.business_now() - datetime.now(UTC)) < NEARLY
    assert abs(clock.machine_now() - datetime.now(UTC)) < NEARLY


def test_without_a_file_there_is_no_offset(tmp_path: Path) -> None:
    clock = SharedOffsetClock(tmp_path / "clock.json")
    assert abs(clock.business_now() - datetime.now(UTC)) < NEARLY


def test_the_file_moves_business_time_and_only_that(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    clock = SharedOffsetClock(file)
    move(file, DAY.total_seconds())
    assert abs(clock.business_now() - datetime.now(UTC) - DAY) < NEARLY
    assert abs(clock.machine_now() - datetime.now(UTC)) < NEARLY


def test_every_clock_on_the_same_file_sees_each_move(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    clocks = [SharedOffsetClock(file), SharedOffsetClock(file)]
    for days in (1, 3, 2):
        move(file, (days * DAY).total_seconds())
        for clock in clocks:
            assert abs(clock.business_now() - datetime.now(UTC) - days * DAY) < NEARLY


def test_removing_the_file_takes_the_offset_away(tmp_path: Path) -> None:
    file = tmp_path / "clock.json"
    clock = SharedOffsetClock(file)
    move(file, DAY.total_seconds())
    clock.business_now()
    file.unlink()
    assert abs(clock.business_now() - datetime.now(UTC)) < NEARLY


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b"[" * 100_000,
    *(
        b'{"offset_seconds": %s}' % value
        for value in (
            b'"soon"', b"null", b"true", b"NaN", b"Infinity", b"1e999", b"-1e12", b"9" * 400,
            b"9" * 5000,
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_leaves_the_last_offset_and_is_reported_once(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file, damaged = tmp_path / "clock.json", tmp_path / "damaged"
    early, late = SharedOffsetClock(file), SharedOffsetClock(file)
    move(file, DAY.total_seconds())
    early.business_now()
    damaged.write_bytes(content)
    os.replace(damaged, file)
    for _ in range(2):
        assert abs(early.business_now() - datetime.now(UTC) - DAY) < NEARLY
    assert len(caplog.records) == 1
    assert abs(late.business_now() - datetime.now(UTC)) < NEARLY
    move(file, 2 * DAY.total_seconds())
    for clock in (early, late):
        assert abs(clock.business_now() - datetime.now(UTC) - 2 * DAY) < NEARLY


def test_a_manual_clock_stands_still_until_it_is_moved() -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    assert clock.business_now() == clock.machine_now() == datetime(2026, 1, 1, tzinfo=UTC)
    clock.advance(DAY)
    clock.advance_business(DAY)
    assert clock.business_now() == datetime(2026, 1, 3, tzinfo=UTC)
    assert clock.machine_now() == datetime(2026, 1, 2, tzinfo=UTC)
