"""CSV files as they come: encodings, delimiters, quotes, and files that are none."""

import csv
import io
import tracemalloc
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.inventory.import_model import FeedRecord, ImportOptions, UnreadableFile
from functions.inventory.imports.csv_feed import CsvFeed
from functions.inventory.imports.csv_rows import LONGEST_LINE, CsvRows, Row
from functions.inventory.imports.inspection import inspect

HEADER = "isbn,title,authors,price\n"
GOOD = "439023483,The Hunger Games,Suzanne Collins,8.99\n"


def rows_of(content: bytes, encoding: str = "utf-8", *, only_cr: bool = False) -> list[Row]:
    return list(CsvRows(io.BytesIO(content), encoding, ",", only_cr=only_cr).read())


def read(content: bytes | str, **options: dict[str, str]) -> list[FeedRecord]:
    """The records of a file, read once through and again from some places on: the same."""
    file = io.BytesIO(content.encode() if isinstance(content, str) else content)
    feed = CsvFeed(file, inspect(file), ImportOptions.model_validate(options), "GBP")
    records = list(feed.records())
    for place in {0, len(records) // 2, len(records) - 1} & {*range(len(records))}:
        assert list(feed.records(records[place].after)) == records[place + 1 :]
    return records


def titles(content: bytes | str, **options: dict[str, str]) -> list[str | None]:
    return [
        record.fault or (record.said and record.said.fields.get("title"))
        for record in read(content, **options)
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_usual_encoding_is_read(encoding: str, end: str) -> None:
    text = (HEADER + '9780439023481,"Ĺ café,\nthe €5 ""one""",A B,8.99\n').replace("\n", end)
    if encoding == "windows-1252":
        text = text.replace("Ĺ", "É")
    if encoding in ("utf-16-le", "utf-16-be"):
        text = "\ufeff" + text
    expected = "É" if encoding == "windows-1252" else "Ĺ"
    assert titles(text.encode(encoding)) == [f'{expected} café, the €5 "one"']


def test_a_file_that_is_not_utf8_is_said_to_be_read_as_windows_1252() -> None:
    file = io.BytesIO((HEADER + "9780439023481,café,A B,8.99\n").encode("latin-1"))
    assert "Windows-1252" in inspect(file).remarks[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_that_may_have_been_cut_off_in_its_last_cell_is_said_to(
    encoding: str, end: str
) -> None:
    whole = (HEADER + GOOD).replace("\n", end)
    assert inspect(io.BytesIO(whole.encode(encoding))).remarks == ()
    cut = whole.removesuffix(end)[:-1]
    (remark,) = inspect(io.BytesIO(cut.encode(encoding))).remarks
    assert "last line has no end" in remark


def test_a_few_spoilt_bytes_in_a_utf8_file_cost_only_their_rows() -> None:
    good = "9780439023481,Ĺodź café,A B,8.99\n".encode()
    content = HEADER.encode() + good + b"9780061120084,caf\xe9,A B,8.99\n" + good
    assert titles(content) == ["Ĺodź café", "holds bytes that are not utf-8", "Ĺodź café"]


def test_lines_may_end_as_on_old_macintoshes() -> None:
    assert titles((HEADER + GOOD + GOOD).replace("\n", "\r")) == ["The Hunger Games"] * 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(delimiter: str) -> None:
    assert titles((HEADER + GOOD).replace(",", delimiter)) == ["The Hunger Games"]


def test_what_excel_says_of_its_delimiter_is_not_a_row() -> None:
    assert titles("sep=;\n" + (HEADER + GOOD).replace(",", ";")) == ["The Hunger Games"]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=12)


@given(st.lists(st.lists(cells, min_size=2, max_size=4), min_size=1, max_size=8))
def test_what_was_written_as_csv_is_read_again(table: list[list[str]]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n").writerows(table)
    for encoding in ("utf-8", "utf-16-le"):
        found = rows_of(written.getvalue().encode(encoding), encoding)
        # A space behind a delimiter is nobody's: `"a", "b"` is what people write by hand.
        bare = [[[cell.lstrip(" ") for cell in row] for row in rows]
                for rows in ([row.cells for row in found], table)]  # fmt: skip
        assert bare[0] == bare[1]
        assert [row.fault for row in found] == [None] * len(table)


def test_a_quote_that_is_never_closed_costs_one_line() -> None:
    content = HEADER + GOOD + '439554934,"Harry,J. K. Rowling,7.99\n' + GOOD * 300
    found = titles(content)
    assert found[1] == "opens a quote that is never closed"
    assert found.count("The Hunger Games") == 301


def test_a_file_of_open_quotes_comes_to_an_end() -> None:
    content = HEADER + '1,"a""\n' + 'x"y,"\n' * 5000
    with pytest.raises(UnreadableFile, match="Up to line 1002 over 1000 rows open a quote"):
        read(content)


def test_empty_lines_are_passed_over_but_not_without_end() -> None:
    assert titles(HEADER + "\n" * 100_000 + GOOD) == ["The Hunger Games"]
    with pytest.raises(UnreadableFile, match="Up to line 1100003 over 1,100,000 lines are empty"):
        read(HEADER + GOOD + "\n" * 1_200_000)


def test_a_cell_of_ten_megabytes_is_refused_and_the_next_row_is_read() -> None:
    huge = "x" * 10_000_000
    content = (
        f"{HEADER}439023483,{huge},A B,8.99\n{GOOD}"
        + f'1,"{huge[: LONGEST_LINE // 2]}",A,1\n{GOOD}'
    )
    found = titles(content)
    assert found == [
        f"is longer than {LONGEST_LINE:,} bytes",
        "The Hunger Games",
        "has a cell of more than 131,072 characters",
        "The Hunger Games",
    ]


def test_a_cell_of_a_hundred_thousand_lines_fills_no_report() -> None:
    huge_row = '439554934,"' + "x\n" * 100_000 + '",A,1\n'
    (before, huge, end, after) = read(HEADER + GOOD + huge_row + GOOD)
    assert before.said is not None
    assert after.said is not None
    assert huge.fault == (
        "opens a quote that is not closed within 2,000 lines; it was left out up to line 100002"
    )
    assert end.fault == "opens a quote that is never closed"


def test_a_row_that_was_cut_off_is_refused_and_empty_cells_at_the_end_are_not() -> None:
    assert titles(HEADER + "439023483,The Hun") == ["has 2 cells, and the first row has 4"]
    assert titles(HEADER + GOOD.rstrip() + ",,\n\n,,,\n") == ["The Hunger Games"]


def test_nul_and_other_control_characters_are_refused() -> None:
    assert titles(HEADER + GOOD.replace("Hunger", "Hun\x00ger")) == [
        "title holds control characters"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"PK\x03\x04....", "Excel"),
        (b"\xd0\xcf\x11\xe0....", "Excel"),
        (b"\x1f\x8b....", "gzip"),
        (b"%PDF-1.7", "PDF"),
        ("isbn,title\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ("isbn,title\n".encode("utf-32"), "UTF-32"),
        (b"name,colour\nA,red\n", "No column"),
        (b"\n\n\n", "missing|No column"),
        (b"<html><body>Not found</body></html>", "web page"),
    ],
)
def test_a_file_that_is_no_csv_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read(content)


def test_a_column_can_be_mapped_and_one_that_is_not_there_is_named() -> None:
    content = "code;what;RRP\n439023483;The Hunger Games;8,99\n"
    (record,) = read(content, map={"isbn": "code", "title": "what", "price": "RRP"})
    assert record.said is not None
    assert record.said.fields["price"].amount == 899
    with pytest.raises(UnreadableFile, match="no column Preis"):
        read(content, map={"isbn": "code", "price": "Preis"})
    with pytest.raises(UnreadableFile, match="colour is not a field"):
        read(content, map={"colour": "what"})


def test_columns_without_use_are_named() -> None:
    file = io.BytesIO(b"isbn,Shelf Colour,image_url\n")
    feed = CsvFeed(file, inspect(file), ImportOptions(), "GBP")
    assert feed.remarks == ("Columns that were not used: Shelf Colour, image_url.",)


def test_an_isbn_10_counts_before_a_spoilt_or_another_isbn_13() -> None:
    content = (
        "isbn,isbn13,title\n"
        "439023483,9.78043902348e+12,A\n"
        "439023483,9780061120084,B\n"
        ",9780061120084,C\n"
        ",9.78043902348e+12,D\n"
        "812971060,,E\n"
        ",,F\n"
    )
    records = read(content)
    assert [record.said and record.said.isbn for record in records] == [
        "9780439023481",
        "9780439023481",
        "9780061120084",
        None,
        None,
        None,
    ]
    assert records[1].notes == [("isbn13", "names another book than the ISBN before it; left out")]
    assert [record.line for record in records if record.fault] == [5, 6, 7]


def test_a_cell_on_which_no_sale_depends_is_noted_and_left_out() -> None:
    (record,) = read("isbn,title,pages,language,stock\n439023483,A,many,Elvish tongue,3\n")
    assert record.said is not None
    assert record.said.fields == {"title": "A"}
    assert record.said.stock == 3
    assert [where for where, _ in record.notes] == ["language", "pages"]


def test_texts_that_are_too_long_are_left_out_unless_they_are_the_title() -> None:
    head = "isbn,title,subtitle,imprint,series,volume,authors\n439023483,"
    long = "x" * 501
    (record,) = read(f"{head}A,{long},{long},{long},1,{long};Jo Ok;\u200b\n")
    assert record.said is not None
    fields = record.said.fields
    assert (fields.keys(), len(fields["contributors"])) == ({"title", "contributors"}, 1)
    assert {where for where, _ in record.notes} == {"subtitle", "imprint", "series", "authors"}
    (record,) = read(f"{head}{long},,,,,\n")
    assert record.fault == "title is longer than 500 characters"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        file = tmp_path / f"{count}.csv"
        file.write_text(HEADER + GOOD * count)
        with file.open("rb") as opened:
            shape = inspect(opened)
            tracemalloc.start()
            feed = CsvFeed(opened, shape, ImportOptions(), "GBP")
            assert sum(1 for _ in feed.records()) == count
            reached = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return reached

    peak(10)
    assert peak(4_000) < 4_000 * len(GOOD) * 0.6


def test_cells_of_web_shops_lose_their_entities_before_people_are_parted() -> None:
    (record,) = read("isbn,title,authors,price\n439023483,AT&amp;T,Ann Poe &amp; Bob Roe,8.99\n")
    assert record.said is not None
    assert record.said.fields["title"] == "AT&T"
    assert [one.name for one in record.said.fields["contributors"]] == ["Ann Poe", "Bob Roe"]


@pytest.mark.parametrize("shown", [["true", "false"], ["1", "0"], ["TRUE", ""]])
def test_a_column_that_says_whether_a_book_is_shown_is_no_date(shown: list[str]) -> None:
    head = "isbn,title,Published,Publication date\n"
    rows = [f"439023483,A,{cell},2008-09-14\n" for cell in shown]
    file = io.BytesIO((head + "".join(rows)).encode())
    feed = CsvFeed(file, inspect(file), ImportOptions(), "GBP")
    assert feed.remarks == ("Columns that were not used: Published.",)
    for record in feed.records():
        assert record.said is not None
        assert (record.said.fields["published_on"], record.notes) == (date(2008, 9, 14), [])
    (record,) = read("isbn,title,Published\n439023483,A,2008\n")
    assert record.said is not None
    assert record.said.fields["published_on"] == date(2008, 1, 1)


@pytest.mark.parametrize(
    ("cells", "minor", "notes"),
    [
        (",,,9.99", 999, []),
        (",,7.99,9.99", 799, ["was taken in place of the regular price"]),
        (",,0.00,9.99", 999, []),
        (",,7.99,", 799, []),
        ("2026-03-01,,7.99,9.99", 999, ["has dates; the regular price was taken"]),
        (",2026-03-31,7.99,9.99", 999, ["has dates; the regular price was taken"]),
    ],
)
def test_a_sale_price_without_dates_counts_before_the_regular_one(
    cells: str, minor: int, notes: list[str]
) -> None:
    head = "isbn,Name,Date sale price starts,Date sale price ends,Sale price,Regular price\n"
    (record,) = read(f"{head}439023483,A,{cells}\n")
    assert record.said is not None
    assert record.said.fields["price"].amount == minor
    assert record.notes == [("sale_price", note) for note in notes]


@pytest.mark.parametrize(
    ("others", "day", "remarks"),
    [
        (["08/25/2010"], date(2010, 4, 8), 1),
        (["25/08/2010"], date(2010, 8, 4), 0),
        (["08/25/2010", "25/08/2010"], date(2010, 8, 4), 0),
        ([], date(2010, 8, 4), 0),
        (["08.25.2010"], date(2010, 8, 4), 0),
    ],
)
def test_dates_with_slashes_are_month_first_where_one_of_them_must_be(
    others: list[str], day: date, remarks: int
) -> None:
    rows = [f"439023483,A,{said}\n" for said in ("04/08/2010", *others)]
    content = "isbn,title,published\n" + "".join(rows)
    first = read(content)[0]
    assert first.said is not None
    assert first.said.fields["published_on"] == day
    file = io.BytesIO(content.encode())
    assert len(CsvFeed(file, inspect(file), ImportOptions(), "GBP").remarks) == remarks


def test_quotes_may_stand_behind_a_space() -> None:
    assert titles(HEADER + '439023483, "One, two", A B, 8.99\n') == ["One, two"]


def test_a_price_of_nothing_is_noted() -> None:
    (record,) = read(HEADER + "439023483,The Hunger Games,Suzanne Collins,0.00\n")
    assert ("price", "is 0: the book is sold for nothing") in record.notes
