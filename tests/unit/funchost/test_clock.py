import asyncio
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from funchost.clock import MachineZone, ManualClock, StateClock, SystemClock, ZoneError, host_zone

START = datetime(2026, 1, 1, tzinfo=UTC)


def move(state: Path, seconds: float) -> None:
    """As the writer does it: a new file put in the old one's place."""
    fresh = state / "clock.json.new"
    fresh.write_text(json.dumps({"offset_seconds": seconds}))
    fresh.replace(state / "clock.json")


def days_ahead(clock: StateClock) -> int:
    return round((clock.now() - datetime.now(UTC)) / timedelta(days=1))


@pytest.fixture
def new_york_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the machine's zone can be set on POSIX only")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EST5EDT,M3.2.0,M11.1.0")
        time.tzset()
        yield
    time.tzset()


def test_the_system_clock_shows_machine_time_in_its_zone() -> None:
    now = SystemClock(ZoneInfo("Asia/Tokyo")).now()
    assert now.utcoffset() == timedelta(hours=9)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_time_that_has_passed_does_not_wait() -> None:
    await SystemClock(UTC).sleep_until(datetime(2000, 1, 1, tzinfo=UTC))


async def test_the_system_clock_wakes_at_the_given_time() -> None:
    clock = SystemClock(UTC)
    when = clock.now() + timedelta(milliseconds=5)
    await clock.sleep_until(when)
    assert clock.now() >= when


def test_the_state_clock_follows_the_offset_in_the_file(tmp_path: Path) -> None:
    clock = StateClock(tmp_path, UTC)
    assert days_ahead(clock) == 0
    move(tmp_path, 86400 * 30)
    assert days_ahead(clock) == 30
    move(tmp_path, -86400)
    assert days_ahead(clock) == -1
    (tmp_path / "clock.json").unlink()
    assert days_ahead(clock) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"offset_seconds": "x"}',
        '{"offset_seconds": 1e12}',
        '{"offset_seconds": NaN}',
    ],
)
def test_an_unreadable_file_leaves_the_last_offset_in_force(tmp_path: Path, text: str) -> None:
    clock = StateClock(tmp_path, UTC)
    move(tmp_path, 86400)
    assert days_ahead(clock) == 1
    (tmp_path / "clock.json").write_text(text)
    assert days_ahead(clock) == 1


async def test_a_moved_offset_wakes_a_sleeper(tmp_path: Path) -> None:
    clock = StateClock(tmp_path, UTC)
    sleeper = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(days=3)))
    await asyncio.sleep(0)
    move(tmp_path, 86400 * 3)
    async with asyncio.timeout(30):
        await sleeper


async def test_a_manual_clock_wakes_those_whose_time_has_come() -> None:
    clock = ManualClock(START)
    early = asyncio.create_task(clock.sleep_until(START + timedelta(hours=1)))
    late = asyncio.create_task(clock.sleep_until(START + timedelta(hours=2)))
    await asyncio.sleep(0)
    clock.advance(timedelta(hours=1))
    await early
    assert not late.done()
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late


async def test_a_manual_clock_plays_every_due_time_in_order() -> None:
    clock = ManualClock(START)
    seen: list[tuple[str, int]] = []

    async def tick(name: str, hours: int) -> None:
        while True:
            await clock.sleep_until(clock.now() + timedelta(hours=hours))
            await asyncio.to_thread(seen.append, (name, (clock.now() - START).seconds // 3600))

    tasks = [asyncio.create_task(tick("a", 2)), asyncio.create_task(tick("b", 3))]
    await asyncio.sleep(0)
    await clock.play(timedelta(hours=6))
    assert sorted(seen, key=lambda entry: entry[1])[:3] == [("a", 2), ("b", 3), ("a", 4)]
    assert sorted(seen[3:]) == [("a", 6), ("b", 6)]
    assert clock.now() == START + timedelta(hours=6)
    for task in tasks:
        task.cancel()


def test_the_zone_comes_from_the_settings_in_their_order() -> None:
    assert host_zone({"WEBSITE_TIME_ZONE": "Asia/Tokyo", "TZ": "UTC"}) == ZoneInfo("Asia/Tokyo")
    assert host_zone({"TZ": "Europe/Berlin"}) == ZoneInfo("Europe/Berlin")
    assert host_zone({"TZ": ":Europe/Berlin"}) == ZoneInfo("Europe/Berlin")
    assert isinstance(host_zone({}), MachineZone)
    assert isinstance(host_zone({"TZ": os.devnull}), MachineZone)


def test_an_unknown_website_time_zone_is_refused_by_name() -> None:
    with pytest.raises(ZoneError, match="Nowhere Standard Time"):
        host_zone({"WEBSITE_TIME_ZONE": "Nowhere Standard Time"})


@pytest.mark.usefixtures("new_york_machine")
def test_the_machines_zone_knows_its_daylight_saving_time() -> None:
    zone = MachineZone()
    moments = [datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (4, 5, 6, 7)]
    shown = [moment.astimezone(zone) for moment in moments]
    assert [moment.isoformat(timespec="minutes") for moment in shown] == [
        "2026-11-01T00:30-04:00",
        "2026-11-01T01:30-04:00",
        "2026-11-01T01:30-05:00",
        "2026-11-01T02:30-05:00",
    ]
    assert [moment.astimezone(UTC) for moment in shown] == moments
    assert shown[0].tzname() == "EDT"


async def test_a_sleeper_learns_that_the_clock_was_moved_back(tmp_path: Path) -> None:
    move(tmp_path, 86400)
    clock = StateClock(tmp_path, UTC)
    sleeper = asyncio.create_task(clock.sleep_until(clock.now() + timedelta(hours=1)))
    await asyncio.sleep(0)
    move(tmp_path, 0)
    async with asyncio.timeout(10):
        await sleeper
