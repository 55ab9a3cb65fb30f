"""ONIX messages: what is read of a product, and messages that are broken or meant to harm."""

import io
import tracemalloc
from datetime import date
from pathlib import Path

import onixcheck
import pytest

from functions.inventory.import_model import ImportOptions, UnreadableFile
from functions.inventory.imports.feeds import open_feed
from functions.inventory.imports.inspection import inspect
from functions.inventory.model import SeriesPlace
from tests.support import onix
from tests.support.onix_reading import ISBN, TODAY, read, said_by

WHOLE = (Path(onix.__file__).parent / "whole_product.xml").read_text("utf-8")
FORMS = [
    (release, namespace, short)
    for release in ("3.0", "3.1")
    for namespace in (True, False)
    for short in (True, False)
]


@pytest.mark.parametrize(("release", "namespace", "short"), FORMS)
def test_a_whole_product_is_read_alike_in_every_form(
    release: str, namespace: bool, short: bool
) -> None:
    text = onix.message(WHOLE, release=release, namespace=namespace, short=short)
    (record,) = read(text)
    said = record.said
    assert said is not None
    fields = dict(said.fields)
    assert [(one.name, one.role) for one in fields.pop("contributors")] == [
        ("Ada Bergström", "author"),
        ("Anna van Dijk", "translator"),
    ]
    assert fields.pop("series").model_dump() == {"title": "The Harbour Mysteries", "volume": "3"}
    assert fields.pop("dimensions").model_dump(exclude_none=True) == {
        "height_mm": 234,
        "width_mm": 156,
        "weight_g": 544,
    }
    assert fields.pop("price").amount == 1899
    assert fields == {
        "format": "hardcover",
        "title": "A Light in the Fog",
        "subtitle": "A novel",
        "language": "en",
        "original_language": "sv",
        "pages": 352,
        "description": "A ship comes in & nobody is aboard.\n\nThen the bell rings.",
        "imprint": "Lantern",
        "publisher": "Quayside Press",
        "first_published": 2019,
        "published_on": date(2026, 5, 1),
        "on_sale_on": date(2026, 4, 28),
    }
    assert said.isbn == "9780306406157"
    assert said.categories is not None
    assert [one[0] for one in said.categories] == ["FFL", "FIC000000", "XAM"]
    assert said.work_of == ("9780140328721",)
    assert said.stock == 40
    assert record.line == 4
    assert sorted(record.notes) == [
        ("DescriptiveDetail/Audience", "is not used"),
        ("DescriptiveDetail/Contributor/BiographicalNote", "is not used"),
        ("DescriptiveDetail/EditionNumber", "is not used"),
        ("Extent", "type 09 in unit 05 is not used"),
        ("Price", "in EUR is not used"),
        ("PriceDate", "a price from 2026-04-01 on is not yet used"),
        ("PriceDate", "a price until 2026-03-31 stays until a delivery says another"),
        ("ProductFormDetail", "B501 is not used"),
        ("ProductIdentifier", "of type 01 is not used"),
        ("RelatedProduct", "relation 03 is not used"),
        ("Subject", "scheme 20 is not used"),
        ("SupportingResource", "a cover is not fetched"),
    ]


@pytest.mark.parametrize("release", ["3.0", "3.1"])
@pytest.mark.parametrize("short", [True, False])
def test_our_messages_are_valid_onix(tmp_path: Path, release: str, short: bool) -> None:
    text = onix.message(
        WHOLE,
        onix.product(ISBN),
        onix.product("9780471958697", onix.SUPPLY, notification="04"),
        onix.product("9780131103627", notification="05"),
        release=release,
        short=short,
    )
    assert onixcheck.validate(str(onix.write(tmp_path / "message.xml", text))) == []


def test_elements_may_have_a_prefix() -> None:
    text = onix.message(onix.product(ISBN), namespace=False)
    prefixed = text.replace("</", "</o:").replace("<", "<o:").replace("<o:/o:", "</o:")
    prefixed = prefixed.replace("<o:?xml", "<?xml").replace(
        "<o:ONIXMessage", '<o:ONIXMessage xmlns:o="http://ns.editeur.org/onix/3.0/reference"'
    )
    (record,) = read(prefixed)
    assert record.said is not None
    assert record.said.fields["title"] == "Northanger Abbey"


