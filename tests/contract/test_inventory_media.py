"""Covers and samples, from request to what readers see."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from PIL import Image
from sqlalchemy import select

from functions.inventory.media_model import MEDIA_UPLOADS, UPLOADS, named_by
from functions.inventory.model import Cover, ReplacedBook
from functions.inventory.service.media import Media
from functions.inventory.store.tables import outbox
from functions.inventory.store.transactions import SqlTransactions
from functions.inventory.triggers import media as routes
from functions.inventory.triggers import messages
from shared.blobs.folder import FolderBlobs
from shared.blobs.port import content_name
from shared.kit.provider import Provider
from tests.support.calls import Caller
from tests.support.inventory import Shelves, a_book, isbn

ANNA = "anna-catalogue.write"
PATH = {"isbn": isbn(1)}
TEXT = "It is a truth universally acknowledged …\n".encode()
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


def a_picture(colour: str = "red", kind: str = "JPEG") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (400, 600), colour).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def public(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "public", "http://cdn.test")


@pytest.fixture
def uploads(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "uploads", "http://uploads.test")


@pytest.fixture
def media(shelves: Shelves, uploads: FolderBlobs, public: FolderBlobs) -> Media:
    shelves.put(a_book())
    transactions = SqlTransactions(shelves.database, shelves.clock)
    return Media(transactions, uploads, public, "http://cdn.test")


@pytest.fixture
def caller(media: Media) -> Caller:
    caller = Caller("inventory")
    routes.register(caller.api, Provider(lambda: media))
    return caller


def put_cover(
    caller: Caller, content: bytes, media_type: str = "image/jpeg", if_match: str = "*"
) -> func.HttpResponse:
    return caller.send(
        "inventory_put_cover",
        content,
        path=PATH,
        token=ANNA,
        content_type=media_type,
        if_match=if_match,
    )


def put_sample(
    caller: Caller, content: bytes, media_type: str = "text/plain", if_match: str = "*"
) -> func.HttpResponse:
    return caller.send(
        "inventory_put_sample",
        content,
        path=PATH,
        token=ANNA,
        content_type=media_type,
        if_match=if_match,
    )


def problem(response: func.HttpResponse) -> tuple[int, str]:
    content = json.loads(response.get_body())
    return response.status_code, content["type"].rpartition("/")[2]


def images(media: Media) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(media.book(isbn(1)).body)["images"]
    return found


def test_a_cover_is_shown_in_every_size_and_the_original_kept(
    caller: Caller, uploads: FolderBlobs, public: FolderBlobs
) -> None:
    content = a_picture()
    response = put_cover(caller, content)
    assert response.status_code == 200, response.get_body()
    assert response.headers["ETag"] == '"m2-s2"'
    shown = json.loads(response.get_body())["images"]
    for size, width in {"thumbnail": 160, "small": 320, "large": 400}.items():
        blob = public.get(shown[size].removeprefix("http://cdn.test/"))
        assert blob is not None
        assert blob.content_type == "image/webp"
        assert Image.open(BytesIO(blob.data)).width == width
    large = public.get(shown["large"].removeprefix("http://cdn.test/"))
    assert large is not None
    assert content_name(large.data) in shown["large"]
    assert shown["placeholder_colour"] == "#fe0000"
    original = uploads.get(f"covers/{isbn(1)}/{content_name(content)}.jpg")
    assert original is not None
    assert original.data == content


def test_a_cover_needs_the_version_that_was_read(caller: Caller) -> None:
    assert problem(put_cover(caller, a_picture(), if_match='"m7-s1"')) == (
        412,
        "precondition-failed",
    )
    assert put_cover(caller, a_picture(), if_match='"m1-s1"').status_code == 200
    again = put_cover(caller, a_picture("blue"), if_match='"m1-s1"')
    assert problem(again) == (412, "precondition-failed")
    assert again.headers["ETag"] == '"m2-s2"'


def test_a_cover_of_an_unknown_book_is_not_even_looked_at(caller: Caller) -> None:
    response = caller.send(
        "inventory_put_cover",
        b"no picture",
        path={"isbn": isbn(2)},
        token=ANNA,
        content_type="image/png",
        if_match="*",
    )
    assert problem(response) == (404, "unknown-book")


@pytest.mark.parametrize(
    ("content", "media_type", "status", "kind"),
    [
        (a_picture(), "image/png", 415, "media-mismatch"),
        (a_picture(), "image/gif", 415, "unsupported-media-type"),
        (a_picture(), "text/html", 415, "unsupported-media-type"),
        (b"<script>", "image/jpeg", 415, "media-mismatch"),
        (b"<script>", "application/octet-stream", 415, "media-mismatch"),
        (a_picture()[:500], "image/jpeg", 422, "media-refused"),
        (b"\xff" * (10 * 1024 * 1024 + 1), "image/jpeg", 413, "body-too-large"),
        (b"", "image/jpeg", 400, "bad-input"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_refused_cover_leaves_everything_as_it_was(
    caller: Caller, media: Media, tmp_path: Path, content: bytes, media_type: str, status: int,
    kind: str,
) -> None:  # fmt: skip
    assert problem(put_cover(caller, content, media_type)) == (status, kind)
    assert images(media)["large"] is None
    assert media.book(isbn(1)).etag == '"m1-s1"'
    assert not (tmp_path / "uploads").exists()
    assert not (tmp_path / "public").exists()


def upload_events(shelves: Shelves) -> list[bytes]:
    """What lies on the queue of uploads, in order."""
    queue = outbox.c.destination == MEDIA_UPLOADS
    with shelves.database.primary() as connection:
        rows = connection.execute(
            select(outbox.c.session, outbox.c.body).where(queue).order_by(outbox.c.sequence)
        ).all()
    assert {row.session for row in rows} <= {None}, "the queue has no sessions"
    return [row.body for row in rows]


def test_the_event_is_the_one_that_azure_would_send(media: Media, shelves: Shelves) -> None:
    content = a_picture("red", "PNG")
    subject = media.accept_cover(isbn(1), content, "image/png", ["*"])
    name = f"covers/{isbn(1)}/{content_name(content)}.png"
    [body] = upload_events(shelves)
    said = json.loads(body)
    assert said["type"] == "Microsoft.Storage.BlobCreated"
    assert said["specversion"] == "1.0"
    assert said["subject"] == subject == f"/blobServices/default/containers/uploads/blobs/{name}"
    assert said["data"] == {
        "api": "PutBlob",
        "blobType": "BlockBlob",
        "url": f"http://uploads.test/{name}",
        "contentType": "image/png",
        "contentLength": len(content),
        "eTag": content_name(content),
    }


def test_sizes_that_were_broken_off_are_made_by_the_queue(media: Media, shelves: Shelves) -> None:
    media.accept_cover(isbn(1), a_picture("red"), "image/jpeg", ["*"])
    media.accept_cover(isbn(1), a_picture("blue"), "image/jpeg", ["*"])
    assert images(media)["large"] is None
    caller = Caller("inventory")
    messages.register_uploads(caller.api.blueprint, Provider(lambda: media))
    first, second = upload_events(shelves)
    caller.deliver("inventory_make_cover_sizes", first)
    assert images(media)["large"] is None, "another one is expected by now"
    for body in (second, second, first):
        caller.deliver("inventory_make_cover_sizes", body)
    assert images(media)["placeholder_colour"] == "#0000fe"


def test_an_event_from_azure_itself_is_understood(media: Media) -> None:
    """As Event Grid delivers it to a queue: all in one, with longer names than ours."""
    content = a_picture()
    subject = media.accept_cover(isbn(1), content, "image/jpeg", ["*"])
    account = "/".join(
        (
            "/subscriptions/00000000-0000-0000-0000-000000000000",
            "resourceGroups/the-bookstore/providers/Microsoft.Storage/storageAccounts/bookstore",
        )
    )
    event = {
        "source": account,
        "subject": subject,
        "type": "Microsoft.Storage.BlobCreated",
        "time": "2026-06-26T18:41:00.9584103Z",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "data": {
            "api": "PutBlob",
            "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760",
            "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
            "eTag": "0x8D4BCC2E4835CD0",
            "contentType": "image/jpeg",
            "contentLength": len(content),
            "blobType": "BlockBlob",
            "url": "https://bookstore.blob.example/uploads/covers/a.jpg",
            "sequencer": "00000000000004420000000000028963",
            "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
        },
        "specversion": "1.0",
    }
    caller = Caller("inventory")
    messages.register_uploads(caller.api.blueprint, Provider(lambda: media))
    caller.deliver("inventory_make_cover_sizes", json.dumps(event).encode())
    assert images(media)["placeholder_colour"] == "#fe0000"


def test_whoever_makes_the_sizes_finds_them_shown_at_the_end(media: Media) -> None:
    """The queue may be at it while the one who sent the cover in still waits for his answer."""
    subject = media.accept_cover(isbn(1), a_picture(), "image/jpeg", ["*"])
    together = threading.Barrier(4)

    def make(_number: int) -> bool:
        together.wait()
        media.make_sizes(subject)
        return images(media)["large"] is not None

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(make, range(4))) == [True] * 4


def test_an_event_that_comes_twice_counts_once(media: Media) -> None:
    event = media.accept_cover(isbn(1), a_picture(), "image/jpeg", ["*"])
    media.make_sizes(event)
    once = media.book(isbn(1))
    media.make_sizes(event)
    assert media.book(isbn(1)) == once


def test_of_two_covers_the_later_is_shown_in_whatever_order_their_sizes_are_made(
    media: Media,
) -> None:
    first = media.accept_cover(isbn(1), a_picture("red"), "image/jpeg", ["*"])
    second = media.accept_cover(isbn(1), a_picture("blue"), "image/jpeg", ["*"])
    media.make_sizes(second)
    media.make_sizes(first)
    assert images(media)["placeholder_colour"] == "#0000fe"


def test_sizes_that_were_not_made_are_made_when_the_event_comes_again(
    media: Media, uploads: FolderBlobs
) -> None:
    content = a_picture()
    event = media.accept_cover(isbn(1), content, "image/jpeg", ["*"])
    name = named_by(event, UPLOADS)
    assert name is not None
    uploads.delete(name)
    with pytest.raises(LookupError):
        media.make_sizes(event)
    assert images(media)["large"] is None
    uploads.put(name, content, "image/jpeg", "private")
    media.make_sizes(event)
    assert images(media)["large"] is not None


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "/blobServices/default/containers/public/blobs/covers/a.webp",
        "/blobServices/default/containers/uploads/blobs/../../etc/passwd",
        "/blobServices/default/containers/uploads/blobs/covers/9780000000019/%2e%2e/x.png",
        "/blobServices/default/containers/uploads/blobs/imports/a.csv",
    ],
)
def test_an_event_about_anything_else_is_left_alone(media: Media, subject: str) -> None:
    media.make_sizes(subject)
    assert media.book(isbn(1)).etag == '"m1-s1"'


def test_a_drawn_cover_never_replaces_one_that_was_sent_in(media: Media, shelves: Shelves) -> None:
    missing = shelves.catalogue.without_cover(isbn(0), 10)
    assert list(missing) == [isbn(1)]
    media.make_sizes(media.accept_cover(isbn(1), a_picture(), "image/jpeg", ["*"]))
    assert shelves.catalogue.without_cover(isbn(0), 10) == {}
    sent_in = images(media)
    shelves.catalogue.put_covers({isbn(1): Cover("drawn", "#123456")})
    assert images(media) == sent_in


def test_a_cover_outlives_a_change_of_the_book(media: Media, shelves: Shelves) -> None:
    media.make_sizes(media.accept_cover(isbn(1), a_picture(), "image/jpeg", ["*"]))
    sent_in = images(media)
    said = a_book().model_dump(exclude={"isbn", "stock", "work_of"})
    shelves.catalogue.replace(isbn(1), ReplacedBook(**{**said, "title": "Emma"}), ["*"])
    assert images(media) == sent_in


@pytest.mark.parametrize(
    ("content", "media_type", "ending"),
    [
        (TEXT, "text/plain", "txt"),
        (PDF, "application/pdf", "pdf"),
        (TEXT, "application/octet-stream", "txt"),
        (PDF, "application/octet-stream", "pdf"),
    ],
)
def test_a_sample_is_shown_by_its_address(
    caller: Caller, public: FolderBlobs, content: bytes, media_type: str, ending: str
) -> None:
    response = put_sample(caller, content, media_type, '"m1-s1"')
    assert response.status_code == 200, response.get_body()
    assert response.headers["ETag"].startswith('"m2-')
    address = json.loads(response.get_body())["sample"]
    assert address == f"http://cdn.test/samples/{content_name(content)}.{ending}"
    blob = public.get(address.removeprefix("http://cdn.test/"))
    assert blob is not None
    assert blob.data == content
    assert blob.content_type == {"txt": "text/plain", "pdf": "application/pdf"}[ending]


def test_a_book_without_a_sample_says_so(media: Media) -> None:
    assert json.loads(media.book(isbn(1)).body)["sample"] is None


def test_a_byte_order_mark_is_left_out(caller: Caller, public: FolderBlobs) -> None:
    response = put_sample(caller, b"\xef\xbb\xbf" + TEXT)
    assert content_name(TEXT) in json.loads(response.get_body())["sample"]


def test_another_sample_replaces_the_first_beside_the_cover(caller: Caller, media: Media) -> None:
    put_cover(caller, a_picture())
    put_sample(caller, TEXT)
    shown = json.loads(put_sample(caller, PDF, "application/pdf").get_body())
    assert shown["sample"].endswith(".pdf")
    assert shown["images"]["large"] is not None


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (TEXT, "text/html", 415),
        (TEXT, "application/epub+zip", 415),
        (TEXT, "application/pdf", 415),
        (PDF, "text/plain", 415),
        ("naïve".encode("latin-1"), "text/plain", 415),
        ("naïve".encode("utf-16"), "text/plain", 415),
        (b"a\x00b", "text/plain", 422),
        (b"a\x1b[2Jb", "text/plain", 422),
        (b" \n", "text/plain", 422),
        (b"\xef\xbb\xbf", "text/plain", 422),
        (PDF[:-8], "application/pdf", 422),
        (b"\x89PNG", "application/octet-stream", 415),
        (b"", "text/plain", 400),
    ],
)
def test_what_is_no_sample_is_refused(
    caller: Caller, media: Media, content: bytes, media_type: str, status: int
) -> None:
    assert problem(put_sample(caller, content, media_type))[0] == status
    assert media.book(isbn(1)).etag == '"m1-s1"'
