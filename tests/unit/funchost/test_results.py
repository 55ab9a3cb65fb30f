import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funchost.newtonsoft import JsonError, compact, read
from funchost.results import OutputError, StringResult, expand_messages, string_result

TEXT = "text/plain; charset=utf-8"


def body(text: str) -> str:
    result = string_result(text)
    assert result.status == 200
    assert result.headers == {"content-type": TEXT}
    return result.body.decode()


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("hello", "hello"),
        ("", ""),
        ("Hello, {name}", "Hello, {name}"),
        ("{not json", "{not json"),
        ("2 books", "2 books"),
        ("True", "True"),
        ("<p>1</p>", "<p>1</p>"),
        ("123", "123"),
        ("-7", "-7"),
        ("0x1F", "31"),
        ("010", "8"),
        ("1.0", "1"),
        ("1.50", "1.5"),
        ("1e20", "1E+20"),
        ("0.00001", "1E-05"),
        ("0.0001", "0.0001"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("true", "True"),
        ("false", "False"),
        ("null", ""),
        ('"abc"', "abc"),
        ("'abc'", "abc"),
        ('"a\\u00e9\\n\\ud83d\\ude00"', "aé\n😀"),
        ('"2026-01-31T10:20:30Z"', "01/31/2026 10:20:30"),
        ('"2026-13-31T10:20:30Z"', "2026-13-31T10:20:30Z"),
        ("9" * 400, "9" * 400),
        ("[" * 80 + "]" * 80, "[" * 80 + "]" * 80),
        ('{"a": 1} more', '{"a": 1} more'),
        ("{}", "{}"),
        ("[]", "[]"),
        (
            '{"a":1,"b":[1,"x",null],"c":{}}',
            '{\n  "a": 1,\n  "b": [\n    1,\n    "x",\n    null\n  ],\n  "c": {}\n}',
        ),
        ("{'name': 'Ann', 'ok': true,}", '{\n  "name": "Ann",\n  "ok": true\n}'),
        ("{name: 1.0} // why", '{\n  "name": 1.0\n}'),
        ("[1e3, 1.5, NaN]", '[\n  1000.0,\n  1.5,\n  "NaN"\n]'),
        ('{"when": "2026-01-31T10:20:30.5000Z"}', '{\n  "when": "2026-01-31T10:20:30.5Z"\n}'),
        ('{"é": "\\u2028/<\\u0001"}', '{\n  "é": "\\u2028/<\\u0001"\n}'),
    ],
)
def test_text_is_sent_as_newtonsoft_would_print_it(text: str, sent: str) -> None:
    assert body(text) == sent


def test_an_object_with_a_body_is_a_response() -> None:
    text = '{"Status": 201, "headers": {"X-A": 1, "Content-Type": "text/html"}, "BODY": "<p>"}'
    assert string_result(text) == StringResult(
        201, {"content-type": "text/html", "x-a": "1"}, b"<p>"
    )


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ('"statusCode": 404', 404),
        ('"statusCode": "404"', 404),
        ('"status": 404, "statuscode": 410', 410),
        ('"status": "nope"', 200),
        ('"status": true', 200),
        ('"status": 404.0', 200),
    ],
)
def test_the_status_of_a_response_object_may_be_a_number_or_its_text(
    members: str, status: int
) -> None:
    assert string_result("{" + members + ', "body": ""}').status == status


def test_a_status_that_no_integer_can_hold_fails() -> None:
    with pytest.raises(OutputError):
        string_result('{"status": 99999999999, "body": ""}')


def test_an_object_as_the_body_of_a_response_object_is_sent_as_compact_json() -> None:
    result = string_result('{"body": {"a": [1, true]}}')
    assert result.body == b'{"a":[1,true]}'
    assert result.headers == {"content-type": "application/json; charset=utf-8"}


def test_a_date_with_an_offset_is_printed_in_the_zone_of_the_machine() -> None:
    printed = compact(read('["2026-01-31T10:20:30+05:30"]'))
    assert read(printed) == read('["2026-01-31T10:20:30+05:30"]')


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("plain", ["plain"]),
        ("", [""]),
        ("{", ["{"]),
        ("123", ["123"]),
        (' {"a":1} ', ['{\n  "a": 1\n}']),
        ('["a", 1, 1.5, true, null, {"b": 2}]', ["a", "1", "1.5", "True", "", '{\n  "b": 2\n}']),
        ("[]", []),
        ("[[1]]", ["[\n  1\n]"]),
    ],
)
def test_output_text_becomes_one_message_per_array_element(text: str, messages: list[str]) -> None:
    assert [message.decode() for message in expand_messages(text)] == messages


@pytest.mark.parametrize("text", ["{not json}", "[1 2]", '{"a": 1}{}', '{"a" 1}', '["\\x"]', "{,}"])
def test_output_text_that_only_looks_like_json_fails(text: str) -> None:
    with pytest.raises(OutputError):
        expand_messages(text)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2026-11-28T17:30:58Z", "2026-11-28T17:30:58.1234567+02:00", "é\u2028"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON, st.booleans())
def test_strict_json_is_read_as_by_the_lenient_reader(value: object, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    assert repr(read(text)) == repr(read(text + "/* which strict JSON has not */"))


@pytest.mark.parametrize(
    "text", ["[" * 64 + "]" * 64, "[" * 66 + "]" * 66, "1" * 381, '"\\ud800"', '{"a":1,"a":2}']
)
def test_at_the_limits_both_readers_agree(text: str) -> None:
    def outcome(text: str) -> str:
        try:
            return repr(read(text))
        except JsonError as error:
            return str(error)

    assert outcome(text) == outcome(text + "/**/")
