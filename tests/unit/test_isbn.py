"""ISBNs of real books, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kit.isbn import from_ten, looks_like_isbn, parse_isbn


@pytest.mark.parametrize(
    "text",
    [
        "9780141439587",
        "978-0-14-143958-7",
        "978 0 14 143958 7",
        "978–0–14–143958–7",
        "0141439580",
        "0-14-143958-0",
    ],
)
def test_every_way_to_write_an_isbn_gives_the_same_thirteen_digits(text: str) -> None:
    assert parse_isbn(text) == "9780141439587"
    assert looks_like_isbn(text)


def test_the_check_digit_ten_is_an_x_in_either_case() -> None:
    assert parse_isbn("080442957X") == parse_isbn("0-8044-2957-x") == "9780804429573"


def test_a_979_number_is_an_isbn() -> None:
    assert parse_isbn("979-10-90636-07-1") == "9791090636071"


@pytest.mark.parametrize("text", ["9780141439588", "0141439581", "0804429571"])
def test_a_wrong_check_digit_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="wrong check digit"):
        parse_isbn(text)
    assert looks_like_isbn(text)


@pytest.mark.parametrize(
    "text",
    ["", "emma", "977-0141439587", "97801414395", "X141439580", "014143958X0", "978014143958X"],
)
def test_other_texts_are_no_isbn(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ISBN"):
        parse_isbn(text)
    assert not looks_like_isbn(text)


def test_digits_of_other_scripts_are_no_isbn() -> None:
    with pytest.raises(ValueError, match="is not an ISBN"):
        parse_isbn("٩٧٨٠١٤١٤٣٩٥٨٧")


def test_a_text_of_any_length_is_refused_quickly() -> None:
    with pytest.raises(ValueError, match="too long"):
        parse_isbn("-" * 1_000_000)
    assert not looks_like_isbn("9" * 1_000_000)


@given(st.text("0123456789", min_size=9, max_size=9), st.integers(1, 9), st.integers(0, 12))
def test_changing_any_one_digit_is_noticed(stem: str, step: int, place: int) -> None:
    isbn = from_ten(stem)
    changed = isbn[:place] + str((int(isbn[place]) + step) % 10) + isbn[place + 1 :]
    with pytest.raises(ValueError, match=r"check digit|not an ISBN"):
        parse_isbn(changed)


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    try:
        parsed = parse_isbn(text)
    except ValueError:
        return
    assert parse_isbn(parsed) == parsed
