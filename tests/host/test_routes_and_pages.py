"""Which part of the host answers which path."""

import json
import os

import pytest

APP = """
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

def case(name, **route):
    def handler(req: func.HttpRequest) -> func.HttpResponse:
        values = ",".join(f"{k}={v}" for k, v in sorted(req.route_params.items()))
        return func.HttpResponse(f"{name}:{req.method}:{values}")
    handler.__name__ = name
    app.route(**route)(handler)

case("Default")
case("b_items", route="items")
case("a_catch", route="items/{*rest}", methods=["GET"])
case("only_post", route="only", methods=["POST"])
case("only_get", route="only", methods=["GET"])
case("number", route="number/{id:int}")
case("optional", route="optional/{a?}/{b=2}")
case("slash", route="/slash/x/")
case("setting", route="%ROUTE_NAME%")
case("gone", route="gone")
case("also_gone", route="also")
case("badroute", route="bad/{x:nosuch}")
case("zz_warm", route="zz")

@app.warm_up_trigger("w")
def warm(w) -> None:
    logging.info("warmed")
"""


@pytest.fixture(scope="module")
def host(hosts):
    environment = {
        "ROUTE_NAME": "from/setting",
        "AzureWebJobs.gone.Disabled": "true",
        "AzureWebJobs_also_gone_Disabled": "1",
    }
    return hosts.start(APP, environment=environment)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/Default", "Default:GET:"),
        ("GET", "/API/dEFAULT/", "Default:GET:"),
        # a_catch comes first by name and hides b_items for GET, but only for GET.
        ("GET", "/api/items", "a_catch:GET:"),
        ("POST", "/api/items", "b_items:POST:"),
        ("GET", "/api/items/1/2", "a_catch:GET:rest=1/2"),
        ("GET", "/api/only", "only_get:GET:"),
        ("POST", "/api/only", "only_post:POST:"),
        ("GET", "/api/number/12", "number:GET:id=12"),
        ("GET", "/api/optional", "optional:GET:b=2"),
        ("GET", "/api/optional/x", "optional:GET:a=x,b=2"),
        ("GET", "/api/slash/x", "slash:GET:"),
        ("GET", "/api/from/setting", "setting:GET:"),
        ("PATCH", "/api/Default", "Default:PATCH:"),
        ("GET", "/api/x/../Default", "Default:GET:"),
    ],
)
def test_the_first_matching_route_by_name_answers(host, method, path, expected):
    assert host.request(method, path).text == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/only"),
        ("HEAD", "/api/only"),
        ("OPTIONS", "/api/only"),
        ("GET", "/api/number/x"),
        ("GET", "/api"),
        ("GET", "/Default"),
        ("GET", "/api/gone"),
        ("GET", "/api/also"),
        ("GET", "/api/bad/1"),
        ("GET", "/runtime/webhooks/nobody"),
        ("POST", "/runtime/webhooks/durabletask/x"),
        ("GET", "/admin/nothing"),
    ],
)
def test_a_path_or_method_that_is_not_listed_answers_404_without_a_body(host, method, path):
    answer = host.request(method, path)
    assert (answer.status, answer.body, answer.header("allow")) == (404, b"", None)


def test_a_route_that_cannot_be_read_is_an_error_of_that_function(host):
    assert "The 'badroute' function is in error:" in host.log


def test_the_banner_lists_the_functions_with_their_addresses(host):
    assert f"\tonly_post: [POST] http://localhost:{host.port}/api/only\n" in host.log
    assert f"\tDefault: http://localhost:{host.port}/api/Default\n" in host.log
    assert "\twarm: warmupTrigger\n" in host.log


def test_the_home_page_answers_every_verb_where_no_function_does(host):
    for method in ("GET", "POST", "DELETE"):
        answer = host.request(method, "/")
        assert (answer.status, answer.header("content-type")) == (200, "text/html")


