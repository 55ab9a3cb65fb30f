"""The daylight saving tables follow the cases of the host's own CronScheduleTests."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from funchost.timers.schedule import (
    NEVER,
    CronSchedule,
    ScheduleError,
    describe_next,
    format_timespan,
    occurrences,
    parse_schedule,
    parse_timespan,
)

PACIFIC = ZoneInfo("America/Los_Angeles")


def series(expression: str, start: str, count: int) -> list[str]:
    moment = datetime.fromisoformat(start)
    found = islice(occurrences(parse_schedule(expression, PACIFIC), moment), count)
    return [due.isoformat(timespec="minutes") for due in found]


def test_an_interval_skips_the_hour_that_spring_skips() -> None:
    assert series("0 30 * * * *", "2018-03-11T00:00-08:00", 4) == [
        "2018-03-11T00:30-08:00",
        "2018-03-11T01:30-08:00",
        "2018-03-11T03:30-07:00",
        "2018-03-11T04:30-07:00",
    ]


def test_a_point_in_time_keeps_its_wall_time_over_the_spring_change() -> None:
    assert series("0 30 1 * * *", "2018-03-10T00:00-08:00", 3) == [
        "2018-03-10T01:30-08:00",
        "2018-03-11T01:30-08:00",
        "2018-03-12T01:30-07:00",
    ]


def test_a_point_in_time_inside_the_spring_gap_moves_by_the_gap() -> None:
    assert series("0 30 2 * * *", "2018-03-10T00:00-08:00", 3) == [
        "2018-03-10T02:30-08:00",
        "2018-03-11T03:30-07:00",
        "2018-03-12T02:30-07:00",
    ]


def test_an_interval_runs_through_both_passes_of_the_repeated_hour() -> None:
    assert series("0 */20 * * * *", "2018-11-04T00:30-07:00", 9) == [
        "2018-11-04T00:40-07:00",
        "2018-11-04T01:00-07:00",
        "2018-11-04T01:20-07:00",
        "2018-11-04T01:40-07:00",
        "2018-11-04T01:00-08:00",
        "2018-11-04T01:20-08:00",
        "2018-11-04T01:40-08:00",
        "2018-11-04T02:00-08:00",
        "2018-11-04T02:20-08:00",
    ]
    assert series("0 30 * * * *", "2018-11-04T00:00-07:00", 5) == [
        "2018-11-04T00:30-07:00",
        "2018-11-04T01:30-07:00",
        "2018-11-04T01:30-08:00",
        "2018-11-04T02:30-08:00",
        "2018-11-04T03:30-08:00",
    ]


def test_a_point_in_time_runs_once_in_the_repeated_hour() -> None:
    assert series("0 30 1 * * *", "2018-11-03T00:00-07:00", 4) == [
        "2018-11-03T01:30-07:00",
        "2018-11-04T01:30-07:00",
        "2018-11-05T01:30-08:00",
        "2018-11-06T01:30-08:00",
    ]


def test_a_start_in_the_second_pass_takes_the_first_one_for_done() -> None:
    assert series("0 30 1 * * *", "2018-11-04T01:29-08:00", 1) == ["2018-11-05T01:30-08:00"]


def test_a_constant_interval_counts_real_time() -> None:
    assert series("01:00:00", "2018-11-04T00:30-07:00", 3) == [
        "2018-11-04T01:30-07:00",
        "2018-11-04T01:30-08:00",
        "2018-11-04T02:30-08:00",
    ]


def test_week_days_come_in_turn() -> None:
    days = series("0 59 11 * * 1-5", "2015-05-23T09:00-07:00", 6)
    assert [datetime.fromisoformat(day).isoweekday() for day in days] == [1, 2, 3, 4, 5, 1]


def test_a_date_that_does_not_exist_is_never_due() -> None:
    schedule = parse_schedule("0 0 0 31 2 *", ZoneInfo("Asia/Tokyo"))
    assert schedule.next_after(datetime(2026, 1, 1, tzinfo=UTC)) == NEVER
    assert series("0 0 0 31 2 *", "2026-01-01T00:00-08:00", 3) == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * * *", True),
        ("0 0 * * * *", True),
        ("0 0-15 * * * *", True),
        ("0 0 1-3 * * 0", True),
        ("0 0 0 * * *", False),
        ("0 0 0 * * 1", False),
        ("* * * * *", True),
        ("0-15 * * * *", True),
        (" 0 1 * * *", False),
        ("0 0 1 1 *", False),
    ],
)
def test_an_interval_is_told_from_a_point_in_time(expression: str, expected: bool) -> None:
    schedule = parse_schedule(expression, UTC)
    assert isinstance(schedule, CronSchedule)
    assert schedule.is_interval is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/10 * * * * *", False),
        ("* * * * * *", False),
        ("0,30 * * * * *", False),
        ("0 * * * * *", True),
        ("*/10 * * * * 1", True),
        ("* * * * *", True),
        ("00:00:59", False),
        ("00:01:00", True),
    ],
)
def test_a_timer_due_more_than_once_a_minute_needs_no_monitor(
    expression: str, expected: bool
) -> None:
    now = datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert parse_schedule(expression, UTC).needs_monitor(now) is expected


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:05:00", timedelta(minutes=5)),
        ("5:30", timedelta(hours=5, minutes=30)),
        ("1.00:00:00", timedelta(days=1)),
        ("1:02:03:04", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("00:00:00.5000000", timedelta(milliseconds=500)),
        ("24:00:00", timedelta(days=24)),
        ("7", timedelta(days=7)),
        (" 00:00:30 ", timedelta(seconds=30)),
        ("00:00:00", None),
        ("-00:05:00", None),
        ("00:60:00", None),
        ("every hour", None),
        ("", None),
    ],
)
def test_time_spans_are_read_as_dot_net_reads_them(text: str, span: timedelta | None) -> None:
    assert parse_timespan(text) == span


@pytest.mark.parametrize("text", ["every hour", "00:00:00", "-00:05:00", ""])
def test_text_that_is_no_schedule_is_refused_with_the_hosts_sentence(text: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse_schedule(text, UTC)
    assert str(error.value) == (
        f"The schedule expression '{text}' was not recognized as a valid cron expression or"
        " timespan string."
    )


def test_schedules_print_as_the_host_logs_them() -> None:
    assert str(parse_schedule("0 */20 * * * *", UTC)) == "Cron: '0 0,20,40 * * * *'"
    assert str(parse_schedule("1.00:00:00", UTC)) == "Constant: 1.00:00:00"
    assert format_timespan(timedelta(minutes=5)) == "00:05:00"


def test_the_next_occurrences_are_listed_local_and_in_utc() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert describe_next(parse_schedule("0 0 13 * * *", UTC), noon, 2) == (
        "01/01/2026 13:00:00Z\n01/02/2026 13:00:00Z"
    )
    assert describe_next(parse_schedule("0 0 13 * * *", PACIFIC), noon, 1) == (
        "01/01/2026 13:00:00-08:00 (01/01/2026 21:00:00Z)"
    )
    assert describe_next(parse_schedule("0 0 13 * * *", ZoneInfo("Europe/London")), noon, 1) == (
        "01/01/2026 13:00:00+00:00 (01/01/2026 13:00:00Z)"
    )
    assert describe_next(parse_schedule("0 0 13 * * *", ZoneInfo("Etc/UTC")), noon, 1) == (
        "01/01/2026 13:00:00Z"
    )
