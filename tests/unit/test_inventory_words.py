import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.inventory.store.popularity import document_id, isbn_of, sold_key
from functions.inventory.words import distance, fold, searchable, title_key, words


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Łódź", "lodz"),
        ("STRAẞE", "strasse"),
        ("Ærøskøbing", "aeroskobing"),
        ("Œuvre", "oeuvre"),
        ("Þórður Ðe", "thordur de"),
        ("İstanbul ırmak", "istanbul irmak"),
        ("ﬁn", "fin"),
        ("Ａ１", "a1"),
        ("𝐴𝔅", "ab"),
    ],
)
def test_folding_leaves_plain_lower_case_letters(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_what_was_folded_stays_as_it_is_and_words_are_the_same(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert words(" ".join(words(text))) == words(text)
    assert not any(sign in word for word in words(text) for sign in '"*-: ()^')


def test_a_word_with_an_apostrophe_is_found_with_and_without_it() -> None:
    assert searchable("O'Brien") == ["o", "brien", "obrien"]
    assert searchable("plain words") == ["plain", "words"]


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("The Hobbit", "hobbit"),
        ("A Tale", "tale"),
        ("L'Étranger", "etranger"),
        ("Die Verwandlung", "verwandlung"),
        ("Theatre", "theatre"),
        ("The", "the"),
        ("The The", "the"),
        ("???", "???"),
    ],
)
def test_a_title_stands_on_the_shelf_without_its_article(title: str, key: str) -> None:
    assert title_key(title) == key


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("tolkien", "tolkein", 1),
        ("hobit", "hobbit", 1),
        ("ab", "ba", 1),
        ("a", "a", 0),
        ("", "x", 1),
    ],
)
def test_slips_of_the_hand_are_counted(one: str, other: str, apart: int) -> None:
    assert distance(one, other, 2) == apart
    assert distance(other, one, 2) == apart


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_no_more_slips_are_counted_than_asked_for(one: str, other: str) -> None:
    full = distance(one, other, 20)
    assert full is not None
    for limit in range(4):
        assert distance(one, other, limit) == (full if full <= limit else None)


def test_sales_are_counted_in_ever_larger_steps() -> None:
    assert [sold_key(sold) for sold in (0, 7, 99, 100, 109, 110, 1_999, 123_456)] == [
        0, 7, 99, 100, 100, 110, 1_900, 120_000,
    ]  # fmt: skip


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_what_sold_clearly_more_comes_first_in_the_index(few: int, more: int) -> None:
    isbn = 9_780_141_439_518
    if more >= 2 * few + 1:
        assert document_id(isbn, more) < document_id(isbn, few)
    assert isbn_of(document_id(isbn, few)) == isbn
