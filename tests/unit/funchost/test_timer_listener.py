import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from funchost.clock import ManualClock
from funchost.timers.listener import TimerListener, TimerPayload
from funchost.timers.monitor import (
    MemoryScheduleMonitor,
    ScheduleMonitor,
    ScheduleStatus,
    SqliteScheduleMonitor,
)
from funchost.timers.schedule import parse_schedule
from funchost.timers.singleton import SingletonLock

START = datetime(2026, 1, 1, 0, 2, tzinfo=UTC)
FIVE_MINUTES = "0 */5 * * * *"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-01T{text}+00:00")


class Host:
    """Notes every invocation; `during` runs inside each."""

    def __init__(self, start: datetime = START) -> None:
        self.clock = ManualClock(start)
        self.monitor: ScheduleMonitor = MemoryScheduleMonitor()
        self.runs: list[tuple[datetime, TimerPayload]] = []
        self.during: Callable[[], None] = lambda: None

    async def fire(self, payload: TimerPayload) -> None:
        self.runs.append((self.clock.now(), payload))
        self.during()

    @property
    def times(self) -> list[str]:
        return [f"{moment:%H:%M:%S}" for moment, _ in self.runs]

    @asynccontextmanager
    async def listening(
        self,
        schedule: str = FIVE_MINUTES,
        *,
        run_on_startup: bool = False,
        monitored: bool = True,
        singleton: SingletonLock | None = None,
    ) -> AsyncIterator[TimerListener]:
        listener = TimerListener(
            "tick",
            parse_schedule(schedule, UTC),
            self.fire,
            self.clock,
            monitor=self.monitor if monitored else None,
            run_on_startup=run_on_startup,
            singleton=singleton,
        )
        listener.start()
        for _ in range(5):
            await asyncio.sleep(0)
        yield listener
        await listener.stop()

    async def status(self) -> ScheduleStatus:
        status = await self.monitor.read("tick")
        assert status is not None
        return status


@pytest.fixture
def host() -> Host:
    return Host()


async def test_a_new_timer_is_recorded_and_waits_for_its_first_occurrence(host: Host) -> None:
    async with host.listening():
        assert await host.status() == ScheduleStatus(None, at("00:05:00"), START)
        await host.clock.play(timedelta(minutes=7))
    assert host.times == ["00:05:00"]
    assert await host.status() == ScheduleStatus(at("00:05:00"), at("00:10:00"), at("00:05:00"))


async def test_the_function_is_given_the_record_as_it_was_before_the_run(host: Host) -> None:
    async with host.listening():
        await host.clock.play(timedelta(minutes=8))
    assert json.loads(host.runs[0][1].json()) == {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": {
            "Last": "0001-01-01T00:00:00+00:00",
            "Next": "2026-01-01T00:05:00+00:00",
            "LastUpdated": "2026-01-01T00:02:00+00:00",
        },
        "IsPastDue": False,
    }
    assert host.runs[0][1].details == {}


async def test_occurrences_missed_while_the_host_was_down_become_one_past_due_run(
    host: Host,
) -> None:
    async with host.listening():
        await host.clock.play(timedelta(minutes=4))
    host.clock.advance(timedelta(minutes=40, seconds=30))
    async with host.listening():
        await host.clock.play(timedelta(minutes=4))
    assert host.times == ["00:05:00", "00:46:30", "00:50:00"]
    assert [payload.is_past_due for _, payload in host.runs] == [False, True, False]
    assert host.runs[1][1].details == {
        "UnscheduledInvocationReason": "IsPastDue",
        "OriginalSchedule": "2026-01-01T00:10:00.0000000+00:00",
    }


async def test_a_restart_before_the_next_occurrence_is_not_past_due(host: Host) -> None:
    async with host.listening():
        await host.clock.play(timedelta(minutes=4))
    async with host.listening():
        await host.clock.play(timedelta(minutes=3))
    assert host.times == ["00:05:00"]


async def test_a_restart_at_the_very_occurrence_is_not_past_due(host: Host) -> None:
    await host.monitor.write("tick", ScheduleStatus(None, at("00:05:00"), START))
    host.clock.advance(timedelta(minutes=3))
    async with host.listening():
        await host.clock.play(timedelta())
    assert host.times == ["00:05:00"]
    assert not host.runs[0][1].is_past_due


async def test_run_on_startup_runs_once_at_each_start(host: Host) -> None:
    async with host.listening(run_on_startup=True):
        await host.clock.play(timedelta(minutes=4))
    async with host.listening(run_on_startup=True):
        await host.clock.play(timedelta())
    assert host.times == ["00:02:00", "00:05:00", "00:06:00"]
    assert host.runs[0][1].details == {"UnscheduledInvocationReason": "RunOnStartup"}
    assert not host.runs[0][1].is_past_due


