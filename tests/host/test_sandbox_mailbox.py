"""The sandbox's mailbox: what it takes, keeps, shows, and how it fails when it is told to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stripe import stripe_sandbox


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with stripe_sandbox(tmp_path_factory.mktemp("mailbox")) as sandbox:
        yield sandbox.http


@pytest.fixture
def http(running: httpx.Client) -> Iterator[httpx.Client]:
    yield running
    running.delete("/mailbox/messages")
    running.post("/admin/mailbox/faults", json={"reset": True})


def mail(identity: str = "m-1", **changes: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "message_id": f"<{identity}@books.test>",
        "from": "Books <orders@books.test>",
        "to": "anna@example.org",
        "to_name": "Anna",
        "subject": "Your <order>",
        "text": "Hello & welcome",
        "html": "<html><head></head><body><script>alert(1)</script><p>Hello</p></body></html>",
        "headers": {},
        **changes,
    }


def listed(http: httpx.Client, query: str = "") -> list[str]:
    return [one["id"] for one in http.get(f"/mailbox/messages{query}").json()["items"]]


def test_mails_are_listed_the_newest_first_and_by_recipient(http: httpx.Client) -> None:
    http.post("/mailbox/messages", json=mail("m-1"))
    http.post("/mailbox/messages", json=mail("m-2", to="Eve@Example.org"))
    assert listed(http) == ["m-2", "m-1"]
    assert listed(http, "?to=eve@example.org") == ["m-2"]
    assert http.get("/mailbox/messages/m-1").json()["text"] == "Hello & welcome"
    assert http.get("/mailbox/messages/m-9").status_code == 404
    assert http.delete("/mailbox/messages").status_code == 204
    assert listed(http) == []


def test_the_same_id_is_the_same_mail(http: httpx.Client) -> None:
    assert http.post("/mailbox/messages", json=mail()).status_code == 201
    assert http.post("/mailbox/messages", json=mail(subject="Another")).status_code == 200
    [kept] = http.get("/mailbox/messages").json()["items"]
    assert (kept["subject"], kept["times"]) == ("Your <order>", 2)


def test_pages_show_what_was_sent_and_a_mail_can_do_nothing(http: httpx.Client) -> None:
    assert "There are none yet" in http.get("/mailbox").text
    http.post("/mailbox/messages", json=mail())
    assert "Your &lt;order&gt;" in http.get("/mailbox").text
    page = http.get("/mailbox/m-1").text
    assert "Hello &amp; welcome" in page
    assert "alert(1)" not in page
    shown = http.get("/mailbox/m-1/html")
    assert "<p>Hello</p>" in shown.text
    assert shown.headers["content-security-policy"].startswith("sandbox allow-popups")
    assert "script" not in shown.headers["content-security-policy"]
    assert http.get("/mailbox/m-9").status_code == 404


@pytest.mark.parametrize(
    ("kind", "status", "is_taken"),
    [
        ("down", 503, False),
        ("busy", 429, False),
        ("refuse", 422, False),
        ("lost_answer", 504, True),
    ],
)
def test_it_fails_as_often_as_it_is_told(
    http: httpx.Client, kind: str, status: int, is_taken: bool
) -> None:
    http.post("/admin/mailbox/faults", json={"kind": kind, "calls": 2, "to": "ANNA@"})
    assert http.post("/mailbox/messages", json=mail("e", to="eve@example.org")).is_success
    for number in range(2):
        assert http.post("/mailbox/messages", json=mail(f"m-{number}")).status_code == status
    assert len(listed(http, "?to=anna@example.org")) == (2 if is_taken else 0)
    assert http.get("/admin/mailbox/faults").json() == {"faults": []}
    assert http.post("/mailbox/messages", json=mail("last")).status_code == 201


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/mailbox/messages", [], "object"),
        ("/mailbox/messages", mail(subject=" "), "subject is empty"),
        ("/mailbox/messages", mail(html=7), "html must be a text"),
        ("/mailbox/messages", mail(to="nobody"), "to is not a mail address"),
        ("/mailbox/messages", mail(headers={"a": 1}), "headers"),
        ("/mailbox/messages", mail(bcc="x"), "bcc is not known"),
        ("/admin/mailbox/faults", {"kind": "slow"}, "kind"),
        ("/admin/mailbox/faults", {"kind": "down", "calls": 0}, "calls"),
        ("/admin/mailbox/faults", {"kind": "down", "times": 1}, "times is not known"),
    ],
)
def test_what_it_does_not_know_it_refuses_by_name(
    http: httpx.Client, path: str, body: object, named: str
) -> None:
    answer = http.post(path, json=body)
    assert answer.status_code in (400, 422)
    assert named in answer.json()["error_description"]
    assert listed(http) == []


def test_mails_outlive_the_sandbox(tmp_path: Path) -> None:
    with stripe_sandbox(tmp_path) as first:
        first.http.post("/mailbox/messages", json=mail())
    with stripe_sandbox(tmp_path) as second:
        assert listed(second.http) == ["m-1"]
