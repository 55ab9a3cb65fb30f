"""What is typed into the search box, and what comes of it."""

from typing import Any

import pytest

from functions.inventory.read_model import BookQuery, Filters
from functions.inventory.store.search import question
from functions.inventory.store.search_mssql import extent, ranking
from functions.inventory.store.walk import values_of
from shared.kit.isbn import to_ten
from tests.support.inventory import Shelves, a_book, isbn
from tests.support.reading import Reader, read
from tests.support.tsql import azure_sql, parse


def found(browse: Reader, text: str, **narrowed: Any) -> list[str]:
    page = read(browse.books(BookQuery(q=text, **narrowed)))
    return [book["title"] for book in page["items"]]


@pytest.fixture
def browse(shelves: Shelves) -> Reader:
    shelves.put(
        a_book(
            14143951,
            title="The Hobbit",
            contributors=({"name": "J. R. R. Tolkien"},),
            description="There and back again",
            language="en",
        ),
        a_book(2, title="Pan Tadeusz", contributors=({"name": "Adam Mickiewicz z Łodzi"},)),
        a_book(
            3, title="Straße nach Ærø", contributors=({"name": "Søren Þórsson"},), format="ebook"
        ),
        a_book(4, title="O'Brien's L'Étranger", contributors=({"name": "Zoë O'Hara"},)),
        a_book(
            5,
            title="A Companion to Middle-earth",
            subtitle="After The Hobbit",
            series={"title": "Studies in Fantasy", "volume": "7"},
            categories=("crime",),
            contributors=({"name": "Ann Scholar"},),
        ),
        a_book(
            6,
            title="Hobbies",
            description="Nothing of Tolkien in it",
            contributors=({"name": "Bob Plain"},),
        ),
        a_book(7, title="村上 ノルウェイの森", contributors=({"name": "村上春樹"},), language="ja"),
        a_book(8, title="Nineteen 1984", contributors=({"name": "George Orwell"},), stock=0),
    )
    return Reader(shelves)


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("hobbit tolkien", "The Hobbit"),
        ("TOLK", "The Hobbit"),
        ("back agai", "The Hobbit"),
        ("lodzi", "Pan Tadeusz"),
        ("Łódzi", "Pan Tadeusz"),
        ("strasse", "Straße nach Ærø"),
        ("STRAẞE", "Straße nach Ærø"),
        ("aero soren thorsson", "Straße nach Ærø"),
        ("obrien", "O'Brien's L'Étranger"),
        ("o'brien", "O'Brien's L'Étranger"),
        ("etranger", "O'Brien's L'Étranger"),
        ("zoe o’hara", "O'Brien's L'Étranger"),
        ("studies in fantasy 7", "A Companion to Middle-earth"),
        ("crime", "A Companion to Middle-earth"),
        ("fiction companion", "A Companion to Middle-earth"),
        ("村上春樹", "村上 ノルウェイの森"),
        ("ノルウェイ", "村上 ノルウェイの森"),
    ],
)
def test_a_book_is_found_by_its_words(browse: Reader, typed: str, title: str) -> None:
    assert found(browse, typed)[0] == title


def test_words_in_the_title_weigh_more_than_words_elsewhere(browse: Reader) -> None:
    assert found(browse, "tolkien") == ["The Hobbit", "Hobbies"]
    assert found(browse, "the hobbit") == ["The Hobbit", "A Companion to Middle-earth"]
    assert found(browse, "hobbit") == ["The Hobbit", "A Companion to Middle-earth"]
    assert len(found(browse, "hobbi")) == 3


def test_of_equals_the_one_that_sells_best_comes_first(shelves: Shelves) -> None:
    from datetime import timedelta

    from tests.support.inventory import lines

    shelves.put(*(a_book(number, title="Twins") for number in (1, 2, 3)))
    shelves.stock.reserve("o-1", lines((2, 1)), shelves.clock.business + timedelta(hours=1))
    shelves.stock.confirm("o-1")
    page = read(Reader(shelves).books(BookQuery(q="twins")))
    assert [book["isbn"] for book in page["items"]] == [isbn(2), isbn(1), isbn(3)]


@pytest.mark.parametrize(
    "typed",
    ["9780141439518", "978-0-14-143951-8", "0141439513", "0-14-143951-3", " 978 0141439518 "],
)
def test_an_exact_isbn_comes_first(browse: Reader, shelves: Shelves, typed: str) -> None:
    shelves.put(a_book(9, title="9780141439518 0141439513", description="A title of digits"))
    titles = found(browse, typed)
    assert titles[0] == "The Hobbit"
    assert found(browse, typed, format="ebook") == []


@pytest.mark.parametrize(
    "typed", ["97801414395", "01414", "0-14-1439", "439518", "39513", "143951"]
)
def test_a_part_of_an_isbn_finds_the_book(browse: Reader, typed: str) -> None:
    assert to_ten("9780141439518") == "0141439513"
    assert found(browse, typed) == ["The Hobbit"]


@pytest.mark.parametrize(
    "typed",
    [
        '"', "'", "*", "-", "a AND", "NEAR(a b)", "title:hobbit", "^hobbit", "hobbit*", "(", ")",
        'hobbit" OR "x', "{title} : x", "a + b", "\\", ";DROP TABLE books;--", "%", "_", "a -x",
        "0qfpaperback", "\N{PILE OF POO}", "\u200b", "' OR 1=1 --", "a" * 200, "x " * 100,
    ],
)  # fmt: skip
def test_the_signs_of_query_languages_are_data(browse: Reader, typed: str) -> None:
    for sort in (None, "title"):
        answer = read(browse.books(BookQuery(q=typed, sort=sort, facets=True)))
        assert len(answer["items"]) <= 8