@pytest.mark.parametrize(
    ("form", "detail", "known"),
    [
        ("BC", "B104", "paperback"),
        ("BB", "B401", "hardcover"),
        ("ED", "E101", "ebook"),
        ("EA", "A103", "audiobook"),
        ("AN", "A103", "audiobook"),
        ("AJ", "", "audiobook"),
    ],
)
def test_forms_become_formats(form: str, detail: str, known: str) -> None:
    details = f"<ProductFormDetail>{detail}</ProductFormDetail>" if detail else ""
    described = onix.DESCRIPTION.replace(
        "<ProductForm>BC</ProductForm>", f"<ProductForm>{form}</ProductForm>{details}"
    )
    assert said_by(described).fields["format"] == known


def test_what_is_no_book_is_refused() -> None:
    described = onix.DESCRIPTION.replace(">BC<", ">ZE<")
    (record,) = read(onix.message(onix.product(ISBN, described)))
    assert record.fault == "its ProductForm ZE is no book, e-book or audiobook"


def test_updates_say_only_what_their_blocks_say_and_deletions_withdraw() -> None:
    update, deletion, test = read(
        onix.message(
            onix.product(ISBN, onix.SUPPLY, notification="04"),
            onix.product("9780131103627", notification="05"),
            onix.product("9780471958697", notification="89"),
        )
    )
    assert update.said is not None
    assert update.said.only_known
    assert list(update.said.fields) == ["price"]
    assert update.said.cleared == frozenset()
    assert deletion.said is not None
    assert deletion.said.withdraw
    assert test.said is None
    assert test.notes == [("NotificationType", "89 is not used")]


def test_the_headers_defaults_hold_where_a_product_is_silent() -> None:
    text = onix.message(onix.product(ISBN, onix.DESCRIPTION, onix.SUPPLY))
    text = text.replace(
        "</SentDateTime>",
        "</SentDateTime><DefaultLanguageOfText>fre</DefaultLanguageOfText>"
        "<DefaultPriceType>02</DefaultPriceType><DefaultCurrencyCode>GBP</DefaultCurrencyCode>",
    )
    for said in (
        "<PriceType>02</PriceType>",
        "<CurrencyCode>GBP</CurrencyCode>",
        "<Language><LanguageRole>01</LanguageRole><LanguageCode>eng</LanguageCode></Language>",
    ):
        text = text.replace(said, "")
    (record,) = read(text)
    assert record.said is not None
    assert record.said.fields["language"] == "fr"
    assert record.said.fields["price"].amount == 899


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-16", "UTF-16"), ("iso-8859-1", "ISO-8859-1"), ("windows-1252", "windows-1252")],
)
def test_the_declared_encoding_is_followed(encoding: str, declared: str) -> None:
    text = onix.message(onix.product(ISBN), onix.product("9780131103627"))
    text = text.replace("UTF-8", declared).replace("Northanger Abbey", "L'Été")
    records = read(text.encode(encoding))
    assert [record.said and record.said.fields["title"] for record in records] == ["L'Été"] * 2
    assert [record.line for record in records] == [5, 27]


