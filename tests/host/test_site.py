"""A static site beside the functions: `--site` and `--site-headers`."""

import json
from pathlib import Path

import pytest

from tests.host.conftest import HostFactory, HostProcess

APP = """
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="hello")
def hello(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("a function")
"""
HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Of-The-Site": "yes"}


@pytest.fixture(scope="module")
def host(hosts: HostFactory, tmp_path_factory: pytest.TempPathFactory) -> HostProcess:
    folder = tmp_path_factory.mktemp("site")
    site = folder / "site"
    (site / "staff").mkdir(parents=True)
    (site / "api").mkdir()
    for name, text in {
        "index.html": "home",
        "404.html": "not here",
        "staff/index.html": "staff",
        "scripts.js": "export {};",
        "api/hello": "a file",
        "api/file.txt": "a file",
    }.items():
        (site / name).write_text(text, "utf-8")
    (folder / "secret.txt").write_text("secret", "utf-8")
    (site / "out.txt").symlink_to(folder / "secret.txt")
    headers = folder / "headers.json"
    headers.write_text(json.dumps(HEADERS), "utf-8")
    return hosts.start(APP, f"--site={site}", f"--site-headers={headers}")


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("/", "home", "text/html; charset=utf-8"),
        ("/?q=1", "home", "text/html; charset=utf-8"),
        ("/staff/", "staff", "text/html; charset=utf-8"),
        ("/scripts.js", "export {};", "text/javascript; charset=utf-8"),
    ],
)
def test_files_and_the_pages_of_folders_are_served(
    host: HostProcess, path: str, text: str, kind: str
) -> None:
    answer = host.get(path)
    assert (answer.status, answer.text, answer.header("content-type")) == (200, text, kind)
    for name, said in HEADERS.items():
        assert answer.header(name) == said
    assert answer.header("cache-control") == "no-cache"


@pytest.mark.parametrize("path", ["/nothing.html", "/staff", "/staff/nothing/", "/nothing/"])
def test_what_is_not_there_is_told_on_the_sites_own_page(host: HostProcess, path: str) -> None:
    answer = host.get(path)
    assert (answer.status, answer.text) == (404, "not here")
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.header("x-of-the-site") == "yes"
    assert answer.header("etag") is None


def test_head_answers_as_get_does_without_the_body(host: HostProcess) -> None:
    for path in ("/", "/nothing.html"):
        whole, head = host.get(path), host.request("HEAD", path)
        assert (head.status, head.body) == (whole.status, b"")
        for name in ("content-length", "content-type", "x-of-the-site"):
            assert head.header(name) == whole.header(name)


def test_what_a_browser_has_is_not_sent_again(host: HostProcess) -> None:
    tag = host.get("/scripts.js").header("etag")
    assert tag is not None
    again = host.get("/scripts.js", {"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert again.header("x-of-the-site") == "yes"
    assert host.get("/scripts.js", {"If-None-Match": '"another"'}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/staff/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/out.txt",
        "/staff/..%5c..%5csecret.txt",
        "//secret.txt",
    ],
)
def test_nothing_outside_the_folder_is_served(host: HostProcess, path: str) -> None:
    answer = host.get(path)
    assert answer.status in (400, 404)
    assert b"secret" not in answer.body


def test_a_function_answers_before_a_file(host: HostProcess) -> None:
    answer = host.get("/api/hello")
    assert (answer.status, answer.text) == (200, "a function")
    assert answer.header("x-of-the-site") is None
    assert host.get("/api/file.txt").text == "a file"
    assert host.get("/admin/host/ping").status == 200


def test_a_site_takes_no_other_methods(host: HostProcess) -> None:
    answer = host.post("/scripts.js", b"export {};")
    assert (answer.status, answer.header("allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ("[]", "is not an object"),
        ("{", "cannot be read"),
        (r'{"A": "b\nC: d"}', "is not an object"),
        ('{"A B": "c"}', "is not an object"),
        ('{"A": 1}', "is not an object"),
    ],
)
def test_headers_that_are_none_end_the_start(
    hosts: HostFactory, tmp_path: Path, headers: str, named: str
) -> None:
    file = tmp_path / "headers.json"
    file.write_text(headers, "utf-8")
    refused = hosts.launch(hosts.write(APP), f"--site={tmp_path}", f"--site-headers={file}")
    assert refused.process.wait(30) != 0
    assert named in refused.log


def test_a_site_that_is_not_there_ends_the_start(hosts: HostFactory, tmp_path: Path) -> None:
    refused = hosts.launch(hosts.write(APP), f"--site={tmp_path / 'nothing'}")
    assert refused.process.wait(30) != 0
    assert "does not exist" in refused.log
