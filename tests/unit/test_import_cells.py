"""What cells of feeds are read as."""

from collections.abc import Callable
from datetime import date

import pytest

from functions.inventory.imports.cells import (
    amount_in,
    date_in,
    decimal_in,
    isbn_in,
    stock_in,
    whole_number_in,
    year_in,
)
from functions.inventory.imports.columns import columns_of, known_columns
from functions.inventory.imports.csv_fields import format_in
from functions.inventory.imports.languages import language_code
from functions.inventory.imports.names import natural_order, people_in
from functions.inventory.imports.plain_text import plain_text


@pytest.mark.parametrize(
    ("text", "isbn"),
    [
        ("439023483", "9780439023481"),
        ("0-439-02348-3", "9780439023481"),
        ("61120081", "9780061120084"),
        ("80442957X", "9780804429573"),
        ("439023483.0", "9780439023481"),
        ("978 0 439 02348 1", "9780439023481"),
        ("'9780439023481", "9780439023481"),
        ('="9780439023481"', "9780439023481"),
        ("ISBN 9780439023481", "9780439023481"),
        ("ISBN-13: 978-0-439-02348-1", "9780439023481"),
    ],
)
def test_an_isbn_is_read_as_its_thirteen_digits(text: str, isbn: str) -> None:
    assert isbn_in(text) == isbn


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9.78043902348e+12", "lost its last digits"),
        ("9,78043902348E+12", "lost its last digits"),
        ("812971060", "leading zeros do not make it one"),
        ("9380658797", "wrong check digit"),
        ("9780439023482", "wrong check digit"),
        ("12345", "is not an ISBN"),
        ("B00ABC1234", "is not an ISBN"),
    ],
)
def test_what_is_no_isbn_is_told_why(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        isbn_in(text)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("8.99", "GBP", 899),
        ("£8.99", "GBP", 899),
        ("8,99 €", "EUR", 899),
        ("1.234,56", "EUR", 123456),
        ("1,234.56", "GBP", 123456),
        ("1'234.50", "CHF", 123450),
        ("1,234", "GBP", 123400),
        ("GBP 8.9", "GBP", 890),
        ("8.990", "GBP", 899),
        ("1200", "JPY", 1200),
        ("1.234", "KWD", 1234),
        ("0", "GBP", 0),
        ("0.07", "GBP", 7),
    ],
)
def test_a_price_is_read_exactly(text: str, currency: str, minor: int) -> None:
    assert amount_in(text, currency).amount == minor


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("free", "is not a price"),
        ("", "is not a price"),
        ("-3.00", "is a price below nothing"),
        ("7.995", "has more decimals than GBP has"),
        ("$5", "is not a price in GBP"),
        ("8.99 EUR", "is not a price in GBP"),
        ("1e3", "is not a price in GBP"),
        ("1.2.3,4,5", "is not a price"),
        ("9" * 30, "is too much"),
    ],
)
def test_what_is_no_price_in_pounds_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        amount_in(text, "GBP")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2008", date(2008, 1, 1)),
        ("2008.0", date(2008, 1, 1)),
        ("2008-09", date(2008, 9, 1)),
        ("2008-09-14", date(2008, 9, 14)),
        ("2008-09-14T00:00:00", date(2008, 9, 14)),
        ("20080914", date(2008, 9, 14)),
        ("14/09/2008", date(2008, 9, 14)),
        ("09/14/2008", date(2008, 9, 14)),
        ("3.4.2020", date(2020, 4, 3)),
        ("14 September 2008", date(2008, 9, 14)),
        ("14-Sep-2008", date(2008, 9, 14)),
        ("Sep 14, 2008", date(2008, 9, 14)),
    ],
)
def test_a_date_is_read_however_it_is_written(text: str, day: date) -> None:
    assert date_in(text) == day


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (date_in, "soon"),
        (date_in, "2008-13-01"),
        (date_in, "31/02/2008"),
        (year_in, "long ago"),
        (stock_in, "many"),
        (stock_in, "-1"),
        (stock_in, "5,5"),
        (stock_in, "12,34"),
        (date_in, "1"),
        (lambda text: whole_number_in(text, 10), "11"),
        (format_in, "scroll"),
        (decimal_in, "1e3"),
        (decimal_in, "-1"),
        (decimal_in, "٣"),
    ],
)
def test_what_cannot_be_read_is_an_error(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        read(text)


def test_years_before_our_era_and_stock_of_at_least_so_many_are_understood() -> None:
    assert year_in("-750.0") == -750
    assert [stock_in(text) for text in ("10", "10.0", "20+", ">20", "1,000")] == [
        10,
        10,
        20,
        20,
        1000,
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("J.K. Rowling, Mary GrandPré", ["J.K. Rowling", "Mary GrandPré"]),
        ("Homer, Robert Fagles, Bernard Knox", ["Homer", "Robert Fagles", "Bernard Knox"]),
        ("Virgil, Robert Fitzgerald", ["Virgil", "Robert Fitzgerald"]),
        ("Austen, Jane", ["Jane Austen"]),
        ("Tolkien, J.R.R.", ["J.R.R. Tolkien"]),
        ("King, Stephen; Straub, Peter", ["Stephen King", "Peter Straub"]),
        ("Martin Luther King, Jr.", ["Martin Luther King, Jr."]),
        ("Neil Gaiman & Terry Pratchett", ["Neil Gaiman", "Terry Pratchett"]),
        (
            "García Márquez, Gabriel; Rabassa, Gregory",
            ["Gabriel García Márquez", "Gregory Rabassa"],
        ),
        (
            "Tolkien, John Ronald Reuel; Lewis, Clive Staples",
            ["John Ronald Reuel Tolkien", "Clive Staples Lewis"],
        ),
        (
            "Saint-Exupéry, Antoine de; Smith, Mary Jane (Translator)",
            ["Antoine de Saint-Exupéry", "Mary Jane Smith"],
        ),
        ("Le Guin, Ursula K.", ["Ursula K. Le Guin"]),
        ("van Gogh, Vincent", ["Vincent van Gogh"]),
        (
            "Jane Austen, Seth Grahame-Smith; Ann Onym",
            ["Jane Austen", "Seth Grahame-Smith", "Ann Onym"],
        ),
        ("Gaiman, Neil & Pratchett, Terry", ["Neil Gaiman", "Terry Pratchett"]),
        ("Austen, Jane and Homer", ["Austen", "Jane and Homer"]),
        ("Knuth, Donald E., Graham, Ronald L.", ["Donald E. Knuth", "Ronald L. Graham"]),
        (
            "Cormen, Thomas H., Leiserson, Charles E., Rivest, Ronald L., Stein, Clifford",
            ["Thomas H. Cormen", "Charles E. Leiserson", "Ronald L. Rivest", "Clifford Stein"],
        ),
        (
            "Le Guin, Ursula K., Tolkien, J.R.R., Strunk, William I., Jr.",
            ["Ursula K. Le Guin", "J.R.R. Tolkien", "William I. Strunk, Jr."],
        ),
        ("Homer, Madonna, Prince, Kenny G.", ["Homer", "Madonna", "Prince", "Kenny G."]),
        (
            "Homer, J. K. Rowling, Plato, T. S. Eliot",
            ["Homer", "J. K. Rowling", "Plato", "T. S. Eliot"],
        ),
        ("Jane Austen / Seth Grahame-Smith", ["Jane Austen", "Seth Grahame-Smith"]),
        ("AC/DC", ["AC/DC"]),
        ("Quino (Author / Illustrator)", ["Quino (Author / Illustrator)"]),
        ("King, Martin Luther, Jr.; Malcolm X", ["Martin Luther King, Jr.", "Malcolm X"]),
        ("King, Stephen, Jr.", ["Stephen King, Jr."]),
        ("Marks and Spencer", ["Marks and Spencer"]),
        ("Jane  Austen|Jane Austen", ["Jane Austen"]),
        (" ; ", []),
        (f"Jane{' ' * 100_000}Austen", ["Jane Austen"]),
    ],
)
def test_a_cell_of_authors_is_parted_where_people_would(text: str, names: list[str]) -> None:
    assert [name for name, _ in people_in(text)] == names