def test_operators_are_words_like_others(browse: Reader) -> None:
    assert found(browse, "title:hobbit") == []
    assert found(browse, "hobbit OR orwell") == []
    assert found(browse, '"hobbit*"')[0] == "The Hobbit"


def test_filters_narrow_a_search(browse: Reader) -> None:
    everything = found(browse, "o", limit=100) + found(browse, "hobbit")
    assert everything
    assert found(browse, "hobbit", category="fiction") == ["A Companion to Middle-earth"]
    assert found(browse, "hobbit", author="j. r. r. tolkien") == ["The Hobbit"]
    assert found(browse, "1984", in_stock=True) == []
    assert found(browse, "1984", in_stock=False) == ["Nineteen 1984"]
    assert found(browse, "hobbit", max_price=100) == []
    assert found(browse, "ノルウェイの森", language="ja") == ["村上 ノルウェイの森"]


def test_a_search_can_be_sorted_like_a_list(shelves: Shelves) -> None:
    shelves.put(
        *(
            a_book(
                number,
                title=f"Common {number:02}",
                price={"amount": 100 * (number % 4), "currency": "GBP"},
            )
            for number in range(1, 31)
        )
    )
    browse = Reader(shelves)
    seen: list[tuple[int, str]] = []
    cursor = None
    while True:
        page = read(browse.books(BookQuery(q="common", sort="-price", limit=4, cursor=cursor)))
        seen += [(book["price"]["amount"], book["isbn"]) for book in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 30
    assert seen == sorted(seen, reverse=True)


def test_relevant_hits_are_paged_by_position(shelves: Shelves) -> None:
    shelves.put(*(a_book(number, title=f"Common {number:02}") for number in range(1, 12)))
    browse = Reader(shelves)
    first = read(browse.books(BookQuery(q="common", limit=6)))
    second = read(browse.books(BookQuery(q="common", limit=6, cursor=first["next_cursor"])))
    assert second["next_cursor"] is None
    shown = [book["isbn"] for book in first["items"] + second["items"]]
    assert sorted(shown) == sorted(isbn(number) for number in range(1, 12))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("tolkein", "tolkien"), ("hobit", "hobbit"), ("compnion", "companion"), ("rowell", "orwell")],
)
def test_a_misspelt_word_is_put_right(browse: Reader, typed: str, meant: str) -> None:
    assert read(browse.books(BookQuery(q=typed)))["did_you_mean"] == meant
    assert found(browse, meant)


@pytest.fixture
def lookalikes(shelves: Shelves) -> Reader:
    """Words that are nearly alike, the common ones beside the wrong neighbours."""
    shelves.put(
        a_book(1, title="Harry Potter"),
        *(a_book(number, title=f"Peter {number}") for number in range(2, 6)),
        *(a_book(number, title=f"Terry and Henry {number}") for number in range(6, 10)),
        *(a_book(number, title=f"A Brief Place {number}") for number in range(10, 14)),
        a_book(14, title="War and Peace"),
        a_book(15, title="Mrs O'Brien"),
    )
    return Reader(shelves)


@pytest.mark.parametrize("typed", ["harry poter", "herry potter", "hary poter"])
def test_of_words_equally_near_those_that_are_found_together_are_meant(
    lookalikes: Reader, typed: str
) -> None:
    assert read(lookalikes.books(BookQuery(q=typed)))["did_you_mean"] == "harry potter"


@pytest.mark.parametrize("typed", ["war and peace", "o'brien", "peace potter", "qqqqqqqq poter"])
def test_a_word_of_the_catalogue_is_never_replaced_nor_is_what_finds_nothing_suggested(
    lookalikes: Reader, typed: str
) -> None:
    assert "did_you_mean" not in read(lookalikes.books(BookQuery(q=typed)))


def test_nothing_is_suggested_for_what_is_found_or_unlike_any_word(browse: Reader) -> None:
    for typed in ("hobbit", "qqqqqqqq", "***"):
        assert "did_you_mean" not in read(browse.books(BookQuery(q=typed)))


def test_a_changed_book_is_found_by_its_new_words_alone(shelves: Shelves) -> None:
    from functions.inventory.model import BookPatch

    shelves.put(a_book(1, title="Before"))
    browse = Reader(shelves)
    assert found(browse, "before") == ["Before"]
    shelves.catalogue.patch(isbn(1), BookPatch.model_validate({"title": "After"}), ["*"])
    assert found(browse, "before") == []
    assert found(browse, "after") == ["After"]
    shelves.catalogue.withdraw(isbn(1), ["*"])
    assert found(browse, "after") == []


@pytest.mark.parametrize(
    "typed", ["hobbit", "the hob", "97801414", "978-0-14-143951-8", 'x" OR "y']
)
def test_sql_server_is_asked_the_same_in_its_own_words(shelves: Shelves, typed: str) -> None:
    filters = Filters(language="en", in_stock=True, max_price=500)
    with shelves.database.primary() as connection:
        asked = question(connection, typed, filters)
    assert asked is not None
    for statement, values in (
        (extent(asked), {}),
        (ranking(asked, filters, 10**15), values_of(filters)),
    ):
        compiled = statement.compile(dialect=azure_sql(), column_keys=sorted(values))
        expanded = compiled.construct_expanded_state(values)
        parse(expanded.statement)
        asked_for = [str(value) for value in expanded.parameters.values() if '"' in str(value)]
        assert asked_for
        assert all(value.count('"') % 2 == 0 for value in asked_for)
