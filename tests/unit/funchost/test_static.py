import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from starlette.types import Message, Scope

from funchost.static import StaticMount, content_type

TEXT = b"0123456789"
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    blobs = tmp_path / "blobs"
    (blobs / "covers").mkdir(parents=True)
    (blobs / "a.txt").write_bytes(TEXT)
    (blobs / "covers" / "é 1%.svg").write_bytes(b"<svg/>")
    (blobs / "empty.bin").write_bytes(b"")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return blobs


@pytest.fixture
async def client(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = StaticMount("/cdn/", folder, {"cache-control": IMMUTABLE})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://host") as client:
        yield client


async def raw_get(app: StaticMount, path: str, *, raw: bool = True) -> tuple[int, bytes]:
    """Without a client, which would tidy the path up."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode("latin-1") if raw else None,
        "headers": [],
    }
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message["body"] for message in sent[1:])


async def test_a_file_is_sent_with_its_type_and_validators(client: httpx.AsyncClient) -> None:
    answer = await client.get("/cdn/a.txt")
    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-length"] == "10"
    assert answer.headers["cache-control"] == IMMUTABLE
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "etag" in answer.headers
    assert "last-modified" in answer.headers


async def test_head_sends_the_headers_of_get_alone(client: httpx.AsyncClient) -> None:
    got, head = await client.get("/cdn/a.txt"), await client.head("/cdn/a.txt")
    assert head.headers == got.headers
    assert head.content == b""


async def test_encoded_names_are_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/cdn/covers/" + quote("é 1%.svg"))
    assert answer.content == b"<svg/>"
    assert answer.headers["content-type"] == "image/svg+xml; charset=utf-8"


async def test_a_server_that_gives_only_the_decoded_path_is_served_too(folder: Path) -> None:
    app = StaticMount("/cdn/", folder, None)
    path = "/cdn/covers/é 1%.svg"
    assert await raw_get(app, path, raw=False) == (200, b"<svg/>")


async def test_a_large_file_arrives_whole(client: httpx.AsyncClient, folder: Path) -> None:
    data = os.urandom(700_000)
    (folder / "big.webp").write_bytes(data)
    assert (await client.get("/cdn/big.webp")).content == data
    part = await client.get("/cdn/big.webp", headers={"range": "bytes=300000-699998"})
    assert part.content == data[300000:699999]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/cdn/a.txt")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/cdn/none.txt",
        "/cdn/",
        "/cdn/covers",
        "/cdn/covers/",
        "/cdn/a.txt/",
        "/cdn/a.txt/b",
        "/cdn//a.txt",
        "/cdn/../secret.txt",
        "/cdn/%2e%2e/secret.txt",
        "/cdn/.%2E/secret.txt",
        "/cdn/..%2fsecret.txt",
        "/cdn/%2e%2e%2fsecret.txt",
        "/cdn/..%5csecret.txt",
        "/cdn/..\\secret.txt",
        "/cdn/%252e%252e/secret.txt",
        "/cdn/covers/../a.txt",
        "/cdn/./a.txt",
        "/cdn/a.txt%00",
        "/cdn/a.txt%00.svg",
        "/cdn/%0aa.txt",
        "/cdn/C:/secret.txt",
        "/cdn/a.txt::$DATA",
        "/cdn/%2fetc/passwd",
        "/cdn//etc/passwd",
        "/cdn/%c0%ae%c0%ae/secret.txt",
        "/cdn/%ff",
        "/cdn/%E2%80%A5/secret.txt",
        "/cdn/" + "x" * 5000,
        "/other/a.txt",
        "/cdnx/a.txt",
    ],
)
async def test_whatever_is_no_plain_name_of_a_file_answers_404(folder: Path, path: str) -> None:
    status, body = await raw_get(StaticMount("/cdn/", folder, None), path)
    assert (status, body) == (404, b"")


async def test_a_link_that_leads_out_of_the_folder_answers_404(folder: Path) -> None:
    (folder / "out.txt").symlink_to(folder.parent / "secret.txt")
    (folder / "up").symlink_to(folder.parent)
    (folder / "in.txt").symlink_to(folder / "a.txt")
    app = StaticMount("cdn", folder, None)
    assert await raw_get(app, "/cdn/out.txt") == (404, b"")
    assert await raw_get(app, "/cdn/up/secret.txt") == (404, b"")
    assert await raw_get(app, "/cdn/in.txt") == (200, TEXT)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are a matter of POSIX")
async def test_a_pipe_answers_404_and_does_not_wait(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert await raw_get(StaticMount("/cdn/", folder, None), "/cdn/pipe") == (404, b"")


async def test_a_folder_that_is_not_there_answers_404(tmp_path: Path) -> None:
    app = StaticMount("/cdn/", tmp_path / "later", None)
    assert await raw_get(app, "/cdn/a.txt") == (404, b"")
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "a.txt").write_bytes(TEXT)
    assert await raw_get(app, "/cdn/a.txt") == (200, TEXT)


@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, TEXT, "bytes 0-9/10"),
        ("bytes=0-999", 206, TEXT, "bytes 0-9/10"),
        ("bytes=9-9", 206, b"9", "bytes 9-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-4", 200, TEXT, None),
        ("bytes=-", 200, TEXT, None),
        ("bytes=x-y", 200, TEXT, None),
        ("bytes=0-1,3-4", 200, TEXT, None),
        ("lines=0-1", 200, TEXT, None),
        ("bytes=" + "9" * 5000 + "-", 200, TEXT, None),
    ],
)
async def test_one_range_of_bytes_is_honoured(
    client: httpx.AsyncClient, wanted: str, status: int, body: bytes, content_range: str | None
) -> None:
    answer = await client.get("/cdn/a.txt", headers={"range": wanted})
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers.get("content-range") == content_range
    assert answer.headers["content-length"] == str(len(body))


async def test_an_empty_file_has_no_range(client: httpx.AsyncClient) -> None:
    assert (await client.get("/cdn/empty.bin")).content == b""
    answer = await client.get("/cdn/empty.bin", headers={"range": "bytes=0-"})
    assert answer.status_code == 416


async def test_head_ignores_a_range(client: httpx.AsyncClient) -> None:
    answer = await client.head("/cdn/a.txt", headers={"range": "bytes=0-3"})
    assert (answer.status_code, answer.headers["content-length"]) == (200, "10")


async def test_a_range_counts_only_for_the_file_that_if_range_names(
    client: httpx.AsyncClient,
) -> None:
    known = (await client.get("/cdn/a.txt")).headers
    for validator, status in [
        (known["etag"], 206),
        (known["last-modified"], 206),
        ('"other"', 200),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 200),
    ]:
        headers = {"range": "bytes=0-3", "if-range": validator}
        assert (await client.get("/cdn/a.txt", headers=headers)).status_code == status


async def test_an_unchanged_file_answers_304(client: httpx.AsyncClient) -> None:
    known = (await client.get("/cdn/a.txt")).headers
    for headers in (
        {"if-none-match": known["etag"]},
        {"if-none-match": f'"x", W/{known["etag"]}'},
        {"if-none-match": "*"},
        {"if-modified-since": known["last-modified"]},
        {"if-none-match": known["etag"], "range": "bytes=0-3"},
    ):
        answer = await client.get("/cdn/a.txt", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == known["etag"]
        assert answer.headers["cache-control"] == IMMUTABLE
        assert "content-length" not in answer.headers


async def test_a_changed_file_is_sent_anew(client: httpx.AsyncClient, folder: Path) -> None:
    known = (await client.get("/cdn/a.txt")).headers
    (folder / "a.txt").write_bytes(b"new text")
    os.utime(folder / "a.txt", (2_000_000_000, 2_000_000_000))
    for headers in (
        {"if-none-match": known["etag"]},
        {"if-modified-since": known["last-modified"]},
        {"if-none-match": '"x"', "if-modified-since": "Mon, 01 Jan 2091 00:00:00 GMT"},
        {"if-modified-since": "not a date"},
    ):
        assert (await client.get("/cdn/a.txt", headers=headers)).content == b"new text"


async def test_an_index_is_sent_for_a_path_that_ends_in_a_slash(folder: Path) -> None:
    (folder / "index.html").write_bytes(b"<p>home")
    app = StaticMount("/", folder, None, index="index.html")
    assert await raw_get(app, "/") == (200, b"<p>home")
    assert await raw_get(app, "/a.txt") == (200, TEXT)
    assert await raw_get(app, "/covers/") == (404, b"")
    assert await raw_get(app, "/covers") == (404, b"")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.AVIF", "image/avif"),
        ("a.webp", "image/webp"),
        ("a.png", "image/png"),
        ("a.jpg", "image/jpeg"),
        ("a.woff2", "font/woff2"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.webmanifest", "application/manifest+json; charset=utf-8"),
        ("a.pdf", "application/pdf"),
        ("a.epub", "application/epub+zip"),
        ("a.unheard-of", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_content_type_follows_the_ending(name: str, expected: str) -> None:
    assert content_type(name) == expected
