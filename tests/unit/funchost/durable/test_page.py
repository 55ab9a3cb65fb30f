"""The page for developers, rendered from instances that were laid out for it."""

import json
import re
from html.parser import HTMLParser

import pytest

from funchost.durable.api.page.app import DurablePage
from funchost.durable.interface import EntityId, EntityStatus, RuntimeStatus
from funchost.exchange import Exchange
from tests.support.durable_hub import (
    LaidOutHub,
    LaidOutHubs,
    begin,
    episode,
    event,
    moment,
)

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&amp;{{7*7}}</svg>\u202e"


class Reader(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.elements = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.fixture
def hub():
    return LaidOutHub()


@pytest.fixture
def ask(hub):
    async def ask(path="", query="", host="localhost:7071", method="GET"):
        scope = {
            "method": method,
            "scheme": "http",
            "raw_path": f"/admin/durable{path}".encode(),
            "query_string": query.encode(),
        }
        exchange = Exchange(scope, None, None, {"host": host}, "")
        return await DurablePage(LaidOutHubs(hub), lambda: moment(100)).answer(exchange)

    return ask


async def test_instances_are_listed_newest_first_with_what_they_are(ask, hub):
    hub.add("first", name="order", created=0)
    hub.add(
        "second", name="refund", status=RuntimeStatus.RUNNING, created=9, custom_status='{"a":1}'
    )
    page = Reader((await ask()).body.decode())
    text = page.text
    assert text.index("second") < text.index("first")
    for part in ("refund", "Running", "2026-01-01 12:00:09", '{"a": 1}', "Completed"):
        assert part in text


async def test_filters_work_and_are_remembered(ask, hub):
    for number in range(60):
        hub.add(f"bulk-{number:02}", name="bulk", created=number)
    hub.add("other", name="order", status=RuntimeStatus.FAILED, created=99)
    query = "prefix=bulk&name=BULK&status=Completed&status=Running"
    page = Reader((await ask(query=query)).body.decode())
    assert "other" not in page.text
    fields = {field["name"]: field for field in page.all("input") if "checked" not in field}
    assert fields["prefix"]["value"] == "bulk"
    checked = {field["value"] for field in page.all("input") if "checked" in field}
    assert checked == {"Completed", "Running"}
    following = next(link["href"] for link in page.all("a") if "page=" in link["href"])
    second = Reader((await ask(query=following.partition("?")[2])).body.decode())
    assert "bulk-00" in second.text
    assert "bulk-59" not in second.text


async def test_one_instance_shows_its_timeline_and_where_its_parts_are(ask, hub):
    history = [
        *episode(
            0,
            begin("order"),
            event(4, 0, 0, Name="reserve", Input="[1]"),
            event(7, 0, 1, Name="pay", InstanceId="a/b:1", Input=None),
            event(10, 0, 2, FireAt=moment(60).isoformat()),
        ),
        *episode(
            1, event(6, 1, TaskScheduledId=0, Reason="Activity function 'reserve' failed:  no")
        ),
    ]
    hub.add("i1", history, status=RuntimeStatus.RUNNING, parent_instance_id="boss", input='"x"')
    page = Reader((await ask("/instances/i1")).body.decode())
    links = [link["href"] for link in page.all("a")]
    assert "/admin/durable/instances/a%2Fb%3A1" in links
    assert "/admin/durable/instances/boss" in links
    bars = [bar["class"] for bar in page.all("rect") if bar.get("class")]
    assert "bar activity failed" in bars
    assert "bar orchestration running" in bars
    assert "bar timer running" in bars
    assert "no" in page.text
    assert "open" not in page.all("details")[0]


async def test_a_failed_instance_says_why_in_its_own_paragraph(ask, hub):
    hub.add("bad", status=RuntimeStatus.FAILED, output="Orchestrator function 'x' failed: boom")
    page = (await ask("/instances/bad")).body.decode()
    assert re.search(r'<p class="trouble">[^<]*failed: boom</p>', page)


async def test_a_problem_is_shown_although_the_instance_runs(ask, hub):
    hub.add("stuck", status=RuntimeStatus.RUNNING, problem="The function 'x' doesn't exist")
    page = Reader((await ask("/instances/stuck")).body.decode())
    assert "The function 'x' doesn't exist" in page.text


async def test_nothing_that_an_app_or_a_caller_writes_becomes_markup(ask, hub):
    history = [
        *episode(
            0,
            begin(HOSTILE, HOSTILE),
            event(4, 0, 0, Name=HOSTILE, Input=HOSTILE),
            event(7, 0, 1, Name=HOSTILE, InstanceId=HOSTILE, Input=HOSTILE),
            event(14, 0, 2, Name="op", InstanceId=HOSTILE, Input=json.dumps({"op": HOSTILE})),
        ),
        *episode(
            1,
            event(6, 1, TaskScheduledId=0, Reason=HOSTILE, Details=HOSTILE),
            event(15, 1, Name=HOSTILE, Input=HOSTILE),
            event(19, 1, Reason=HOSTILE),
            event(3, 1, Input=HOSTILE),
        ),
    ]
    texts = dict.fromkeys(("input", "output", "custom_status", "problem", "version"), HOSTILE)
    hub.add(
        HOSTILE, history, name=HOSTILE, parent_instance_id=HOSTILE, execution_id=HOSTILE, **texts
    )
    hub.stored_entities.append(
        EntityStatus(EntityId(HOSTILE, HOSTILE), moment(0), True, HOSTILE, locked_by=HOSTILE)
    )
    link = next(
        link["href"]
        for link in Reader((await ask()).body.decode()).all("a")
        if "/instances/" in link["href"]
    )
    pages = [
        await ask(),
        await ask("/entities"),
        await ask(link.removeprefix("/admin/durable")),
        await ask(query="prefix=%22%3E%3Cscript%3E&name=%3Cscript%3E&page=0&code=%22%3E%3Cscript"),
        await ask(query="taskHub=%3Cscript%3E"),
        await ask("/%3Cscript%3E"),
    ]
    shown = [Reader(page.body.decode()) for page in pages]
    for page in shown:
        assert not page.all("script")
        assert not page.all("img")
        for _, attributes in page.elements:
            assert not [name for name in attributes if name.startswith("on") or name == "style"]
            assert not attributes.get("href", "/").startswith("javascript:")
    assert HOSTILE.replace("\u202e", "\ufffd") in shown[2].text
    assert len(shown[2].all("svg")) == 1


async def test_every_answer_forbids_scripts_frames_and_foreign_content(ask, hub):
    for path in ("", "/entities", "/style.css", "/instances/nobody"):
        headers = dict((await ask(path)).headers)
        policy = headers[b"content-security-policy"].decode()
        assert policy == (
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"referrer-policy"] == b"no-referrer"
        assert headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:7071", 200),
        ("127.0.0.1", 200),
        ("[::1]:7071", 200),
        ("[::1]", 200),
        ("evil.example:7071", 404),
        ("localhost.evil.example", 404),
        ("", 404),
    ],
)
async def test_a_foreign_name_for_this_machine_finds_nothing(ask, host, status):
    assert (await ask(host=host)).status == status


async def test_the_page_changes_nothing_and_says_what_is_not_there(ask):
    assert (await ask(method="POST")).status == 404
    assert (await ask("/instances/nobody")).status == 404
    assert (await ask("/nowhere")).status == 404
    refused = await ask(query="taskHub=not%20a%20hub")
    assert refused.status == 400
    assert b"not the name of a task hub" in refused.body


async def test_links_keep_the_hub_and_the_key(ask, hub):
    hub.add("one")
    page = Reader((await ask(query="code=se%26cret")).body.decode())
    links = [link["href"] for link in page.all("a")] + [page.all("link")[0]["href"]]
    assert all("code=se%26cret" in link for link in links)
    assert ("input", {"type": "hidden", "name": "code", "value": "se&cret"}) in page.elements


async def test_a_very_wide_fan_out_is_drawn_in_part(ask, hub):
    many = [event(4, number / 1000, number, Name="act", Input="1") for number in range(1500)]
    hub.add("wide", episode(0, begin(), *many), status=RuntimeStatus.RUNNING)
    page = Reader((await ask("/instances/wide")).body.decode())
    assert "1,300 more rows are not drawn." in page.text
    assert "501 later events are not shown." in page.text
