"""The public routes, from request to answer."""

import json
from datetime import timedelta

import azure.functions as func
import pytest

from functions.inventory.model import BookPatch
from functions.inventory.store.change_log import AlwaysMoved, SqlChangeLog
from functions.inventory.triggers import browse
from shared.cache.answers import CachedAnswers
from shared.cache.changes import Changes
from shared.cache.memory import MemoryCache
from shared.cache.port import Entry
from shared.kit.provider import Provider
from shared.kit.threads import Threads
from tests.support.calls import Caller
from tests.support.inventory import Shelves, a_book, isbn
from tests.support.reading import browse_of


class Counted(CachedAnswers):
    at_hand_count = 0

    def at_hand(self, key: str) -> Entry | None:
        found = super().at_hand(key)
        self.at_hand_count += found is not None
        return found


@pytest.fixture
def caller(shelves: Shelves) -> Caller:
    shelves.put(*(a_book(number) for number in range(1, 6)))
    caller = Caller("inventory")
    browse.register(caller.api, Provider(lambda: browse_of(shelves)))
    return caller


def listed(caller: Caller, **query: str) -> func.HttpResponse:
    return caller.send("inventory_list_books", query=query)


def test_a_list_is_json_that_may_be_kept_for_five_seconds(caller: Caller) -> None:
    response = listed(caller, limit="2")
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.headers["Cache-Control"] == "public, max-age=5"
    page = json.loads(response.get_body())
    assert len(page["items"]) == 2
    following = listed(caller, limit="2", cursor=page["next_cursor"])
    assert json.loads(following.get_body())["items"][0] not in page["items"]


def test_what_lies_at_hand_is_let_go_by_a_change_and_by_a_new_day(shelves: Shelves) -> None:
    """As the shop is wired: own writes are seen at once, those of others by the next look."""
    shelves.put(a_book(1, on_sale_on=shelves.clock.business.date() + timedelta(days=1)))
    database = shelves.database
    changes = Changes(
        SqlChangeLog(database, AlwaysMoved()), 3600.0, lambda: 0.0, lambda: database.commits
    )
    answers = Counted(MemoryCache(), changes, Threads("shelves", 1))
    caller = Caller("inventory")
    browse.register(caller.api, Provider(lambda: browse_of(shelves, answers)))

    def shown() -> tuple[int, str]:
        book = json.loads(caller.send("inventory_get_book", path={"isbn": isbn(1)}).get_body())
        return book["price"]["amount"], book["availability"]["status"]

    assert [shown() for _ in range(3)] == [(899, "not_yet_on_sale")] * 3
    assert answers.at_hand_count == 2
    patch = BookPatch.model_validate({"price": {"amount": 5, "currency": "GBP"}})
    shelves.catalogue.patch(isbn(1), patch, ["*"])
    assert [shown() for _ in range(2)] == [(5, "not_yet_on_sale")] * 2
    assert answers.at_hand_count == 3
    shelves.clock.advance_business(timedelta(days=1))
    assert [shown() for _ in range(2)] == [(5, "in_stock")] * 2


def test_what_is_known_already_is_not_sent_again(caller: Caller) -> None:
    for name, path in (("list_books", {}), ("get_book", {"isbn": isbn(1)})):
        first = caller.send(f"inventory_{name}", path=path)
        again = caller.send(f"inventory_{name}", path=path, if_none_match=first.headers["ETag"])
        assert (again.status_code, again.get_body()) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "9" * 400),
        ("limit", "2.0"),
        ("limit", "１"),
        ("min_price", "-1"),
        ("max_price", "1e3"),
        ("max_price", "9" * 20),
        ("in_stock", "maybe"),
        ("in_stock", "1"),
        ("facets", "yes"),
        ("format", "scroll"),
        ("language", "EN"),
        ("sort", "random"),
        ("published_from", "2026-02-30"),
        ("published_to", "1700000000"),
        ("published_to", "2026-01-01T00:00:00"),
        ("fields", "title,secret"),
        ("fields", ""),
        ("cursor", "x"),
        ("cursor", ""),
        ("q", "a\0b"),
        ("q", "a" * 201),
        ("author", "\ud800"),
        ("colour", "red"),
    ],
)
def test_a_wrong_parameter_is_named(caller: Caller, name: str, value: str) -> None:
    response = listed(caller, **{name: value})
    assert response.status_code == 400
    errors = json.loads(response.get_body())["errors"]
    assert [(error["pointer"], error["in"]) for error in errors] == [(f"#/{name}", "query")]


@pytest.mark.parametrize(
    "query",
    [
        {"min_price": "2", "max_price": "1"},
        {"published_from": "2026-01-02", "published_to": "2026-01-01"},
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused(
    caller: Caller, query: dict[str, str]
) -> None:
    response = listed(caller, **query)
    assert response.status_code == 400
    errors = json.loads(response.get_body())["errors"]
    assert [error["pointer"] for error in errors] == [f"#/{list(query)[-1]}"]


@pytest.mark.parametrize("given", [isbn(1), f"{isbn(1)[:3]}-{isbn(1)[3:]}"])
def test_a_book_is_found_by_its_isbn_as_people_write_it(caller: Caller, given: str) -> None:
    response = caller.send("inventory_get_book", path={"isbn": given})
    assert json.loads(response.get_body())["isbn"] == isbn(1)
    level = caller.send("inventory_get_availability", path={"isbn": given})
    assert json.loads(level.get_body()) == {
        "isbn": isbn(1),
        "status": "in_stock",
        "available": 10,
    }


def test_what_is_not_there_is_404_and_what_cannot_be_is_400(caller: Caller) -> None:
    answers = {
        ("get_book", "isbn", isbn(99)): 404,
        ("get_availability", "isbn", isbn(99)): 404,
        ("get_author", "id", "99"): 404,
        ("get_book", "isbn", "9780141439519"): 400,
        ("get_availability", "isbn", "x"): 400,
        ("get_author", "id", "0"): 400,
        ("get_author", "id", "9" * 30): 400,
    }
    for (name, key, value), status in answers.items():
        response = caller.send(f"inventory_{name}", path={key: value})
        assert response.status_code == status, (name, value)


def test_authors_and_categories_are_listed(caller: Caller) -> None:
    authors = json.loads(caller.send("inventory_list_authors", query={"q": "aust"}).get_body())
    [author] = authors["items"]
    assert (author["name"], author["books"], authors["next_cursor"]) == ("Jane Austen", 5, None)
    one = caller.send("inventory_get_author", path={"id": str(author["id"])})
    assert json.loads(one.get_body()) == author
    tree = json.loads(caller.send("inventory_list_categories").get_body())
    assert [category["id"] for category in tree["items"]] == ["fiction"]
