"""Times that are given on the command line, and tables that are printed."""

from datetime import UTC, datetime, timedelta

import pytest

from funchost.durable.api.commands.tables import printable, show_pairs, show_table
from funchost.durable.api.commands.times import TimeError, read_time_or_age

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def read(text):
    return read_time_or_age("--before", text, lambda: NOW)


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("2 h", timedelta(hours=2)),
        ("7D", timedelta(days=7)),
        ("1w", timedelta(weeks=1)),
    ],
)
def test_an_age_is_counted_back_from_business_time(text, age):
    assert read(text) == NOW - age


def test_a_time_is_read_as_iso_8601():
    assert read("2026-01-31T12:00+01:00") == datetime(2026, 1, 31, 11, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "7 fortnights", "-1d", "999999w"])
def test_what_is_neither_names_the_option(text):
    with pytest.raises(TimeError, match="--before"):
        read(text)


def test_columns_are_as_wide_as_what_stands_in_them(capsys):
    show_table(["A", "LONG"], [["xyz", ""], ["", "v" * 200]], "nothing")
    first, second, third = capsys.readouterr().out.splitlines()
    assert (first, second) == ("A    LONG", "xyz")
    assert third == f"     {'v' * 99}…"
    show_table(["A"], [], "nothing")
    assert capsys.readouterr().out == "nothing\n"


def test_values_may_have_lines_and_missing_ones_are_left_out(capsys):
    show_pairs([("Name", "a\nb"), ("Version", None)])
    assert capsys.readouterr().out == "Name     a\nb\n"


def test_what_would_steer_a_terminal_is_written_out():
    assert printable("a\x1b[2J\u202e\n\ud800é") == "a\\x1b[2J\\u202e\\n\\ud800é"
    assert printable("a\nb\r", keeps_lines=True) == "a\nb\\r"