ENTITIES = '<!DOCTYPE ONIXMessage [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE ONIXMessage SYSTEM "file:///etc/passwd">'
EDITEURS = EXTERNAL.replace("file:///etc/passwd", "http://www.editeur.org/onix/3.0/reference.dtd")
OLDER = EDITEURS.replace("3.0", "2.1")
MANY = onix.product(ISBN) * 3


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (onix.message(MANY).replace("<ONIXM", ENTITIES + "<ONIXM"), "DOCTYPE at line 2"),
        (onix.message(MANY).replace("<ONIXM", EXTERNAL + "<ONIXM"), "DOCTYPE"),
        (onix.message(MANY).replace("<ONIXM", EDITEURS + "\n<ONIXM"), "at line 2.*: remove"),
        (onix.message(MANY)[:-900], "breaks off at line .*: (no element|unclosed)"),
        (onix.message(MANY).replace("</PersonName>", "</Name>"), "mismatched tag"),
        (onix.message(MANY).replace("Abbey", "&nbsp;"), "line .*undefined entity; write"),
        (onix.message(MANY, release="2.1", namespace=False), "ONIX 2.1"),
        (onix.message(MANY).replace("<ONIXM", OLDER + "<ONIXM"), "is ONIX 2; this shop reads 3.0"),
        (onix.message("<x>" * 200 + "</x>" * 200), "nested too deeply"),
        (onix.message(f"<x y='{'z' * 3_000_000}'/>"), "longer than a mebibyte"),
        (onix.message("".join(f"<n{number}/>" for number in range(30_000))), "more names"),
        (onix.message("<Product>" + MANY + "</Product>"), "stands in another one"),
        ("<?xml version='1.0'?><feed/>", "feed, not ONIXMessage"),
        (onix.message(MANY).encode()[:600] + b"\xff\xfe\x00", "breaks off.*not in the encoding"),
        (onix.message(MANY).replace("UTF-8", "Shift_JIS"), "multi-byte.*save it as UTF-8"),
        (onix.message(MANY).replace("UTF-8", "rot13"), "encoding .*save it as UTF-8"),
        (onix.message(MANY).replace("UTF-8", "idna"), "encoding .*save it as UTF-8"),
    ],
)
def test_a_message_that_is_broken_or_meant_to_harm_is_refused_whole(
    text: str | bytes, reason: str
) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read(text)


@pytest.mark.parametrize("namespace", [True, False])
def test_a_message_that_does_not_say_its_release_is_read(namespace: bool) -> None:
    text = onix.message(onix.product(ISBN), namespace=namespace).replace(' release="3.0"', "")
    (record,) = read(text)
    assert record.said is not None


@pytest.mark.parametrize("kind", ["ProductForm", "b012"])
def test_a_record_of_onix_2_is_refused_where_the_message_does_not_say_so(kind: str) -> None:
    older = onix.product(ISBN, f"<{kind}>BC</{kind}>")
    (record,) = read(onix.message(older, namespace=False).replace(' release="3.0"', ""))
    assert record.fault == "is a record of ONIX 2, which this shop does not read"


def test_a_product_that_is_too_large_is_refused_and_the_next_is_read() -> None:
    huge = onix.DESCRIPTION.replace("Northanger Abbey", "a" * 3_000_000)
    deep = "<ContentDetail>" + "<x><y/></x>" * 200_000 + "</ContentDetail>"
    records = read(
        onix.message(
            onix.product(ISBN, huge), onix.product(ISBN, deep), onix.product("9780131103627")
        )
    )
    assert [record.fault for record in records] == ["is larger than 1,048,576 bytes"] * 2 + [None]
    assert records[2].said is not None


def test_no_more_shelves_are_looked_for_than_a_subject_can_have() -> None:
    code = "F" * 40
    subject = f"""<Subject><SubjectSchemeIdentifier>93</SubjectSchemeIdentifier>
    <SubjectCode>{code}</SubjectCode></Subject></DescriptiveDetail>"""
    said = said_by(onix.DESCRIPTION.replace("</DescriptiveDetail>", subject))
    assert said.categories == [(code, *(code[:length] for length in range(12, 0, -1)))]


def test_a_header_behind_a_product_is_passed_over_however_long_it_is() -> None:
    late = f"<Header>{'<Sender/>' * 200_000}</Header>"
    text = onix.message(onix.product(ISBN), late, onix.product("9780061120084"))
    file = io.BytesIO(text.encode())
    feed = open_feed(file, inspect(file), ImportOptions(), "GBP", TODAY)
    tracemalloc.start()
    try:
        assert len(list(feed.records())) == 2
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()


