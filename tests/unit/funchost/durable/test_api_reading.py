"""The query and the body of a management request."""

import json
from datetime import UTC, datetime

import pytest

from funchost.durable.api.messages import InvalidJsonError, read_json
from funchost.durable.api.parameters import Parameters, read_moment


def test_names_are_found_in_any_case_and_values_are_decoded():
    parameters = Parameters("Reason=because%20x/y&instanceidprefix=a+b&empty=")
    assert parameters.text("reason") == "because x/y"
    assert parameters.text("instanceIdPrefix") == "a b"
    assert parameters.text("empty") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("True", True), ("FALSE", False), ("1", True), ("yes", True), ("", True)],
)
def test_a_flag_that_dotnet_would_not_read_keeps_its_default(text, expected):
    assert Parameters(f"showInput={text}").flag("showInput", default=True) is expected


def test_numbers_and_seconds_that_cannot_be_read_are_not_given():
    parameters = Parameters("top=10&bad=ten&timeout=2.5&forever=inf&nothing=nan")
    assert parameters.number("top") == 10
    assert parameters.number("bad") is None
    assert parameters.seconds("timeout") == 2.5
    assert parameters.seconds("forever") is None
    assert parameters.seconds("nothing") is None
    assert parameters.seconds("missing") is None


def test_choices_are_separated_by_commas_or_repeated_and_unknown_ones_are_left_out():
    known = ["Running", "Completed", "ContinuedAsNew"]
    query = "runtimeStatus=running,Nonsense&runtimeStatus=2"
    assert Parameters(query).choices("runtimeStatus", known) == {"Running", "ContinuedAsNew"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:00.000000Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T10:00:00+02:00", datetime(2026, 1, 1, 8, tzinfo=UTC)),
        ("2026-01-01T10:00:00 02:00", datetime(2026, 1, 1, 8, tzinfo=UTC)),
        ("2026-01-01T10:00:00.1234567-01:30", datetime(2026, 1, 1, 11, 30, 0, 123456, tzinfo=UTC)),
        ("01/02/2026 3:04 PM", datetime(2026, 1, 2, 15, 4, tzinfo=UTC)),
        ("0001-01-01T00:00:00+05:00", None),
        ("soon", None),
    ],
)
def test_a_moment_is_read_in_utc(text, expected):
    assert read_moment(text) == expected


def test_a_body_is_kept_as_compact_json():
    assert read_json(b'{ "a" : [1, 2.50, "\xc3\xa9"] }') == '{"a":[1,2.5,"\\u00e9"]}'
    assert read_json(b"") is None
    assert read_json(b"null") is None
    assert read_json(json.dumps(json.dumps({"x": 1})).encode()) == '"{\\"x\\": 1}"'


@pytest.mark.parametrize(
    "body", [b"{", b"{'a': 1} x", b"\xff", b"[" * 100_000, b"1" * 5_000, b"nope"]
)
def test_what_is_not_json_is_refused(body):
    with pytest.raises(InvalidJsonError):
        read_json(body)
