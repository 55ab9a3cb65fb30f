"""The management API over plain HTTP: statuses, headers, bodies, paging, keys."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.durable_app import APP

BASE = "/runtime/webhooks/durabletask"
JSON = {"Content-Type": "application/json"}
HUB = "taskHub=TestHubName&connection=Storage"


@pytest.fixture(scope="module")
def host(hosts):
    return hosts.start(APP)


def start(host, name, instance_id="", body=b"", query="timeout=30&pollingInterval=1"):
    return host.post(f"{BASE}/orchestrators/{name}/{instance_id}?{query}", body, JSON)


def refused(answer, status, message=None):
    """The body of a refusal."""
    assert answer.status == status, answer.text
    assert answer.header("content-type") == "application/json; charset=utf-8"
    if message is not None:
        assert answer.json["Message"] == message
    return answer.json


def appeared(host, path):
    """The JSON at `path`, once there is any."""
    deadline = time.monotonic() + 30
    while (answer := host.get(path)).status == 404:
        assert time.monotonic() < deadline, path
    assert answer.status == 200
    return answer.json


def test_a_start_answers_with_addresses_below_the_name_it_was_called_by(host):
    answer = host.post(f"{BASE}/orchestrators/wait/abc", headers={"Host": "shop.test:81"})
    assert answer.status == 202
    assert answer.header("retry-after") == "10"
    instance = f"http://shop.test:81{BASE}/instances/abc"
    assert answer.json == {
        "id": "abc",
        "statusQueryGetUri": f"{instance}?{HUB}",
        "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{HUB}",
        "terminatePostUri": f"{instance}/terminate?reason={{text}}&{HUB}",
        "purgeHistoryDeleteUri": f"{instance}?{HUB}",
        "restartPostUri": f"{instance}/restart?{HUB}",
        "suspendPostUri": f"{instance}/suspend?reason={{text}}&{HUB}",
        "resumePostUri": f"{instance}/resume?reason={{text}}&{HUB}",
    }
    assert answer.header("location") == answer.json["statusQueryGetUri"]


def test_a_caller_that_waits_gets_the_output_itself(host):
    answer = start(host, "plain", body='{"a": [1.50, true, "é"]}')
    assert answer.status == 200
    assert answer.json == {"given": {"a": [1.5, True, "é"]}, "version": None}
    assert start(host, "plain", query="timeout=30&pollingInterval=1&version=3").json == {
        "given": None,
        "version": "3",
    }


def test_a_caller_that_waits_gets_the_status_of_what_failed(host):
    body = json.dumps(json.dumps("x"))
    answer = start(host, "fail", body=body)
    assert answer.status == 200
    assert answer.json["runtimeStatus"] == "Failed"
    with_error = "timeout=30&pollingInterval=1&returnInternalServerErrorOnFailure=true"
    assert start(host, "fail", body=body, query=with_error).status == 500


def test_a_caller_that_waits_in_vain_gets_the_addresses(host):
    answer = start(host, "wait", query="timeout=0.05&pollingInterval=0.01")
    assert answer.status == 202
    assert answer.json["statusQueryGetUri"]
    refused(start(host, "wait", query="timeout=1&pollingInterval=2"), 400)


def test_a_start_that_cannot_be_is_refused(host):
    refused(start(host, "plain", body="{"), 400, "Invalid JSON content")
    unknown = refused(start(host, "nobody"), 400)
    assert unknown["Message"] == "One or more of the arguments submitted is incorrect"
    assert unknown["ExceptionType"] == "System.ArgumentException"
    assert unknown["ExceptionMessage"].startswith("The function 'nobody' doesn't exist")
    assert "StackTrace" in unknown
    refused(start(host, "plain", "@entity"), 400)
    refused(start(host, "plain", "a%2Fb"), 400)
    refused(start(host, "plain", "a%0Ab"), 400)
    start(host, "wait", "same", query="")
    again = refused(start(host, "wait", "same"), 500)
    assert again["Message"] == "Something went wrong while processing your request"
    assert "already exists" in again["ExceptionMessage"]


def test_a_status_says_where_to_look_again_while_the_instance_runs(host):
    start(host, "wait", "looked", query="")
    path = f"{BASE}/instances/looked?{HUB}"
    answer = host.get(path)
    assert answer.status == 202
    assert answer.header("retry-after") == "5"
    assert answer.header("location") == f"http://127.0.0.1:{host.port}{path}"
    assert set(answer.json) == {
        "name",
        "instanceId",
        "runtimeStatus",
        "input",
        "customStatus",
        "output",
        "createdTime",
        "lastUpdatedTime",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.json["createdTime"])


def test_a_status_of_what_has_ended_needs_no_other_look(host):
    start(host, "plain", "ended", body="[1]")
    answer = host.get(f"{BASE}/instances/ended")
    assert (answer.status, answer.header("location")) == (200, None)
    assert answer.header("content-type") == "application/json; charset=utf-8"
    assert answer.json["input"] == [1]
    assert host.get(f"{BASE}/instances/ended?showInput=false").json["input"] is None
    assert "historyEvents" not in answer.json
    shown = host.get(f"{BASE}/instances/ended?showHistory=True&showInput=False").json
    assert [event["EventType"] for event in shown["historyEvents"]] == [
        "ExecutionStarted",
        "ExecutionCompleted",
    ]
    assert not any({"Input", "Result"} & set(event) for event in shown["historyEvents"])


def test_a_failed_instance_may_be_asked_for_as_an_error(host):
    start(host, "fail", "failed", body='"1"')
    assert host.get(f"{BASE}/instances/failed").status == 200
    path = f"{BASE}/instances/failed?returnInternalServerErrorOnFailure=true"
    assert host.get(path).status == 500


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/instances/nobody"),
        ("DELETE", "/instances/nobody"),
        ("POST", "/instances/nobody/terminate?reason=x"),
        ("POST", "/instances/nobody/suspend"),
        ("POST", "/instances/nobody/resume"),
        ("POST", "/instances/nobody/rewind"),
        ("GET", "/entities/counter/nobody"),
        ("POST", "/instances"),
        ("PUT", "/instances/nobody"),
        ("GET", "/instances/nobody/terminate"),
        ("POST", "/instances/nobody/dance"),
        ("POST", "/instances/nobody/raiseEvent/a/b"),
        ("GET", "/orchestrators/plain"),
        ("POST", "/orchestrators"),
        ("POST", "/orchestrators/plain/a/b"),
        ("PUT", "/entities/counter/k"),
        ("GET", "/elsewhere"),
        ("GET", ""),
    ],
)
def test_what_is_not_there_is_an_empty_404(host, method, path):
    answer = host.request(method, f"{BASE}{path}")
    assert (answer.status, answer.body) == (404, b"")


def test_paths_are_found_in_any_case_and_with_a_slash_at_the_end(host):
    start(host, "plain", "Cased")
    answer = host.get("/Runtime/WebHooks/DurableTask/Instances/Cased/")
    assert (answer.status, answer.json["instanceId"]) == (200, "Cased")
    assert host.get(f"{BASE}/instances/cased").status == 404
    started = host.post("/runtime/webhooks/DURABLETASK/ORCHESTRATORS/plain")
    assert started.status == 202


def test_an_id_may_hold_whatever_an_address_can_carry_escaped(host):
    start(host, "plain", "a%20b%25c:%C3%BC")
    answer = host.get(f"{BASE}/instances/a%20b%25c:%C3%BC")
    assert answer.json["instanceId"] == "a b%c:ü"


def test_an_event_has_to_be_json(host):
    start(host, "wait", "evented", query="")
    path = f"{BASE}/instances/evented/raiseEvent/go"
    text = "Only application/json request content is supported"
    refused(host.post(path, "x", {"Content-Type": "text/plain"}), 400, text)
    refused(host.post(path), 400, text)
    refused(host.post(path, "{", JSON), 400, "Invalid JSON content")
    answer = host.post(path, '{"n": 1}', {"Content-Type": "Application/JSON; charset=utf-8"})
    assert (answer.status, answer.body) == (202, b"")
    assert host.post(f"{BASE}/instances/nobody/raiseEvent/go", "1", JSON).status == 404


def test_what_has_ended_is_gone(host):
    start(host, "plain", "gone")
    for operation in ("terminate", "suspend", "resume", "rewind", "raiseEvent/go"):
        answer = host.post(f"{BASE}/instances/gone/{operation}", "1", JSON)
        assert (answer.status, answer.body) == (410, b"")


def test_suspending_twice_or_resuming_what_runs_is_an_invalid_operation(host):
    start(host, "wait", "steady", query="")
    shown = refused(host.post(f"{BASE}/instances/steady/resume"), 500)
    assert shown["ExceptionType"] == "System.InvalidOperationException"
    assert shown["ExceptionMessage"].startswith("Cannot resume the orchestration instance steady")
    shown = refused(host.post(f"{BASE}/instances/steady/rewind"), 500)
    assert shown["ExceptionMessage"] == (
        "The rewind operation is only supported on failed orchestration instances."
    )


def test_a_restart_takes_a_new_id_unless_told_otherwise(host):
    start(host, "plain", "first", body='{"a":1}')
    answer = host.post(f"{BASE}/instances/first/restart?timeout=30&pollingInterval=1")
    assert answer.json == {"given": {"a": 1}, "version": None}
    answer = host.post(f"{BASE}/instances/first/restart")
    assert answer.status == 202
    assert answer.json["id"] != "first"
    answer = host.post(f"{BASE}/instances/first/restart?restartWithNewInstanceId=False")
    assert answer.json["id"] == "first"
    text = "InstanceId does not match a valid orchestration instance."
    refused(host.post(f"{BASE}/instances/nobody/restart"), 400, text)
    start(host, "wait", "busy", query="")
    path = f"{BASE}/instances/busy/restart?restartWithNewInstanceId=false"
    refused(host.post(path), 500)


def test_a_list_comes_in_pages_by_a_token(host):
    for number in range(5):
        start(host, "plain", f"paged-{number}")
    found, token = [], ""
    for _ in range(10):
        answer = host.get(
            f"{BASE}/instances?instanceIdPrefix=paged-&top=2&showInput=false",
            {"x-ms-continuation-token": token},
        )
        assert answer.status == 200
        assert len(answer.json) <= 2
        found += [status["instanceId"] for status in answer.json]
        token = answer.header("x-ms-continuation-token")
        if not token:
            break
    assert found == [f"paged-{number}" for number in range(5)]
    bad = host.get(f"{BASE}/instances", {"x-ms-continuation-token": "not ours"})
    assert refused(bad, 400)["ExceptionType"] == "System.ArgumentException"


def test_a_list_is_filtered_and_what_cannot_be_read_is_left_out(host):
    start(host, "plain", "filtered-done")
    start(host, "wait", "filtered-waiting", query="timeout=0.01&pollingInterval=0.01")
    listing = f"{BASE}/instances/?instanceIdPrefix=filtered-"

    def ids(query):
        return [status["instanceId"] for status in host.get(f"{listing}&{query}").json]

    assert ids("runtimeStatus=Completed,Nonsense") == ["filtered-done"]
    assert ids("runtimeStatus=Running&runtimeStatus=completed,Pending") == [
        "filtered-done",
        "filtered-waiting",
    ]
    assert len(ids("createdTimeFrom=never&top=x")) == 2
    assert ids("createdTimeFrom=2999-01-01T00:00:00Z") == []
    assert ids("createdTimeTo=2000-01-01") == []


def test_purging_by_a_filter_needs_a_beginning(host):
    answer = host.request("DELETE", f"{BASE}/instances")
    assert (answer.status, answer.json) == (
        400,
        "Please provide value for 'createdTimeFrom' parameter.",
    )
    nothing = host.request("DELETE", f"{BASE}/instances/?createdTimeFrom=2999-01-01")
    assert (nothing.status, nothing.body) == (404, b"")
    start(host, "fail", "to-purge", body='"1"')
    answer = host.request(
        "DELETE", f"{BASE}/instances/?createdTimeFrom=2000-01-01&runtimeStatus=Failed"
    )
    assert answer.status == 200
    assert answer.json["instancesDeleted"] >= 1
    assert host.get(f"{BASE}/instances/to-purge").status == 404


def test_one_instance_is_purged_once(host):
    start(host, "plain", "purged")
    answer = host.request("DELETE", f"{BASE}/instances/purged")
    assert (answer.status, answer.json) == (200, {"instancesDeleted": 1})
    assert host.request("DELETE", f"{BASE}/instances/purged").status == 404


def test_an_entity_takes_signals_and_is_listed(host):
    signal = f"{BASE}/entities/Counter/k1"
    assert host.post(f"{signal}?op=add", json.dumps("5"), JSON).status == 202
    assert appeared(host, signal) == 5
    listed = host.get(f"{BASE}/entities/counter?fetchState=true").json
    assert {"name": "counter", "key": "k1"} in [entity["entityId"] for entity in listed]
    [entity] = [entity for entity in listed if entity["entityId"]["key"] == "k1"]
    assert entity["state"] == 5
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", entity["lastOperationTime"])
    assert "state" not in host.get(f"{BASE}/entities").json[0]
    assert host.request("DELETE", signal).status == 202


def test_a_dollar_stands_for_an_empty_key(host):
    assert host.post(f"{BASE}/entities/counter/$?op=add", json.dumps("1"), JSON).status == 202
    assert appeared(host, f"{BASE}/entities/counter/$") == 1


def test_a_signal_that_cannot_be_is_refused(host):
    path = f"{BASE}/entities/counter/k"
    body = refused(host.post(f"{path}?op=add", "{", JSON), 400)
    assert body["Message"].startswith("Could not parse JSON content: ")
    refused(host.post(f"{BASE}/entities/nothing/k?op=add"), 400)
    refused(host.post(f"{BASE}/entities"), 400)


def test_hubs_that_nobody_has_are_refused_and_nothing_is_made_for_them(host):
    refused(host.get(f"{BASE}/instances?taskHub=not%20one"), 400)
    start(host, "plain", "default-hub")
    before = sorted((host.state / "durable").iterdir())
    unknown = refused(host.get(f"{BASE}/instances?taskHub=Another"), 400)
    assert unknown["ExceptionMessage"] == (
        "There is no task hub 'Another'; there is: OtherHub, TestHubName."
    )
    refused(host.post(f"{BASE}/orchestrators/plain?taskHub=Another"), 400)
    refused(host.post(f"{BASE}/entities/counter/k?op=add&taskHub=Another"), 400)
    refused(host.request("DELETE", f"{BASE}/instances/default-hub?taskHub=Another"), 400)
    assert sorted((host.state / "durable").iterdir()) == before


def test_a_hub_that_a_binding_names_takes_what_another_app_will_do(host):
    assert host.get(f"{BASE}/instances?taskHub=OtherHub").json == []
    start(host, "plain", "default-hub-too")
    assert host.get(f"{BASE}/instances/default-hub-too?taskHub=OtherHub").status == 404
    links = host.post(f"{BASE}/orchestrators/unknownThere?taskHub=otherhub").json
    assert "taskHub=OtherHub" in links["statusQueryGetUri"]
    assert host.get(f"{BASE}/instances/{links['id']}?taskHub=OtherHub").json["runtimeStatus"] == (
        "Pending"
    )


def test_a_single_app_is_the_primary_one(host):
    assert host.post(f"{BASE}/makeprimary").status == 200


def test_the_key_of_the_web_hook_is_needed_where_keys_are_checked(hosts):
    host = hosts.start(APP, "--enableAuth")
    path = f"{BASE}/orchestrators/wait/x"
    assert host.post(path, headers={"x-functions-key": "guessed"}).status == 401
    assert host.post(path).status == 401
    keys = json.loads((host.state / "keys.json").read_text())
    system = {"x-functions-key": keys["system"]["durabletask_extension"]}
    assert host.post(path, headers={"x-functions-key": keys["host"]["default"]}).status == 401
    answer = host.post(path, headers=system)
    assert answer.status == 202
    address = answer.json["statusQueryGetUri"]
    assert f"code={system['x-functions-key']}" in address
    assert host.get(address.partition(f":{host.port}")[2]).status == 202
    master = {"x-functions-key": keys["master"]}
    assert host.get(f"{BASE}/instances/x", master).status == 202
    # The SDK's client inside the app needs none.
    assert host.post("/api/client/get_status", '["x"]').json["found"] is True


def test_the_local_listener_answers_to_its_secret_alone(host):
    binding = host.get("/api/binding").json
    port = int(binding["rpcBaseUrl"].split(":")[2].split("/")[0])
    public, host.port = host.port, port
    try:
        assert host.get(f"{BASE}/instances").status == 404
        assert host.get("/durabletask/instances").status == 404
        path = binding["rpcBaseUrl"].partition(f":{port}")[2]
        assert host.get(f"{path}instances").status == 200
    finally:
        host.port = public


def test_any_of_several_processes_takes_the_addresses_that_another_gave(hosts):
    host = hosts.start(APP, "--enableAuth", "--workers", "2")
    master = json.loads((host.state / "keys.json").read_text())["master"]
    seen = set()
    for number in range(12):
        path = f"/api/client/start_new?code={master}"
        instance_id = host.post(path, json.dumps(["plain", f"shared-{number}"])).json
        path = f"/api/client/create_check_status_response?code={master}"
        links = host.post(path, json.dumps([instance_id])).json
        address = links["statusQueryGetUri"].partition(f":{host.port}")[2]
        assert host.get(address).status in {200, 202}
        seen.add(host.get(f"/api/binding?code={master}").json["rpcBaseUrl"])
    assert len(seen) in {1, 2}


def test_a_call_that_is_under_way_when_the_host_ends_still_reaches_the_hub(hosts):
    host = hosts.start(
        APP
        + """
@app.route(route="slow")
@app.durable_client_input(client_name="client")
async def slow(req: func.HttpRequest, client):
    import asyncio, pathlib
    folder = pathlib.Path(req.params["folder"])
    (folder / "begun").touch()
    while not (folder / "go").exists():
        await asyncio.sleep(0.02)
    return func.HttpResponse(await client.start_new("wait", "late"))
"""
    )
    with ThreadPoolExecutor(1) as threads:
        pending = threads.submit(host.get, f"/api/slow?folder={host.app_dir}")
        appear(host.app_dir / "begun")
        host.process.terminate()
        host.wait_for_log("Application is shutting down")
        (host.app_dir / "go").touch()
        assert pending.result().text == "late"
    assert host.process.wait(30) == 0


def appear(path):
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, path
