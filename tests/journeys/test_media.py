"""A bookseller sends in a cover and a sample; a browser gets them from the address in the book."""

import http.client
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import suppress
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from PIL import Image

from functions.inventory.media_model import PUBLIC, UPLOADS
from functions.inventory.service.media import Media
from functions.inventory.store.transactions import SqlTransactions
from shared.blobs.folder import FolderBlobs
from shared.kit.clock import MachineClock
from shared.kit.isbn import parse_isbn
from shared.sql.database import Database
from tests.conftest import Shop
from tests.journeys.test_shop import Reply, a_book, ask

ISBN = "9789990000047"
BOOK = f"v1/books/{ISBN}"


@pytest.fixture(scope="module")
def bookseller(shop: Shop) -> dict[str, str]:
    signed_in = {"Authorization": f"Bearer {shop.token('catalogue.write')}"}
    said = a_book(ISBN, title="A Book to Look at")
    created = ask(shop, "POST", "v1/admin/books", said, **signed_in, Idempotency_Key=ISBN)
    assert created.status == 201, created.content
    return signed_in


def send(shop: Shop, path: str, content: bytes, media_type: str, **headers: str) -> Reply:
    request = urllib.request.Request(f"{shop.base_url}/api/{path}", content, method="PUT")
    request.add_header("Content-Type", media_type)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Reply(
                answer.status,
                {name.lower(): value for name, value in answer.headers.items()},
                answer.read(),
            )
    except urllib.error.HTTPError as answer:
        return Reply(
            answer.code,
            {name.lower(): value for name, value in answer.headers.items()},
            answer.read(),
        )


def fetched(address: str) -> tuple[bytes, dict[str, str]]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read(), {name.lower(): value for name, value in answer.headers.items()}


def a_picture(colour: str) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (1000, 1500), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_cover_is_seen_by_the_next_reader_and_kept_by_every_cache(
    shop: Shop, bookseller: dict[str, str]
) -> None:
    path = f"v1/admin/books/{ISBN}/cover"
    before = ask(shop, "GET", BOOK)
    etag = before.headers["etag"]
    assert before.json["images"]["large"] is None
    assert send(shop, path, a_picture("red"), "image/jpeg", **bookseller).status == 428
    assert send(shop, path, a_picture("red"), "image/jpeg", If_Match=etag).status == 401
    put = send(shop, path, a_picture("red"), "image/jpeg", **bookseller, If_Match=etag)
    assert put.status == 200, put.content

    after = ask(shop, "GET", BOOK, If_None_Match=etag)
    assert (after.status, after.headers["etag"]) == (200, put.headers["etag"])
    assert ask(shop, "GET", BOOK, If_None_Match=after.headers["etag"]).status == 304
    assert after.json["images"] == put.json["images"]
    for size, width in {"thumbnail": 160, "small": 320, "large": 640}.items():
        picture, headers = fetched(after.json["images"][size])
        assert Image.open(BytesIO(picture)).width == width
        assert headers["content-type"] == "image/webp"
        assert headers["cache-control"] == "public, max-age=31536000, immutable"
        assert headers["x-content-type-options"] == "nosniff"

    replaced = send(
        shop, path, a_picture("blue"), "image/jpeg", **bookseller, If_Match=put.headers["etag"]
    )
    assert replaced.json["images"]["large"] != put.json["images"]["large"]
    assert fetched(put.json["images"]["large"])[0]  # a page that is still open goes on working


def test_a_cover_whose_process_died_is_made_by_the_queue(
    shop: Shop, bookseller: dict[str, str]
) -> None:
    """Here the process ends right after it took the cover in: nobody makes the sizes but the app's
    function, once the outbox's timer has sent the message."""
    isbn = "9789990000054"
    created = ask(
        shop,
        "POST",
        "v1/admin/books",
        a_book(isbn, title="A Cover in Two Steps"),
        **bookseller,
        Idempotency_Key=isbn,
    )
    assert created.status == 201, created.content
    database = Database(f"sqlite:///{(shop.state / 'inventory.db').as_posix()}")
    blobs = shop.state / "blobs"
    media = Media(
        SqlTransactions(database, MachineClock()),
        FolderBlobs(blobs / UPLOADS, "http://uploads.test"),
        FolderBlobs(blobs / PUBLIC, "http://cdn.test"),
        "http://cdn.test",
    )
    media.accept_cover(parse_isbn(isbn), a_picture("green"), "image/jpeg", ["*"])
    database.dispose()
    last_call = time.monotonic() + 60
    while (large := ask(shop, "GET", f"v1/books/{isbn}").json["images"]["large"]) is None:
        assert time.monotonic() < last_call, "the sizes were not made"
        with suppress(subprocess.TimeoutExpired):
            shop.process.wait(0.2)
    assert fetched(large)[0]


def test_a_sample_is_read_at_its_address(shop: Shop, bookseller: dict[str, str]) -> None:
    text = "It was a dark and stormy night …".encode()
    path = f"v1/admin/books/{ISBN}/sample"
    put = send(shop, path, text, "text/plain; charset=utf-8", **bookseller, If_Match="*")
    assert put.status == 200, put.content
    address = ask(shop, "GET", BOOK).json["sample"]
    content, headers = fetched(address)
    assert content == text
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_picture_that_cannot_be_used_is_a_problem_that_says_why(
    shop: Shop, bookseller: dict[str, str]
) -> None:
    path = f"v1/admin/books/{ISBN}/cover"
    broken = a_picture("red")[:900]
    for content, media_type, status, word in (
        (broken, "image/jpeg", 422, "broken"),
        (a_picture("red"), "image/png", 415, "image/jpeg"),
        (b"\xff\xd8\xff" + b"\0" * (10 * 1024 * 1024), "image/jpeg", 413, "bytes"),
    ):
        reply = send(shop, path, content, media_type, **bookseller, If_Match="*")
        assert reply.status == status
        assert word in reply.json["detail"]


@pytest.mark.parametrize(
    "path",
    [
        f"/cdn/../uploads/covers/{ISBN}/x.jpg",
        "/cdn/%2e%2e/uploads/",
        "/cdn/..%2fuploads/",
        "/cdn/..%5c..%5cinventory.db",
        "/cdn/%c0%ae%c0%ae/inventory.db",
        "/cdn/covers/%00.webp",
        "/cdn//etc/passwd",
        "/cdn/C:/Windows/win.ini",
        "/cdn/covers/%e2%88%95..%e2%88%95inventory.db",
        "/cdn/",
        "/cdn/covers",
        "/cdn/uploads/",
        "/cdn/" + "a" * 5_000,
    ],
)
def test_what_was_sent_in_is_not_public(shop: Shop, path: str) -> None:
    """Paths are sent as they are, without the tidying of a browser."""
    connection = http.client.HTTPConnection(urlsplit(shop.base_url).netloc, timeout=10)
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.endheaders()
    assert connection.getresponse().status in (400, 404)
    connection.close()
