"""A bookseller's deliveries over HTTP: small ones inline, large ones uploaded, both looked at."""

import json
import threading
import urllib.error
import urllib.request
from typing import Any

import pytest

from shared.kit.isbn import from_ten
from tests.conftest import Shop
from tests.support import onix


def send(
    shop: Shop, method: str, address: str, body: bytes = b"", **headers: str
) -> tuple[int, dict[str, str], Any]:
    """`address` is a path below /api, or whole."""
    url = address if address.startswith("http") else f"{shop.base_url}/api/{address}"
    request = urllib.request.Request(url, method=method, data=body or None)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        answer: Any = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        content = answer.read()
        return answer.status, _lower(answer.headers), json.loads(content) if content else None


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@pytest.fixture
def bookseller(shop: Shop) -> dict[str, str]:
    return {"Authorization": f"Bearer {shop.token('catalogue.write')}"}


def feed(first: int, last: int) -> str:
    rows = [
        f"{from_ten(f'{number:09d}')},The Import {number},Ada Bergström,8.99,3\n"
        for number in range(first, last)
    ]
    return "isbn,title,author,price,stock\n" + "".join(rows)


def ended(shop: Shop, bookseller: dict[str, str], import_id: str) -> Any:
    pause = threading.Event()
    for _ in range(600):
        status, _, said = send(shop, "GET", f"v1/admin/imports/{import_id}", **bookseller)
        assert status == 200
        if said["state"] in ("finished", "failed"):
            return said
        pause.wait(0.1)
    raise AssertionError(f"the import does not end: {said}")


def test_a_small_file_is_taken_in_at_once(shop: Shop, bookseller: dict[str, str]) -> None:
    content = (feed(810_000, 810_003) + "x,Bad,A,1,1\n").encode()
    # As generated clients send every file; elsewhere here its type is named.
    asked = {
        **bookseller,
        "Content_Type": "application/octet-stream",
        "Idempotency_Key": "small",
    }
    status, headers, said = send(
        shop, "POST", "v1/admin/imports?file_name=small.csv", content, **asked
    )
    assert status == 202
    assert headers["location"] == f"/api/v1/admin/imports/{said['id']}"
    said = ended(shop, bookseller, said["id"])
    assert said["counts"] == {
        "added": 3,
        "changed": 0,
        "unchanged": 0,
        "withdrawn": 0,
        "refused": 1,
    }
    assert said["refusals"][0]["line"] == 5
    assert said["file_name"] == "small.csv"
    status, _, book = send(shop, "GET", f"v1/books/{from_ten('000810001')}")
    assert (status, book["title"], book["price"]["amount"]) == (200, "The Import 810001", 899)
    again = send(shop, "POST", "v1/admin/imports?file_name=small.csv", content, **asked)
    assert again[1]["idempotency-replayed"] == "true"
    assert again[2]["id"] == said["id"]
    other = send(shop, "POST", "v1/admin/imports?file_name=small.csv", content + b"\n", **asked)
    assert other[0] == 422


def test_an_onix_message_in_short_tags_is_taken_in(shop: Shop, bookseller: dict[str, str]) -> None:
    isbn = from_ten("000820001")
    message = onix.message(onix.product(isbn), short=True, release="3.1")
    asked = {**bookseller, "Content_Type": "application/xml", "Idempotency_Key": "short-tags"}
    _, _, said = send(shop, "POST", "v1/admin/imports", message.encode(), **asked)
    assert ended(shop, bookseller, said["id"])["counts"]["added"] == 1
    _, _, book = send(shop, "GET", f"v1/books/{isbn}")
    assert (book["title"], book["format"]) == ("Northanger Abbey", "paperback")


