"""The starting catalogue is data: what a reader or the seeding could trip over is checked here."""

import datetime
import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "local" / "catalogue"
ROLES = {"author", "editor", "translator", "illustrator", "introduction"}
FORMATS = {"hardcover", "paperback", "ebook", "audiobook"}
# ISO 639-1, and 639-2 where a language has no two letters (Ancient Greek, Akkadian).
LANGUAGES = {
    "akk", "ar", "cs", "de", "el", "en", "es", "fr", "grc", "he", "hi", "it", "ja", "ko", "la",
    "nl", "no", "pl", "pt", "ru", "sa", "sv", "zh",
}  # fmt: skip


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def shelves() -> list[Path]:
    return [path for path in sorted(FOLDER.glob("*.json")) if path.name != "categories.json"]


CATEGORIES = read(FOLDER / "categories.json")
WORKS = [work for path in shelves() for work in read(path)]
EDITIONS = [edition for work in WORKS for edition in work["editions"]]


def title_key(work: dict[str, Any]) -> str:
    return f"{work['title']} ({work['contributors'][0]['name']})"


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text if len(text) == 10 else f"{text}-01-01")


def test_there_are_at_least_three_hundred_works_none_of_them_twice() -> None:
    assert len(WORKS) >= 300
    assert [key for key, times in Counter(map(title_key, WORKS)).items() if times > 1] == []


def test_every_isbn_passes_its_check_digit_and_is_used_once() -> None:
    for edition in EDITIONS:
        isbn = edition["isbn"]
        assert re.fullmatch(r"97[89]\d{10}", isbn), isbn
        assert sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(isbn)) % 10 == 0, isbn
    assert len({edition["isbn"] for edition in EDITIONS}) == len(EDITIONS)


def test_categories_form_a_tree_with_thema_and_bisac_codes() -> None:
    ids = [category["id"] for category in CATEGORIES]
    assert len(set(ids)) == len(ids)
    for position, category in enumerate(CATEGORIES):
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", category["id"])
        assert category["name"]
        assert category["parent"] is None or category["parent"] in ids[:position]
        assert re.fullmatch(r"[A-Z]{1,4}", category["thema"])
        assert re.fullmatch(r"[A-Z]{3}\d{6}", category["bisac"])


def test_works_stand_in_one_or_two_known_categories_and_at_least_twenty_are_filled() -> None:
    known = {category["id"] for category in CATEGORIES}
    filled = Counter(category for work in WORKS for category in work["categories"])
    assert set(filled) <= known
    assert len(filled) >= 20
    assert all(1 <= len(set(work["categories"])) <= 2 for work in WORKS)
    leaves = known - {category["parent"] for category in CATEGORIES}
    assert leaves <= set(filled), "a shopper would meet an empty category"


@pytest.mark.parametrize("work", WORKS, ids=title_key)
def test_a_work_is_complete(work: dict[str, Any]) -> None:
    assert work["title"] == work["title"].strip() != ""
    assert work.get("subtitle") != ""
    assert work["contributors"]
    for contributor in work["contributors"]:
        assert contributor["name"] == contributor["name"].strip() != ""
        assert contributor["role"] in ROLES
    assert work["original_language"] in LANGUAGES
    assert -3000 < work["first_published"] <= datetime.date(2026, 12, 31).year
    if "series" in work:
        assert work["series"]["title"]
        assert float(work["series"]["volume"]) >= 0
    # Chinese, Japanese and Korean say in forty characters what English says in a hundred.
    dense = any(unicodedata.name(c, "").startswith(("CJK", "HANGUL")) for c in work["description"])
    assert (40 if dense else 120) <= len(work["description"]) <= 600
    assert work["description"][-1] in ".?!。।"
    assert work["editions"]


@pytest.mark.parametrize("work", WORKS, ids=title_key)
def test_the_editions_of_a_work_can_be_sold(work: dict[str, Any]) -> None:
    for edition in work["editions"]:
        assert edition["format"] in FORMATS
        assert edition["publisher"]
        assert edition.get("imprint") != ""
        assert edition["language"] in LANGUAGES
        assert re.fullmatch(r"\d{4}(-\d\d-\d\d)?", edition["published_on"])
        assert day(edition["published_on"]).year >= work["first_published"]
        assert edition["price"]["currency"] == "GBP"
        assert isinstance(edition["price"]["amount"], int)
        assert edition["price"]["amount"] > 0
        assert isinstance(edition["stock"], int)
        assert edition["stock"] >= 0
        assert ("pages" in edition) == (edition["format"] != "audiobook")
        measures = [edition.get(f"{m}_mm") for m in ("height", "width", "thickness")]
        measures.append(edition.get("weight_g"))
        if edition["format"] in {"hardcover", "paperback"}:
            assert all(isinstance(m, int) and m > 0 for m in measures)
        else:
            assert measures == [None] * 4


def test_a_few_editions_are_not_on_sale_yet() -> None:
    embargoed = [edition for edition in EDITIONS if "on_sale_on" in edition]
    assert len(embargoed) >= 2
    assert all(day(edition["on_sale_on"]) > datetime.date(2026, 12, 31) for edition in embargoed)


def test_there_is_something_for_every_filter_to_find() -> None:
    assert sum(len(work["editions"]) > 1 for work in WORKS) >= 100
    assert sum("series" in work for work in WORKS) >= 50
    assert len({edition["language"] for edition in EDITIONS}) >= 8
    assert {edition["format"] for edition in EDITIONS} == FORMATS
    assert {c["role"] for work in WORKS for c in work["contributors"]} == ROLES
    stocks = [edition["stock"] for edition in EDITIONS]
    assert any(stock == 0 for stock in stocks)
    assert any(1 <= stock <= 5 for stock in stocks)


def test_every_shelf_is_sorted_so_that_a_change_is_easy_to_see() -> None:
    def sort_key(work: dict[str, Any]) -> tuple[str, int]:
        folded = unicodedata.normalize("NFKD", work["title"].casefold())
        bare = "".join(c for c in folded if not unicodedata.combining(c))
        words = " ".join("".join(c if c.isalnum() else " " for c in bare).split())
        return re.sub(r"^(the|a|an) ", "", words), work["first_published"]

    for path in shelves():
        keys = [sort_key(work) for work in read(path)]
        assert keys == sorted(keys), path.name
