"""The shop as a shopper, a bookseller and an operator meet it, over HTTP alone."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from tests.conftest import Shop, end, serve


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


def ask(shop: Shop, method: str, path: str, body: object = None, **headers: str) -> Reply:
    """`headers` are written with underscores: If_Match."""
    request = urllib.request.Request(f"{shop.base_url}/api/{path}", method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    if body is not None:
        request.add_header("Content-Type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Reply(answer.status, _lower(answer.headers), answer.read())
    except urllib.error.HTTPError as answer:
        return Reply(answer.code, _lower(answer.headers), answer.read())


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def books(shop: Shop, **query: object) -> dict[str, Any]:
    reply = ask(shop, "GET", f"v1/books?{urlencode(query)}")
    assert reply.status == 200, reply.content
    page: dict[str, Any] = reply.json
    return page


@pytest.fixture
def bookseller(shop: Shop) -> dict[str, str]:
    return {"Authorization": f"Bearer {shop.token('catalogue.write')}"}


def a_book(isbn: str, **said: object) -> dict[str, object]:
    return {
        "isbn": isbn,
        "title": "The Lighthouse Ledger",
        "contributors": [{"name": "Ada Bergström"}],
        "format": "paperback",
        "language": "en",
        "price": {"amount": 1099, "currency": "GBP"},
        "stock": 3,
        **said,
    }


def test_a_first_search_finds_a_book_with_facets(shop: Shop) -> None:
    page = books(shop, q="dracula", facets="true")
    assert page["items"][0]["title"] == "Dracula"
    assert page["items"][0]["contributors"][0]["name"] == "Bram Stoker"
    assert page["facets"]


def test_a_book_is_found_by_its_isbn_with_hyphens_and_as_ten_digits(shop: Shop) -> None:
    book = books(shop, q="dracula", limit=1)["items"][0]
    isbn = book["isbn"]
    hyphened = f"{isbn[:3]}-{isbn[3]}-{isbn[4:7]}-{isbn[7:12]}-{isbn[12]}"
    assert books(shop, q=hyphened)["items"][0]["isbn"] == isbn
    assert ask(shop, "GET", f"v1/books/{hyphened}").json["isbn"] == isbn


@pytest.mark.parametrize("sort", ["title", "-title", "price", "-price", "newest", "bestselling"])
def test_paging_to_the_end_shows_every_book_once(shop: Shop, sort: str) -> None:
    seen: list[str] = []
    query: dict[str, object] = {"sort": sort, "limit": 100}
    while True:
        page = books(shop, **query)
        seen += [book["isbn"] for book in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen))
    assert len(seen) >= 700


def test_a_change_by_the_bookseller_is_what_the_next_reader_sees(
    shop: Shop, bookseller: dict[str, str]
) -> None:
    isbn = "9789990000016"
    book = a_book(isbn, title="The Quarryman's Almanac")
    created = ask(shop, "POST", "v1/admin/books", book, **bookseller, Idempotency_Key="quarryman")
    assert created.status == 201, created.content
    again = ask(shop, "POST", "v1/admin/books", book, **bookseller, Idempotency_Key="quarryman")
    assert (again.status, again.content) == (201, created.content)
    read = ask(shop, "GET", f"v1/books/{isbn}")
    assert read.json["availability"] == {"status": "in_stock", "available": 3}

    assert [found["isbn"] for found in books(shop, q="Quarryman Almanac")["items"]] == [isbn]

    etag = read.headers["etag"]
    patch = {"price": {"amount": 899, "currency": "GBP"}}
    path = f"v1/admin/books/{isbn}"
    assert ask(shop, "PATCH", path, patch, **bookseller).status == 428
    assert ask(shop, "PATCH", path, patch, **bookseller, If_Match=etag).status == 200
    assert ask(shop, "PATCH", path, patch, **bookseller, If_Match=etag).status == 412
    assert ask(shop, "GET", f"v1/books/{isbn}").json["price"]["amount"] == 899

    unchanged = ask(shop, "GET", f"v1/books/{isbn}").headers["etag"]
    assert ask(shop, "GET", f"v1/books/{isbn}", If_None_Match=unchanged).status == 304

    assert ask(shop, "DELETE", path, **bookseller, If_Match=unchanged).status == 204
    assert ask(shop, "GET", f"v1/books/{isbn}").json["availability"]["status"] == "withdrawn"
    assert books(shop, q="Quarryman Almanac")["items"] == []


def test_a_delivery_that_is_sent_twice_counts_once(shop: Shop, bookseller: dict[str, str]) -> None:
    isbn = "9789990000023"
    ask(
        shop,
        "POST",
        "v1/admin/books",
        a_book(isbn),
        **bookseller,
        Idempotency_Key=f"new {isbn}"[:3] + isbn,
    )
    for replayed in (None, "true"):
        reply = ask(
            shop,
            "POST",
            f"v1/admin/books/{isbn}/stock",
            {"delta": 5, "reason": "delivery 9"},
            **bookseller,
            Idempotency_Key="delivery-9",
        )
        assert reply.status == 200, reply.content
        assert reply.headers.get("idempotency-replayed") == replayed
    assert ask(shop, "GET", f"v1/books/{isbn}/availability").json == {
        "isbn": isbn,
        "available": 8,
        "status": "in_stock",
    }


def test_only_a_bookseller_may_change_the_catalogue(shop: Shop) -> None:
    isbn = "9789990000030"
    nobody = ask(shop, "POST", "v1/admin/books", a_book(isbn), Idempotency_Key="k")
    assert nobody.status == 401
    customer = {"Authorization": f"Bearer {shop.token()}"}
    refused = ask(shop, "POST", "v1/admin/books", a_book(isbn), **customer, Idempotency_Key="k")
    assert refused.status == 403


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("v1/books?colour=red", "#/colour"),
        ("v1/books?limit=0", "#/limit"),
        ("v1/books?limit=999999999999999999999", "#/limit"),
        ("v1/books?cursor=AAAA", "#/cursor"),
        ("v1/books?min_price=-1", "#/min_price"),
        ("v1/books?sort=shoe-size", "#/sort"),
        ("v1/books/9780141439847", "#/isbn"),
    ],
)
def test_bad_input_is_a_400_that_names_it(shop: Shop, path: str, named: str) -> None:
    reply = ask(shop, "GET", path)
    assert reply.status == 400
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert named in [error["pointer"] for error in reply.json["errors"]]


def test_a_cursor_of_another_query_is_refused(shop: Shop) -> None:
    cursor = books(shop, sort="price", limit=1)["next_cursor"]
    reply = ask(shop, "GET", f"v1/books?sort=title&limit=1&cursor={cursor}")
    assert reply.status == 400
    assert reply.json["errors"][0]["pointer"] == "#/cursor"


def test_unknown_addresses_and_methods_are_problem_documents(shop: Shop) -> None:
    assert ask(shop, "GET", "v1/nothing").json["status"] == 404
    wrong = ask(shop, "DELETE", "v1/books")
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD")


def test_the_correlation_id_is_taken_in_and_returned(shop: Shop) -> None:
    assert (
        ask(shop, "GET", "v1/books", x_correlation_id="abc-1").headers["x-correlation-id"]
        == "abc-1"
    )


@pytest.fixture
def own_shop(tmp_path: Path) -> Iterator[Shop]:
    running = serve(tmp_path / "state", "--no-covers")
    yield running
    if running.process.poll() is None:
        end(running)


def test_a_kill_loses_nothing_that_was_answered(own_shop: Shop) -> None:
    bookseller = {"Authorization": f"Bearer {own_shop.token('catalogue.write')}"}
    availability = "v1/books/9780141439846/availability"
    before = ask(own_shop, "GET", availability).json["available"]
    answered = 0

    def receive(number: int) -> bool:
        """One copy more; False where the shop died before it answered."""
        nonlocal answered
        try:
            reply = ask(
                own_shop,
                "POST",
                "v1/admin/books/9780141439846/stock",
                {"delta": 1, "reason": "one more"},
                **bookseller,
                Idempotency_Key=f"copy-{number}",
            )
        except OSError:
            return False
        assert reply.status == 200
        answered += 1
        return True

    def kill() -> None:
        twenty_are_in.wait()
        own_shop.process.kill()

    twenty_are_in = threading.Event()
    killer = threading.Thread(target=kill)
    killer.start()
    number = 0
    while receive(number):
        number += 1
        if number == 20:
            twenty_are_in.set()
    killer.join()
    own_shop.process.wait()

    again = serve(own_shop.state, "--no-covers")
    try:
        after = ask(again, "GET", availability).json["available"]
        assert after - before in (answered, answered + 1)
    finally:
        end(again)


def test_sigterm_ends_the_shop_cleanly(own_shop: Shop) -> None:
    assert end(own_shop) == 0
    assert b"Traceback" not in own_shop.log.read_bytes()


def test_the_address_of_each_kind_of_problem_leads_to_what_it_means(shop: Shop) -> None:
    kinds = [one["kind"] for one in ask(shop, "GET", "openapi.json").json["x-problems"]]
    page = ask(shop, "GET", "docs").content.decode()
    assert len(kinds) > 20
    address = urlsplit(shop.base_url)
    with closing(HTTPConnection(address.hostname or "", address.port, timeout=30)) as browser:
        for kind in kinds:
            browser.request("GET", f"/problems/{kind}")
            answer = browser.getresponse()
            answer.read()
            place = answer.headers["Location"].removeprefix("/api/docs#")
            assert answer.status == 302
            assert f'id="{place}"' in page


def test_a_shop_window_is_told_how_to_sign_in_and_what_prices_are_in(shop: Shop) -> None:
    assert ask(shop, "GET", "v1/shop").json == {
        "currency": "GBP",
        "sign_in": {
            "issuer": f"{shop.sandbox_url}/oidc",
            "client_id": "storefront",
            "scope": "openid email",
        },
    }