async def test_past_due_goes_before_run_on_startup(host: Host) -> None:
    async with host.listening():
        pass
    host.clock.advance(timedelta(hours=1))
    async with host.listening(run_on_startup=True):
        await host.clock.play(timedelta(minutes=1))
    assert [payload.is_past_due for _, payload in host.runs] == [True]


async def test_a_changed_schedule_is_never_past_due(host: Host) -> None:
    async with host.listening():
        pass
    host.clock.advance(timedelta(hours=1))
    async with host.listening("0 */20 * * * *"):
        status = await host.status()
    assert host.runs == []
    assert status == ScheduleStatus(None, at("01:20:00"), at("01:02:00"))


async def test_a_changed_schedule_that_is_due_later_keeps_the_base_of_the_old_record(
    host: Host,
) -> None:
    await host.monitor.write("tick", ScheduleStatus(at("00:00:00"), at("00:05:00"), at("00:00:00")))
    async with host.listening("0 */20 * * * *"):
        assert await host.status() == ScheduleStatus(None, at("00:20:00"), at("00:00:00"))


async def test_without_monitor_nothing_is_recorded_or_past_due(host: Host) -> None:
    for _ in range(2):
        async with host.listening(monitored=False):
            await host.clock.play(timedelta(minutes=4))
        host.clock.advance(timedelta(minutes=30))
    assert await host.monitor.read("tick") is None
    assert [payload.status for _, payload in host.runs] == [None, None]
    assert json.loads(host.runs[0][1].json())["ScheduleStatus"] is None


async def test_a_schedule_of_less_than_a_minute_is_not_recorded(host: Host) -> None:
    async with host.listening("00:00:10"):
        await host.clock.play(timedelta(seconds=30))
    assert host.times == ["00:02:10", "00:02:20", "00:02:30"]
    assert await host.monitor.read("tick") is None
    assert json.loads(host.runs[0][1].json())["Schedule"] == {"AdjustForDST": False}


async def test_a_run_that_outlasts_its_interval_is_followed_by_one_more_at_once(host: Host) -> None:
    def work() -> None:
        if len(host.runs) == 1:
            host.clock.advance(timedelta(minutes=17))

    host.during = work
    async with host.listening():
        await host.clock.play(timedelta(minutes=23))
    assert host.times == ["00:05:00", "00:22:00", "00:25:00"]
    assert not any(payload.is_past_due for _, payload in host.runs)


async def test_a_function_that_fails_keeps_its_schedule(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("no luck")

    host.during = fail
    async with host.listening():
        await host.clock.play(timedelta(minutes=9))
        await host.clock.play(timedelta(minutes=5))
    assert host.times == ["00:05:00", "00:10:00", "00:15:00"]
    assert "no luck" in caplog.text


async def test_a_run_that_comes_early_does_not_come_twice(host: Host) -> None:
    """A clock that goes back between the wake-up and the run, as skewed clocks do."""

    class Skewed(ManualClock):
        def now(self) -> datetime:
            return super().now() - timedelta(milliseconds=300)

    host.clock = Skewed(START)
    async with host.listening():
        await host.clock.play(timedelta(minutes=4))
        assert (await host.status()).last == at("00:05:00")
        assert (await host.status()).next == at("00:10:00")
    assert len(host.runs) == 1


async def test_stopping_waits_for_the_run_under_way_and_its_record(host: Host) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(payload: TimerPayload) -> None:
        entered.set()
        await leave.wait()

    listener = TimerListener(
        "tick", parse_schedule(FIVE_MINUTES, UTC), slow, host.clock,
        monitor=host.monitor, run_on_startup=True,
    )  # fmt: skip
    task = listener.start()
    await entered.wait()
    stopping = asyncio.create_task(listener.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    leave.set()
    await stopping
    assert task.done()
    assert not task.cancelled()
    assert (await host.status()).last == START


async def test_stopping_a_listener_that_never_started_does_nothing(host: Host) -> None:
    listener = TimerListener(
        "tick", parse_schedule(FIVE_MINUTES, UTC), host.fire, host.clock, monitor=host.monitor
    )
    await listener.stop()
    assert host.runs == []


async def test_thirty_days_pass_at_once_with_every_occurrence(host: Host) -> None:
    async with host.listening("0 0 */6 * * *"):
        await host.clock.play(timedelta(days=30))
    assert len(host.runs) == 30 * 4


async def test_the_next_five_occurrences_are_logged_at_start(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "Host.Triggers.Timer")
    async with host.listening("0 0 * * * *"):
        pass
    assert caplog.messages == [
        "The next 5 occurrences of the 'tick' schedule (Cron: '0 0 * * * *') will be:\n"
        "01/01/2026 01:00:00Z\n01/01/2026 02:00:00Z\n01/01/2026 03:00:00Z\n"
        "01/01/2026 04:00:00Z\n01/01/2026 05:00:00Z"
    ]


@pytest.fixture(params=["memory", "sqlite"])
def monitor(request: pytest.FixtureRequest, tmp_path: Path) -> ScheduleMonitor:
    return MemoryScheduleMonitor() if request.param == "memory" else SqliteScheduleMonitor(tmp_path)


async def test_a_monitor_gives_back_what_was_written_last(monitor: ScheduleMonitor) -> None:
    berlin = datetime(2026, 7, 1, 2, 30, 0, 1234, tzinfo=ZoneInfo("Europe/Berlin"))
    assert await monitor.read("tick") is None
    await monitor.write("tick", ScheduleStatus(None, START, None))
    await monitor.write("tick", ScheduleStatus(berlin, START, berlin))
    await monitor.write("tock", ScheduleStatus(None, START, START))
    assert await monitor.read("tick") == ScheduleStatus(berlin, START, berlin)
    assert await monitor.read("tock") == ScheduleStatus(None, START, START)


async def test_a_record_survives_the_sudden_death_of_its_writer(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys; from datetime import *; from pathlib import Path\n"
        "from funchost.timers.monitor import *\n"
        "status = ScheduleStatus(None, datetime(2026, 1, 1, tzinfo=UTC), None)\n"
        "asyncio.run(SqliteScheduleMonitor(Path(sys.argv[1])).write('tick', status))\n"
        "os._exit(9)\n"
    )
    writer = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path))
    assert await writer.wait() == 9
    status = await SqliteScheduleMonitor(tmp_path).read("tick")
    assert status == ScheduleStatus(None, datetime(2026, 1, 1, tzinfo=UTC), None)