def test_the_home_page_can_be_switched_off_and_the_prefix_be_empty(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="{name}")
    def f(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(req.route_params["name"])
    """
    host = hosts.start(
        app,
        host_json={"extensions": {"http": {"routePrefix": ""}}},
        environment={"AzureWebJobsDisableHomepage": "true"},
    )
    assert (host.get("/").status, host.get("/").body) == (204, b"")
    assert host.get("/x").text == "x"


def test_a_function_on_the_root_goes_before_the_home_page(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="{*any}")
    def f(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("mine")
    """
    host = hosts.start(app, host_json={"extensions": {"http": {"routePrefix": ""}}})
    assert host.get("/").text == "mine"
    assert host.get("/admin/host/status").json["state"] == "Running"


def test_an_override_in_the_environment_changes_host_json(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="x")
    def f(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("x")
    """
    host = hosts.start(
        app, environment={"AzureFunctionsJobHost__extensions__http__routePrefix": "v2/api"}
    )
    assert host.get("/v2/api/x").text == "x"
    assert host.get("/api/x").status == 404


def test_static_folders_are_served_before_functions(hosts, tmp_path):
    (tmp_path / "cover.txt").write_text("cover")
    (tmp_path / "secret").symlink_to("/etc/hostname") if os.name == "posix" else None
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="{*any}")
    def f(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("function")
    """
    host = hosts.start(
        app,
        "--static",
        f"/cdn={tmp_path};immutable",
        host_json={"extensions": {"http": {"routePrefix": ""}}},
    )
    answer = host.get("/cdn/cover.txt")
    assert (answer.status, answer.text) == (200, "cover")
    assert "immutable" in (answer.header("cache-control") or "")
    assert host.get("/cdn/nothing").status == 404
    assert host.get("/cdn/../cdn/cover.txt").status in {200, 404}
    assert host.get("/cdn/%2e%2e/%2e%2e/etc/passwd").text == "function"
    assert host.get("/cdn/secret").status == 404
    assert host.get("/cdnx").text == "function"


def test_what_lies_below_a_prefix_is_sent_on_as_a_front_door_does(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="{*any}")
    def f(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("function")
    """
    host = hosts.start(
        app,
        "--redirect",
        "/old=/new#about-",
        host_json={"extensions": {"http": {"routePrefix": ""}}},
    )
    sent_on = host.get("/old/book")
    assert (sent_on.status, sent_on.header("location")) == (302, "/new#about-book")
    assert host.get("/old/a/b").header("location") == "/new#about-a/b"
    for path in ("/old", "/old/", "/old/%0d%0ax", "/old//evil.test", "/old/a%20b"):
        assert host.get(path).status == 404, path
    assert host.post("/old/book").status == 405
    assert host.get("/older").text == "function"


def test_the_status_page_tells_the_state_of_the_host(host):
    status = host.get("/admin/host/status").json
    assert status["state"] == "Running"
    assert set(status) >= {"id", "version", "versionDetails", "instanceId", "computerName"}
    assert len(status["id"]) <= 32
    assert host.get("/admin/host/ping").status == 200
    assert host.post("/admin/host/ping").status == 200
    assert host.get("/Admin/Host/Config").json["version"] == "2.0"


def test_functions_are_described_with_their_bindings(host):
    listed = {item["name"]: item for item in host.get("/admin/functions").json}
    assert listed["gone"]["isDisabled"] is True
    assert listed["number"]["isDisabled"] is False
    assert listed["number"]["invoke_url_template"].endswith("/api/number/{id:int}")
    assert listed["number"]["config"]["bindings"][0]["type"] == "httpTrigger"
    assert host.get("/admin/functions/NUMBER").json == listed["number"]
    assert host.get("/admin/functions/nobody").status == 404
    assert host.get("/admin/functions/number/status").json == {}
    assert "nosuch" in host.get("/admin/functions/badroute/status").json["errors"][0]
    assert host.get("/admin/functions/nobody/status").status == 404


def test_the_warm_up_function_runs_on_request(host):
    assert host.post("/admin/warmup").status == 200
    host.wait_for_log("warmed")


def test_a_host_can_be_taken_offline_and_back(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="x")
    def f(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("x")
    """
    host = hosts.start(app)
    assert host.request("PUT", "/admin/host/state", json.dumps("offline")).status == 202
    assert (host.get("/api/x").status, host.get("/admin/host/status").json["state"]) == (
        503,
        "Offline",
    )
    assert host.request("PUT", "/admin/host/state", json.dumps("running")).status == 202
    assert host.get("/api/x").status == 200
    assert host.request("PUT", "/admin/host/state", json.dumps("what")).status == 400
    assert host.post("/admin/host/drain").status == 202
    assert host.get("/admin/host/drain/status").json["outstandingInvocations"] == 0
    assert host.post("/admin/host/resume").json == {"state": "Running"}
    assert host.post("/admin/host/restart").status == 202
    assert host.post("/admin/host/synctriggers").status == 204
