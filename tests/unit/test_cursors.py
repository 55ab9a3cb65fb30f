"""Page cursors: what comes back is what was given, or a 400."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit import cursors
from shared.kit.errors import BadInput

QUERY = cursors.fingerprint("q", "emma", "sort", "title")
KINDS = [(str,), (int, type(None))]


def signed(content: object) -> str:
    body = json.dumps(content).encode()
    check = hashlib.blake2b(body, digest_size=3).digest()
    return base64.urlsafe_b64encode(check + body).rstrip(b"=").decode()


def refusal(cursor: str, query: str = QUERY) -> str:
    with pytest.raises(BadInput) as caught:
        cursors.decode(cursor, query, KINDS)
    (error,) = caught.value.errors
    assert (error.pointer, error.place) == ("#/cursor", "query")
    return error.detail


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200),
       st.none() | st.integers(-(2**63), 2**63 - 1))  # fmt: skip
def test_a_position_comes_back_as_it_was(title: str, number: int | None) -> None:
    cursor = cursors.encode(QUERY, [title, number])
    assert cursors.decode(cursor, QUERY, KINDS) == [title, number]
    assert cursor.isascii()
    assert not set(cursor) & set("+/= %&?#")


def test_equal_queries_have_equal_fingerprints_and_others_not() -> None:
    assert cursors.fingerprint("a", None, 1) == cursors.fingerprint("a", None, 1)
    assert cursors.fingerprint("a", "b") != cursors.fingerprint("ab", "")
    assert cursors.fingerprint("a", None) != cursors.fingerprint("a", "None")


def test_a_cursor_of_another_query_says_so() -> None:
    cursor = cursors.encode(QUERY, ["a", 1])
    assert refusal(cursor, "0" * 12) == "belongs to another filter or sort"


def test_a_cursor_of_another_version_says_so() -> None:
    assert "older version" in refusal(signed([0, QUERY, "a", 1]))


@pytest.mark.parametrize(
    "position", [[], ["a"], ["a", 1, 2], [1, 1], ["a", "1"], ["a", True], ["a", 1.5], ["a", [1]]]
)
def test_a_position_of_another_shape_is_refused(position: list[object]) -> None:
    assert refusal(signed([1, QUERY, *position])) == "is not a cursor of this shop"


@pytest.mark.parametrize(
    "content", [None, 1, "x", [], [1], {}, {"a": 1}, [[1], QUERY], {"1": 1, "2": 2}]
)
def test_json_that_is_no_cursor_is_refused(content: object) -> None:
    refusal(signed(content))


@pytest.mark.parametrize("cursor", ["", "a", "é", "ab cd", "====", "x" * 5000, "AAAA", "a+/b"])
def test_a_text_that_is_no_cursor_is_refused(cursor: str) -> None:
    assert refusal(cursor) == "is not a cursor of this shop"


@given(st.data())
def test_a_damaged_cursor_is_refused(data: st.DataObject) -> None:
    cursor = cursors.encode(QUERY, ["Pride and Prejudice", 1813])
    place = data.draw(st.integers(0, len(cursor) - 2))
    letter = data.draw(st.sampled_from("ABCabc123-_").filter(lambda new: new != cursor[place]))
    refusal(cursor[:place] + letter + cursor[place + 1 :])


@given(st.text(max_size=100))
def test_no_text_makes_it_fail_otherwise(cursor: str) -> None:
    refusal(cursor)
