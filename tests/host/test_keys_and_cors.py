"""Authorization levels with `--enableAuth`, and CORS."""

import json
import os
import stat

import pytest

APP = """
app = func.FunctionApp()
def case(name, **route):
    def handler(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(req.params.get("code", "no code"))
    handler.__name__ = name
    app.route(route=name, **route)(handler)
case("open", auth_level=func.AuthLevel.ANONYMOUS)
case("keyed")
case("other")
case("admin", auth_level=func.AuthLevel.ADMIN)
case("off", auth_level=func.AuthLevel.ANONYMOUS)
"""


@pytest.fixture(scope="module")
def guarded(hosts):
    environment = {"AzureWebJobs.off.Disabled": "1"}
    return hosts.start(APP, "--enableAuth", environment=environment)


@pytest.fixture(scope="module")
def keys(guarded):
    return json.loads((guarded.state / "keys.json").read_text())


def test_without_the_switch_every_request_is_allowed(hosts):
    host = hosts.start(APP)
    for name in ("open", "keyed", "admin"):
        assert host.get(f"/api/{name}").status == 200
    assert host.get("/admin/host/status").status == 200
    assert not (host.state / "keys.json").exists()


def test_the_keys_are_readable_by_their_owner_alone(guarded, keys):
    if os.name == "posix":
        assert stat.S_IMODE((guarded.state / "keys.json").stat().st_mode) == 0o600
    assert len(keys["master"]) > 40


def test_a_level_needs_its_key(guarded, keys):
    function_key = keys["functions"]["keyed"]["default"]
    other_key = keys["functions"]["other"]["default"]
    host_key = keys["host"]["default"]
    expected = {
        ("open", None): 200, ("open", "wrong"): 200,
        ("keyed", None): 401, ("keyed", "wrong"): 401, ("keyed", function_key): 200,
        ("keyed", host_key): 200, ("keyed", keys["master"]): 200, ("keyed", other_key): 401,
        ("admin", None): 401, ("admin", host_key): 401, ("admin", keys["master"]): 200,
        ("off", None): 404, ("off", host_key): 404, ("off", keys["master"]): 200,
    }  # fmt: skip
    for (name, key), status in expected.items():
        headers = {} if key is None else {"x-functions-key": key}
        assert guarded.get(f"/api/{name}", headers).status == status
        by_query = "" if key is None else f"?code={key}"
        assert guarded.get(f"/api/{name}{by_query}").status == status


def test_a_refusal_has_no_body_and_the_header_goes_before_the_query(guarded, keys):
    answer = guarded.get(f"/api/keyed?code={keys['master']}", {"x-functions-key": "wrong"})
    assert (answer.status, answer.body) == (401, b"")
    answer = guarded.get("/api/keyed?code=visible", {"x-functions-key": keys["master"]})
    assert answer.text == "visible"


def test_management_needs_the_master_key(guarded, keys):
    master = {"x-functions-key": keys["master"]}
    assert guarded.get("/admin/host/status").status == 401
    assert (
        guarded.get("/admin/host/status", {"x-functions-key": keys["host"]["default"]}).status
        == 401
    )
    assert guarded.get("/admin/host/status", master).status == 200


def test_keys_are_managed_through_the_endpoints(guarded, keys):
    master = {"x-functions-key": keys["master"]}
    address = "/admin/functions/keyed/keys"
    listed = guarded.get(address, master).json
    assert [key["name"] for key in listed["keys"]] == ["default"]
    body = json.dumps({"name": "mine", "value": "chosen-by-me"})
    assert guarded.request("PUT", f"{address}/mine", body, master).status == 201
    assert guarded.get("/api/keyed?code=chosen-by-me").status == 200
    made = guarded.request("POST", f"{address}/mine", b"", master).json["value"]
    assert guarded.get("/api/keyed?code=chosen-by-me").status == 401
    assert guarded.get(f"/api/keyed?code={made}").status == 200
    assert guarded.request("DELETE", f"{address}/mine", None, master).status == 204
    assert guarded.request("DELETE", f"{address}/mine", None, master).status == 404
    assert guarded.get(f"/api/keyed?code={made}").status == 401
    assert guarded.get("/admin/host/keys", master).json["keys"][0]["name"] == "default"
    assert guarded.get("/admin/host/systemkeys", master).json["keys"] == []