async def test_monitors_of_several_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    monitors = [SqliteScheduleMonitor(tmp_path) for _ in range(4)]
    status = ScheduleStatus(None, START, START)
    await asyncio.gather(
        *(
            monitor.write(f"f{n}-{k}", status)
            for n, monitor in enumerate(monitors)
            for k in range(5)
        )
    )
    assert all([await monitors[0].read(f"f{n}-{k}") for n in range(4) for k in range(5)])


async def test_only_the_holder_of_the_lock_runs_the_timer(host: Host, tmp_path: Path) -> None:
    file = tmp_path / "locks" / "tick.lock"
    async with host.listening(singleton=SingletonLock(file)):
        async with host.listening(singleton=SingletonLock(file)):
            await host.clock.play(timedelta(minutes=4))
        assert host.times == ["00:05:00"]
    assert SingletonLock(file).try_acquire()


async def test_the_lock_is_taken_over_when_its_holder_dies(tmp_path: Path) -> None:
    file = tmp_path / "tick.lock"
    script = (
        "import sys; from pathlib import Path; from funchost.timers.singleton import *\n"
        "lock = SingletonLock(Path(sys.argv[1])); print(lock.try_acquire(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(file), stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert (await holder.stdout.readline()).strip() == b"True"
    lock = SingletonLock(file)
    assert not lock.try_acquire()
    holder.kill()
    await holder.communicate()
    async with asyncio.timeout(30):
        await lock.acquire()
    assert not SingletonLock(file).try_acquire()
    lock.release()


async def test_a_clock_that_is_moved_back_does_not_silence_the_timer(host: Host) -> None:
    async with host.listening():
        host.clock.advance(timedelta(days=3))
        await host.clock.play(timedelta(minutes=5))
        host.clock.advance(timedelta(days=-3))
        host.runs.clear()
        # Lets the listener see it before time goes on.
        await host.clock.play(timedelta())
        await host.clock.play(timedelta(minutes=10))
    assert host.times == ["00:10:00", "00:15:00"]


async def test_a_clock_that_is_moved_back_while_the_host_is_down_does_not_silence_the_timer(
    host: Host,
) -> None:
    host.clock.advance(timedelta(days=3))
    async with host.listening():
        await host.clock.play(timedelta(minutes=5))
    host.clock.advance(timedelta(days=-3))
    host.runs.clear()
    async with host.listening():
        await host.clock.play(timedelta(minutes=10))
    assert host.times == ["00:10:00", "00:15:00"]


async def test_a_store_that_is_deleted_is_made_anew(tmp_path: Path) -> None:
    monitor = SqliteScheduleMonitor(tmp_path / "state")
    status = ScheduleStatus(None, at("00:05:00"), START)
    for file in (tmp_path / "state").iterdir():
        file.unlink()
    (tmp_path / "state").rmdir()
    assert await monitor.read("tick") is None
    await monitor.write("tick", status)
    assert await monitor.read("tick") == status