def test_a_product_without_an_isbn_is_refused_with_its_own_name() -> None:
    (record,) = read(onix.message(onix.product("9780140328722")))
    assert record.fault == "the ISBN 9780140328722 has a wrong check digit"
    assert record.reference == "shop.test.9780140328722"


@pytest.mark.parametrize(
    ("said", "instead", "note"),
    [
        ("<ProductComposition>00", "<ProductComposition>10", "ProductComposition"),
        (
            "</ProductForm>",
            "</ProductForm><ProductFormDetail>B206</ProductFormDetail>",
            "ProductFormDetail",
        ),
        ("<TitleText>", "<PartNumber>2</PartNumber><TitleText>", "PartNumber"),
        (
            "</TitleElement>",
            "</TitleElement><TitleElement><TitleElementLevel>03</TitleElementLevel>"
            "<TitleText>Works</TitleText></TitleElement>",
            "TitleElement",
        ),
        (
            "<DescriptiveDetail>",
            "<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>9780131103627</IDValue>"
            "</ProductIdentifier><DescriptiveDetail>",
            "ProductIdentifier",
        ),
        (
            "<ProductSupply>",
            "<CollateralDetail><TextContent><TextType>03</TextType><ContentAudience>00"
            "</ContentAudience><Text>One.</Text><Text>Un.</Text></TextContent></CollateralDetail>"
            "<ProductSupply>",
            "Text",
        ),
        ("<LanguageCode>eng", "<LanguageCode>xxx", "LanguageCode"),
        (
            "</Price>",
            "<Territory><CountriesIncluded>IE</CountriesIncluded></Territory></Price>",
            "Territory",
        ),
    ],
)
def test_what_has_no_place_in_the_catalogue_is_noted(said: str, instead: str, note: str) -> None:
    blocks = onix.DESCRIPTION + onix.SUPPLY
    assert said in blocks
    (record,) = read(onix.message(onix.product(ISBN, blocks.replace(said, instead))))
    assert record.said is not None
    assert record.said.fields["title"] == "Northanger Abbey"
    assert [where.rpartition("/")[2] for where, _ in record.notes] == [note]


TITLE = "<TitleText>Northanger Abbey</TitleText>"


@pytest.mark.parametrize(
    ("of_works", "of_book", "title", "volume"),
    [
        ("", "<PartNumber>2</PartNumber>" + TITLE, "Northanger Abbey", "2"),
        ("", "<PartNumber>2</PartNumber>", "Works, 2", "2"),
        ("", TITLE, "Northanger Abbey", None),
        ("<PartNumber>Volume 3</PartNumber>", TITLE, "Northanger Abbey", "Volume 3"),
    ],
)
def test_a_titles_collection_is_the_series_where_no_other_is_named(
    of_works: str, of_book: str, title: str, volume: str | None
) -> None:
    works = (
        f"<TitleElement><TitleElementLevel>02</TitleElementLevel>{of_works}"
        "<TitleText>Works</TitleText></TitleElement>"
    )
    described = onix.DESCRIPTION.replace(TITLE, of_book)
    described = described.replace("<TitleElement>", works + "<TitleElement>", 1)
    (record,) = read(onix.message(onix.product(ISBN, described, onix.SUPPLY)))
    assert record.said is not None
    assert record.said.fields["title"] == title
    assert record.said.fields["series"] == SeriesPlace(title="Works", volume=volume)
    assert record.notes == []
    other = (
        "<Collection><CollectionType>10</CollectionType><TitleDetail><TitleType>01</TitleType>"
        + works.replace("Works", "Classics")
        + "</TitleDetail></Collection><TitleDetail>"
    )
    said = said_by(described.replace("<TitleDetail>", other, 1))
    assert said.fields["title"] == title
    assert said.fields["series"].title == "Classics"


def test_a_title_that_was_escaped_twice_is_read_once() -> None:
    said = said_by(onix.DESCRIPTION.replace("Northanger Abbey", "Sense &amp;amp; Sensibility"))
    assert said.fields["title"] == "Sense & Sensibility"
