"""Where the page for developers is served, and where it is not."""

import json

import pytest

from tests.support.durable_app import APP

BASE = "/runtime/webhooks/durabletask"
PAGE = "/admin/durable"


@pytest.fixture(scope="module")
def host(hosts):
    return hosts.start(APP)


def test_an_instance_of_the_app_is_listed_and_drawn(host):
    started = f"{BASE}/orchestrators/echo/drawn?timeout=30&pollingInterval=1"
    host.post(started, json.dumps(json.dumps("<b>")), {"Content-Type": "application/json"})
    listed = host.get(PAGE)
    assert listed.status == 200
    assert listed.header("content-type") == "text/html; charset=utf-8"
    assert listed.header("content-security-policy").startswith("default-src 'none'")
    assert f'href="{PAGE}/instances/drawn"' in listed.text
    drawn = host.get(f"{PAGE}/instances/drawn").text
    assert 'class="bar activity completed"' in drawn
    assert "&lt;b&gt;" in drawn
    assert "<b>&lt;" not in drawn
    assert "<script" not in drawn


def test_an_event_of_a_hostile_name_is_shown_as_text(host):
    host.post(f"{BASE}/orchestrators/wait/hostile")
    event = "%3Csvg%20onload=alert(1)%3E"
    path = f"{BASE}/instances/hostile/raiseEvent/{event}"
    assert host.post(path, '"</pre><script>"', {"Content-Type": "application/json"}).status == 202
    host.post(f"{BASE}/instances/hostile/raiseEvent/go", "1", {"Content-Type": "application/json"})
    for _ in range(5000):
        if host.get(f"{BASE}/instances/hostile").json["runtimeStatus"] == "Completed":
            break
    page = host.get(f"{PAGE}/instances/hostile").text
    assert "&lt;svg onload=alert(1)&gt;" in page
    assert "<svg onload" not in page
    assert "<script" not in page


def test_the_style_sheet_is_served_as_one(host):
    answer = host.get(f"{PAGE}/style.css")
    assert answer.header("content-type") == "text/css; charset=utf-8"
    assert "prefers-color-scheme: dark" in answer.text


def test_the_path_is_found_in_any_case_and_what_is_not_there_is_404(host):
    assert host.get("/Admin/DURABLE/").status == 200
    assert host.get("/admin/%64urable/instances/nobody").status == 404
    assert host.get("/admin/durablex").status == 404
    assert host.post(PAGE).status == 404


def test_a_foreign_name_finds_nothing(host):
    assert host.get(PAGE, {"Host": "rebound.example"}).status == 404


def test_outside_development_there_is_no_page(hosts):
    environment = {"AZURE_FUNCTIONS_ENVIRONMENT": "Production"}
    host = hosts.start(APP, environment=environment)
    assert host.get(PAGE).status == 404
    assert host.get(f"{PAGE}/style.css").status == 404
    assert host.get(f"{BASE}/instances").status == 200


def test_on_an_address_that_others_can_reach_there_is_no_page(hosts):
    host = hosts.start(APP, "--address", "0.0.0.0")
    assert host.get(PAGE, {"Host": f"localhost:{host.port}"}).status == 404
    assert host.get(f"{BASE}/instances").status == 200


def test_where_keys_are_checked_it_takes_the_master_key(hosts):
    host = hosts.start(APP, "--enableAuth")
    master = json.loads((host.state / "keys.json").read_text())["master"]
    assert host.get(PAGE).status == 401
    assert host.get(f"{PAGE}/style.css").status == 401
    page = host.get(f"{PAGE}?code={master}")
    assert page.status == 200
    assert f"style.css?code={master}" in page.text
    assert host.get(f"{PAGE}/style.css?code={master}").status == 200
