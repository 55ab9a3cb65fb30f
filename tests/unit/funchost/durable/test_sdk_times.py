"""Times of a history are read as dateutil reads them, only faster."""

import importlib
from datetime import datetime

from dateutil.parser import parse
from hypothesis import given
from hypothesis import strategies as st

from funchost.durable.sdk_times import read_own_times, reader_of_own_times
from funchost.durable.wire import timestamp

read = reader_of_own_times(parse)


@given(st.integers(0, 250_000_000_000_000_000))
def test_what_the_host_prints_is_read_to_the_same_moment_and_zone(micros: int) -> None:
    text = timestamp(micros)
    assert (read(text), read(text).tzinfo) == (parse(text), parse(text).tzinfo)


def test_any_other_form_is_left_to_dateutil() -> None:
    for text in ("2026-11-28T17:30:58Z", "2026-11-28T17:30:58+02:00", "28 November 2026 17:30"):
        assert read(text) == parse(text)


def test_the_sdk_reads_its_histories_so() -> None:
    read_own_times()
    read_own_times()
    events = importlib.import_module("azure.durable_functions.models.history.HistoryEvent")
    event = events.HistoryEvent(12, 0, False, timestamp(1_000_001))
    assert event.timestamp == datetime.fromisoformat("1970-01-01T00:00:01.000001+00:00")
    assert events.dt_parse.__closure__ is not None, "dateutil's own has none"