def test_a_large_file_is_uploaded_and_started(shop: Shop, bookseller: dict[str, str]) -> None:
    content = feed(830_000, 833_500).encode()
    announced = {"file_name": "../../large.csv", "size": len(content), "set": {"language": "en"}}
    json_type = {"Content_Type": "application/json"}
    key = {"Idempotency_Key": "large"}
    status, _, said = send(
        shop, "POST", "v1/admin/imports", json.dumps(announced).encode(),
        **bookseller, **json_type, **key,
    )  # fmt: skip
    assert (status, said["state"], said["file_name"]) == (201, "awaiting", "large.csv")
    address = said["upload"]["url"]
    start = f"v1/admin/imports/{said['id']}/start"
    status, _, problem = send(shop, "POST", start, **bookseller, **key)
    assert (status, problem["detail"]) == (409, "Its file has not arrived yet.")
    assert send(shop, "PUT", address[:-1] + ("0" if address[-1] != "0" else "1"), b"x")[0] == 404
    assert send(shop, "PUT", address, content[:-10])[0] == 204
    assert send(shop, "POST", start, **bookseller, **key)[0] == 409
    assert send(shop, "PUT", address, content)[0] == 204
    assert send(shop, "POST", start, **bookseller, **key)[0] == 202
    said = ended(shop, bookseller, said["id"])
    assert (said["state"], said["counts"]["added"]) == ("finished", 3500)
    assert said["bytes_read"] == said["size"] == len(content)
    assert send(shop, "POST", start, **bookseller, **key)[0] == 202
    assert send(shop, "PUT", address, content)[0] == 409


@pytest.mark.parametrize(
    ("content_type", "content", "reason"),
    [
        ("text/csv", b"PK\x03\x04...", "Excel"),
        ("application/xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "DOCTYPE"),
        ("text/csv", b"name\nA\n", "No column"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_why(
    shop: Shop, bookseller: dict[str, str], content_type: str, content: bytes, reason: str
) -> None:
    asked = {**bookseller, "Content_Type": content_type, "Idempotency_Key": f"bad-{reason[:2]}"}
    status, _, said = send(shop, "POST", "v1/admin/imports", content, **asked)
    assert (status, said["state"]) == (202, "failed")
    assert reason in said["failure"]


@pytest.mark.parametrize(
    ("number", "query"),
    [
        (1, "?set=authors=Austen,%20Jane,price=9.99,&map=title=Name,pages=Leaves"),
        (2, "?set=authors=Austen%2C+Jane&set=price=9.99&map=title=Name&map=pages=Leaves"),
        (3, "?set=price=9.99,,%20authors=Austen,Jane&map=pages=Leaves,title=Name"),
    ],
)
def test_a_value_in_the_query_may_have_commas(
    shop: Shop, bookseller: dict[str, str], number: int, query: str
) -> None:
    isbn = from_ten(f"{840_000 + number:09d}")
    asked = {**bookseller, "Content_Type": "text/csv", "Idempotency_Key": f"commas-{number}"}
    content = f"isbn,Name,Leaves\n{isbn},Emma,300\n".encode()
    status, _, said = send(shop, "POST", f"v1/admin/imports{query}", content, **asked)
    assert (status, said["counts"]["added"]) == (202, 1)
    _, _, book = send(shop, "GET", f"v1/books/{isbn}")
    assert [one["name"] for one in book["contributors"]] == ["Jane Austen"]
    assert (book["title"], book["pages"], book["price"]["amount"]) == ("Emma", 300, 999)


@pytest.mark.parametrize(
    ("query", "content_type", "content", "status"),
    [
        ("?stock=some", "text/csv", b"isbn\n", 400),
        ("?set=price", "text/csv", b"isbn\n", 400),
        ("?set=price=cheap", "text/csv", b"isbn\n", 400),
        ("?set=colour=red", "text/csv", b"isbn\n", 400),
        ("?set=stock=1,stock=2", "text/csv", b"isbn\n", 400),
        ("?map=colour=Shade", "text/csv", b"isbn\n", 400),
        ("", "application/json", b'{"file_name": "a.csv"}', 400),
        ("", "application/json", b'{"file_name": "a.csv", "size": 200000000}', 400),
        ("", "image/png", b"isbn\n", 415),
        ("", "text/csv", b"", 400),
        ("", "text/csv", b"x" * 1_100_000, 413),
    ],
)
def test_a_wrong_request_is_refused(
    shop: Shop,
    bookseller: dict[str, str],
    query: str,
    content_type: str,
    content: bytes,
    status: int,
) -> None:
    asked = {**bookseller, "Content_Type": content_type, "Idempotency_Key": "wrong"}
    assert send(shop, "POST", f"v1/admin/imports{query}", content, **asked)[0] == status


def test_imports_need_their_role_and_an_unknown_one_is_404(
    shop: Shop, bookseller: dict[str, str]
) -> None:
    shopper = {"Authorization": f"Bearer {shop.token()}"}
    assert send(shop, "GET", "v1/admin/imports/x", **shopper)[0] == 403
    assert send(shop, "GET", "v1/admin/imports/x", **bookseller)[0] == 404