def test_keys_survive_a_restart(hosts):
    app_dir = hosts.write(APP)
    first = hosts.start(app_dir, "--enableAuth")
    master = json.loads((first.state / "keys.json").read_text())["master"]
    first.stop()
    second = hosts.start(app_dir, "--enableAuth", "--state", str(first.state))
    assert second.get(f"/api/admin?code={master}").status == 200


def test_a_key_that_changes_is_known_to_every_process(hosts):
    host = hosts.start(APP, "--enableAuth")
    path = host.state / "keys.json"
    document = json.loads(path.read_text())
    changed = path.with_name("changed")
    changed.write_text(json.dumps({**document, "master": "changed"}))
    changed.replace(path)
    assert host.get(f"/api/admin?code={document['master']}").status == 401
    assert host.get("/api/admin?code=changed").status == 200


def test_the_well_known_test_keys_are_used_only_on_request(hosts):
    host = hosts.start(APP, "--enableAuth", environment={"FUNCHOST_TEST_KEYS": "true"})
    assert host.get("/api/keyed?code=testFunctionKey").status == 200
    assert host.get("/api/admin?code=testMasterKey").status == 200
    assert not (host.state / "keys.json").exists()


CORS_APP = """
app = func.FunctionApp(http_auth_level="ANONYMOUS")
@app.route(route="x")
def x(req: func.HttpRequest) -> func.HttpResponse:
    headers = {"Access-Control-Allow-Origin": "https://mine", "Vary": "Accept"}
    return func.HttpResponse("x", headers=headers if req.params else {})
"""
ASK = {
    "Origin": "http://localhost:3000",
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "x-a, content-type",
}


@pytest.fixture(scope="module")
def shared(hosts):
    local = {"Host": {"CORS": "http://localhost:3000,https://b", "CORSCredentials": True}}
    return hosts.start(CORS_APP, local_settings=local)


def test_a_preflight_is_answered_without_running_a_function(shared):
    answer = shared.request("OPTIONS", "/api/x", headers=ASK)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") == "http://localhost:3000"
    assert answer.header("access-control-allow-methods") == "PUT"
    assert answer.header("access-control-allow-headers") == "x-a, content-type"
    assert answer.header("access-control-allow-credentials") == "true"
    assert "Executing" not in shared.log


def test_a_simple_request_gets_the_headers_beside_its_answer(shared):
    answer = shared.get("/api/x", {"Origin": "https://b"})
    assert answer.text == "x"
    assert answer.header("access-control-allow-origin") == "https://b"
    assert answer.header("vary") == "Origin"
    assert shared.get("/nowhere", {"Origin": "https://b"}).header("access-control-allow-origin")


def test_the_policy_goes_before_what_a_function_says(shared):
    answer = shared.get("/api/x?own=1", {"Origin": "https://b"})
    assert answer.all("access-control-allow-origin") == ["https://b"]
    assert answer.all("vary") == ["Accept", "Origin"]
    assert shared.get("/api/x?own=1").all("access-control-allow-origin") == ["https://mine"]


def test_an_origin_that_is_not_listed_gets_no_headers(shared):
    headers = {**ASK, "Origin": "https://evil"}
    answer = shared.request("OPTIONS", "/api/x", headers=headers)
    assert answer.status == 204
    assert not [name for name, _ in answer.headers if name.startswith("access-control")]
    assert shared.get("/api/x", {"Origin": "https://evil"}).header("vary") is None


def test_the_command_line_goes_before_the_settings_file_and_may_allow_all(hosts):
    local = {"Host": {"CORS": "https://b"}}
    host = hosts.start(CORS_APP, "--cors", "*", local_settings=local)
    answer = host.get("/api/x", {"Origin": "https://any"})
    assert answer.header("access-control-allow-origin") == "*"


def test_without_origins_there_is_no_policy(hosts):
    host = hosts.start(CORS_APP)
    assert host.request("OPTIONS", "/api/x", headers=ASK).status == 200
    assert host.get("/api/x", {"Origin": "https://b"}).header("access-control-allow-origin") is None
