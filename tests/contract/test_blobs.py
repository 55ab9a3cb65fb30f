"""What a blob store promises, whichever it is."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from shared.blobs.azure import AzureBlobs, AzureStorage
from shared.blobs.folder import FolderBlobs
from shared.blobs.port import IMMUTABLE, Blob, BlobExists, BlobStore, content_name

NAME = "covers/0a1b-large.webp"


@pytest.fixture(params=["folder", "azure"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return FolderBlobs(tmp_path / "blobs", "http://cdn.test/")
    storage: AzureStorage = request.getfixturevalue("azure_storage")
    name = f"blobs-{uuid4().hex}"
    storage.container(name).create_container()
    return AzureBlobs(storage, name)


def put(blobs: BlobStore, data: bytes, name: str = NAME) -> None:
    blobs.put(name, data, "image/webp", IMMUTABLE)


def test_a_blob_is_got_as_it_was_put(blobs: BlobStore) -> None:
    put(blobs, b"picture")
    assert blobs.get(NAME) == Blob(b"picture", "image/webp")
    assert blobs.exists(NAME)
    assert blobs.url(NAME).endswith(f"/{NAME}")


def test_what_is_not_there_is_none(blobs: BlobStore) -> None:
    assert blobs.get(NAME) is None
    assert not blobs.exists(NAME)
    blobs.delete(NAME)
    put(blobs, b"picture")
    assert blobs.get("covers") is None
    assert not blobs.exists("covers")


def test_a_deleted_blob_is_gone(blobs: BlobStore) -> None:
    put(blobs, b"picture")
    blobs.delete(NAME)
    assert blobs.get(NAME) is None


def test_a_name_stands_for_its_content_for_ever(blobs: BlobStore) -> None:
    put(blobs, b"picture")
    put(blobs, b"picture")
    with pytest.raises(BlobExists):
        put(blobs, b"another picture")
    assert blobs.get(NAME) == Blob(b"picture", "image/webp")


def test_the_name_says_the_type(blobs: BlobStore) -> None:
    with pytest.raises(ValueError, match="image/webp"):
        put(blobs, b"picture", "covers/a.html")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../secret.webp",
        "covers/../../secret.webp",
        "covers/..",
        "covers//a.webp",
        "covers/a..webp",
        "covers\\a.webp",
        "covers/\0.webp",
        "covers/a.webp\n",
        ".hidden.webp",
        "c:/a.webp",
        "Covers/A.webp",
        "covers/a.webp.",
        "covers./a.webp",
        "covers/ a.webp",
        "covers/%2e%2e/a.webp",
        "covers/\u2215a.webp",
        "covers/\uff0e\uff0e/a.webp",
        "covers/a\u202ewebp",
        "//host/share/a.webp",
        "file:///etc/passwd",
        "covers/nul.webp",
        "com1/a.webp",
        "covers/a.webp:stream",
        "a" * 300,
    ],
)
def test_a_name_cannot_leave_the_store(blobs: BlobStore, name: str) -> None:
    for act in (blobs.get, blobs.exists, blobs.delete, blobs.url, lambda it: put(blobs, b"", it)):
        with pytest.raises(ValueError, match="not the name of a blob"):
            act(name)


def test_in_a_folder_a_bad_name_or_a_put_that_fails_leaves_nothing(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs", "http://cdn.test/")
    with pytest.raises(ValueError, match="not the name of a blob"):
        put(blobs, b"", "../a.webp")
    assert list(tmp_path.iterdir()) == []
    blobs.put("covers", b"picture", "application/octet-stream", IMMUTABLE)
    with pytest.raises(OSError, match="covers"):
        put(blobs, b"picture")
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["covers"]
    assert blobs.url(NAME) == f"http://cdn.test/{NAME}"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("covers/a.webp", "image/webp"),
        ("covers/a.avif", "image/avif"),
        ("covers/a.jpg", "image/jpeg"),
        ("covers/a.png", "image/png"),
        ("samples/a.txt", "text/plain"),
        ("samples/a.pdf", "application/pdf"),
        ("imports/a.csv", "text/csv"),
        ("imports/a", "application/octet-stream"),
    ],
)
def test_a_blob_comes_back_as_what_its_name_says(
    blobs: BlobStore, name: str, content_type: str
) -> None:
    blobs.put(name, b"content", content_type, IMMUTABLE)
    assert blobs.get(name) == Blob(b"content", content_type)


def test_many_may_put_the_same_blob_at_once(blobs: BlobStore, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: put(blobs, b"x" * 100_000), range(8)))
    assert blobs.get(NAME) == Blob(b"x" * 100_000, "image/webp")
    assert len([file for file in tmp_path.rglob("*.webp*") if file.is_file()]) <= 1


def test_readers_see_a_whole_blob_or_none(blobs: BlobStore) -> None:
    content = b"x" * 1_000_000
    seen: set[int | None] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            blob = blobs.get(NAME)
            seen.add(None if blob is None else len(blob.data))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        put(blobs, content)
        blobs.delete(NAME)
    done.set()
    reader.join()
    assert seen <= {None, len(content)}


def test_only_the_same_content_has_the_same_name() -> None:
    assert content_name(b"a") == content_name(b"a") != content_name(b"b")
    assert len(content_name(b"a")) == 32
