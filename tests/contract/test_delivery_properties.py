"""Whatever a delivery holds: each record is counted once, and the same again changes nothing."""

import csv
import io
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from functions.inventory.import_model import StoredImport
from functions.inventory.imports.columns import FIELDS
from tests.support import onix
from tests.support.import_desk import Desk, counts
from tests.support.inventory import Shelves, isbn

COLUMNS = sorted({*FIELDS} - {"isbn", "isbn10", "isbn13"})
ODD = (
    *("", "0", "-1", "1e9", "9,78E+12", "NaN", "٣", "²", "1.234,50", "£8.99", "20+", "9" * 30),
    *("2020-02-30", "0000", "9999-12-31", "1/2/3", "en-US", "FBA", "pb", "a;b|c", "Austen, Jane"),
    *("x" * 600, "<b>x</b>", "<!--", "&#0;", "&#xD800;", "\x00", "\ufeff", "\u2028", "\x1b[31m"),
    *("É" * 250, "İ" * 400),
)
cells = st.one_of(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=30),
                  st.sampled_from(ODD))  # fmt: skip
isbns = st.integers(1, 9).map(isbn)
options = st.fixed_dictionaries(
    {
        "stock": st.sampled_from(["new", "level", "ignore"]),
        "set": st.sampled_from([{}, {"title": "Untitled", "authors": "A B", "price": "1"}]),
    }
)
again_and_again = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def desk(shelves: Shelves) -> Desk:
    return Desk(shelves)


@st.composite
def tables(draw: DrawFn) -> tuple[str, int]:
    columns = ["isbn", "stock", *draw(st.lists(st.sampled_from(COLUMNS), unique=True, max_size=6))]
    numbers = st.one_of(isbns, isbns, cells)
    rows = [
        [draw(numbers), *(draw(cells) for _ in columns[1:])] for _ in range(draw(st.integers(1, 5)))
    ]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue(), sum(any(cell.strip(" ") for cell in row) for row in rows)


@st.composite
def messages(draw: DrawFn) -> str:
    """One product, some of whose elements say something else."""
    parts = onix.product(draw(isbns), notification=draw(st.sampled_from(["01", "03", "04", "05"])))
    values = ["01", "05", "99", "GBP", "20200101", "1000000", "0.005", "9" * 20, "&lt;b>", ""]
    for said in draw(
        st.lists(st.sampled_from(["03", "15", "BC", "A01", "02", "8.99", "20", "eng", "Jane"]))
    ):
        parts = parts.replace(f">{said}<", f">{draw(st.sampled_from(values))}<", 1)
    return onix.message(parts, short=draw(st.booleans()))


def taken_in_twice(desk: Desk, text: str, asked: Mapping[str, object]) -> StoredImport:
    first = desk.take_in(text, **asked)
    versions = desk.versions()
    again = desk.take_in(text, **asked)
    assert {*counts(again)} <= {"unchanged", "refused"}
    assert again.progress.counts.refused == first.progress.counts.refused
    assert again.progress.counts.records == first.progress.counts.records
    assert desk.versions() == versions
    assert len(desk.refusals(again)) == again.progress.counts.refused
    desk.shelves.check()
    return first


@again_and_again
@given(table=tables(), asked=options)
def check_tables(desk: Desk, table: tuple[str, int], asked: Mapping[str, object]) -> None:
    text, records = table
    first = taken_in_twice(desk, text, asked)
    if first.progress.failure is None:
        assert first.progress.counts.records == records


@again_and_again
@given(message=messages(), asked=options)
def check_messages(desk: Desk, message: str, asked: Mapping[str, object]) -> None:
    assert taken_in_twice(desk, message, asked).progress.counts.records == 1


def test_each_row_is_counted_once_and_the_same_rows_change_nothing(desk: Desk) -> None:
    check_tables(desk)


def test_each_product_is_counted_once_and_the_same_product_changes_nothing(desk: Desk) -> None:
    check_messages(desk)