def test_roles_stand_in_brackets_and_one_person_may_have_two_family_names() -> None:
    assert people_in("Leo Tolstoy; Maude, Louise (Translator)") == [
        ("Leo Tolstoy", "author"),
        ("Louise Maude", "translator"),
    ]
    assert people_in("García Márquez, Gabriel", several=False) == [
        ("Gabriel García Márquez", "author")
    ]
    assert people_in("King, Martin Luther, Jr. (Author)", several=False) == [
        ("Martin Luther King, Jr.", "author")
    ]
    assert people_in("Knuth, Donald E., Graham, Ronald L. (Ed.)") == [
        ("Donald E. Knuth", "author"),
        ("Ronald L. Graham", "editor"),
    ]
    assert natural_order("King, Martin Luther, Jr.") == "Martin Luther King, Jr."
    assert natural_order("Simon and Schuster, Inc.") == "Simon and Schuster, Inc."


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("eng", "en"),
        ("en-US", "en"),
        ("EN", "en"),
        ("English", "en"),
        ("fre", "fr"),
        ("fra", "fr"),
        ("ger", "de"),
        ("pt_BR", "pt"),
        ("grc", "grc"),
        ("Deutsch", "de"),
        ("español", "es"),
        ("中文", "zh"),
        ("Klingon language", None),
        ("", None),
    ],
)
def test_a_language_has_one_code_however_it_is_named(text: str, code: str | None) -> None:
    assert language_code(text) == code


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>One &amp; two</p><p>three</p>", "One & two\n\nthree"),
        ("plain &eacute; text", "plain é text"),
        ("a < b and c > d", "a < b and c > d"),
        ("<script>alert(1)</script>safe<br/>line", "safe\nline"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("<P class='a>b'>&frac12; an <i\nid=\"x\">inch</i></P><!-- <p> -->", "½ an inch"),
        ("&frac12; an inch, E = mc&sup2;", "½ an inch, E = mc²"),
        ("<ul><li>one</li><li title=it's>two</li></ul>", "one\ntwo"),
        ("<head><title>x</title><p>y</head>seen<style/> <?php 1 ?>5 < 6 <b", "seen 5 < 6 <b"),
    ],
)
def test_descriptions_lose_their_markup(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@pytest.mark.parametrize("gap", [" ", "\t", "\N{NO-BREAK SPACE}", " \r"])
def test_a_cell_of_nothing_but_a_gap_keeps_nobody_waiting(gap: str) -> None:
    """By the square of its length it would be hours, and the host with its other requests waits."""
    assert people_in(f"Ada{gap * 1_000_000}Byron") == [("Ada Byron", "author")]


@pytest.mark.parametrize("piece", ["<!--", '<a x="', "<a '", "<a/", "</", "<?", "<!", "<p>x", "a"])
def test_markup_that_never_ends_keeps_nobody_waiting(piece: str) -> None:
    assert len(plain_text("<p><" + piece * 200_000)) <= len(piece) * 200_000 + 1


def test_columns_are_known_by_many_names_and_the_plainest_counts() -> None:
    header = ["Book Title", "ISBN-13", "Author(s)", "List Price", "price", "PubDate", "Colour"]
    assert known_columns(header) == {
        0: "title",
        1: "isbn13",
        2: "authors",
        4: "price",
        5: "published_on",
    }
    mapped = columns_of(header, {"price": "List Price", "publisher": "colour"})
    assert (mapped[3], mapped[6], 4 in mapped) == ("price", "publisher", False)


def test_columns_of_web_shops_exports_are_known() -> None:
    shopify = ["Title", "Body (HTML)", "Variant Inventory Qty", "Variant Price", "Variant Barcode"]
    assert list(known_columns(shopify).values()) == [
        *("title", "description", "stock", "price", "isbn"),
    ]
    woocommerce = ["GTIN, UPC, EAN, or ISBN", "Name", "Stock", "Regular price", "Sale price"]
    named = {0: "isbn", 1: "title", 2: "stock", 3: "price", 4: "sale_price"}
    assert known_columns(woocommerce) == named
    assert columns_of(woocommerce, {"price": "Regular price"}) == {
        place: field for place, field in named.items() if field != "sale_price"
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [("5,0", 5), ("5,00", 5), ("1,200", 1200), ("1,200.0", 1200), ("1 200,00", 1200),
     ("1'234'567", 1234567), ("1,00,000", 100000)],
)  # fmt: skip
def test_a_comma_parts_thousands_or_is_a_decimal_one(text: str, number: int) -> None:
    assert whole_number_in(text, 10_000_000) == number
