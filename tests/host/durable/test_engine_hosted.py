"""Durable functions on a started host: the whole way from HTTP, the end of a host, and its death."""

import json
import re
import signal
import time

import pytest

APP = """
import time
from datetime import timedelta
import azure.durable_functions as df

app = df.DFApp(http_auth_level="ANONYMOUS")

@app.route(route="start/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client):
    given = json.loads(req.get_body() or b"null")
    instance = await client.start_new(req.route_params["name"], req.params.get("id"), given)
    return await client.wait_for_completion_or_create_check_status_response(req, instance, 20000, 100)

@app.orchestration_trigger(context_name="context")
def chain(context):
    first = yield context.call_activity("Greet", "Tokyo")
    second = yield context.call_activity("greet", "Oslo")
    return [first, second]

@app.activity_trigger(input_name="city")
def greet(city: str, context: func.Context) -> str:
    logging.info("greeting %s", city)
    return f"Hello {city}!"

@app.function_name("named")
@app.orchestration_trigger(context_name="context", orchestration="OtherName")
def named(context):
    return (yield context.call_activity("AlsoNamed", 7))

@app.activity_trigger(input_name="number", activity="AlsoNamed")
async def doubled(number: int) -> int:
    return number * 2

@app.orchestration_trigger(context_name="context")
def slow(context):
    yield context.call_activity("sleeps", context.get_input())
    return (yield context.call_activity("greet", "after"))

@app.activity_trigger(input_name="seconds")
def sleeps(seconds: float) -> None:
    logging.info("sleep begins")
    time.sleep(seconds)
    logging.info("sleep ends")

@app.orchestration_trigger(context_name="context")
def naps(context):
    yield context.create_timer(context.current_utc_datetime + timedelta(days=context.get_input()))
    return "awake"

@app.orchestration_trigger(context_name="context")
def waits(context):
    return (yield context.wait_for_external_event("Go"))

@app.entity_trigger(context_name="context")
def tally(context):
    context.set_state(context.get_state(lambda: 0) + 1)
"""
BASE = "/runtime/webhooks/durabletask"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def host(hosts):
    return hosts.start("import json\n" + APP)


def begin(host, name, instance, value=None):
    body = "" if value is None else json.dumps(json.dumps(value))
    assert host.post(f"{BASE}/orchestrators/{name}/{instance}", body, JSON).status == 202


def ended(host, instance):
    """The status, once it is final."""
    deadline = time.monotonic() + 60
    while (answer := host.get(f"{BASE}/instances/{instance}")).status != 200:
        assert answer.status == 202, answer
        assert time.monotonic() < deadline, answer.text
    return answer.json


def test_a_chain_runs_from_a_request_to_its_answer(host):
    answer = host.post("/api/start/chain")
    assert (answer.status, answer.json) == (200, ["Hello Tokyo!", "Hello Oslo!"])
    # Each function is invoked, and logged, like any other.
    host.wait_for_log(r"Executing 'Functions\.chain' \(Reason='\(null\)', Id=", 3)
    host.wait_for_log(r"Executed 'Functions\.greet' \(Succeeded, Id=", 2)
    host.wait_for_log(r"\] greeting Oslo")


def test_durable_names_count_and_not_those_of_the_functions(host):
    assert host.post("/api/start/othername").json == 14
    answer = host.post(f"{BASE}/orchestrators/named")
    assert answer.status == 400
    assert "'chain', 'OtherName'" in answer.json["ExceptionMessage"]


def test_the_start_lists_all_durable_functions(host):
    for line in ("chain: orchestrationTrigger", "greet: activityTrigger", "tally: entityTrigger"):
        assert f"\t{line}" in host.log


def test_moving_business_time_wakes_a_durable_timer(hosts):
    host = hosts.start("import json\n" + APP)
    begin(host, "naps", "nap", 2)
    host.wait_for_log(r"Executed 'Functions\.naps' \(Succeeded")
    new = host.state / "clock.new"
    new.write_text(json.dumps({"offset_seconds": 3 * 86400}))
    new.rename(host.state / "clock.json")
    assert ended(host, "nap")["output"] == "awake"


def test_a_running_activity_is_finished_before_the_end_and_the_rest_is_done_later(hosts):
    app = hosts.write("import json\n" + APP)
    first = hosts.start(app)
    begin(first, "slow", "slow-one", 1.5)
    first.wait_for_log("sleep begins")
    assert first.stop() == 0
    assert "sleep ends" in first.log
    assert "greeting after" not in first.log
    second = hosts.start(app, "--state", str(first.state))
    assert ended(second, "slow-one")["output"] == "Hello after!"
    assert "sleep begins" not in second.log


def test_what_a_killed_host_had_begun_another_one_ends(hosts):
    app = hosts.write("import json\n" + APP)
    doomed = hosts.start(app)
    heir = hosts.start(app, "--state", str(doomed.state))
    begin(doomed, "slow", "inherited", 600)
    doomed.wait_for_log("sleep begins")
    doomed.process.send_signal(signal.SIGKILL)
    doomed.process.wait(30)
    # It begins anew there, without waiting for the lease.
    heir.wait_for_log("sleep begins")
    assert heir.post(f"{BASE}/instances/inherited/terminate?reason=enough").status == 202
    assert ended(heir, "inherited")["runtimeStatus"] == "Terminated"


def test_a_killed_host_goes_on_where_it_was(hosts):
    app = hosts.write("import json\n" + APP)
    first = hosts.start(app)
    begin(first, "waits", "patient")
    for _ in range(3):
        first.post(f"{BASE}/entities/tally/one?op=add")
    first.wait_for_log(r"Executed 'Functions\.waits' \(Succeeded")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(30)
    second = hosts.start(app, "--state", str(first.state))
    second.post(f"{BASE}/instances/patient/raiseEvent/Go", '"now"', JSON)
    assert ended(second, "patient")["output"] == "now"
    second.post(f"{BASE}/entities/tally/one?op=add")
    deadline = time.monotonic() + 60
    while (answer := second.get(f"{BASE}/entities/tally/one")).text != "4":
        assert time.monotonic() < deadline, answer.text


def test_several_workers_serve_one_hub(hosts):
    host = hosts.start("import json\n" + APP, "--workers", "2")
    for number in range(6):
        begin(host, "chain", f"shared-{number}")
    outputs = [ended(host, f"shared-{number}")["output"] for number in range(6)]
    assert outputs == [["Hello Tokyo!", "Hello Oslo!"]] * 6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hubName": "1st"}, "extensions.durableTask.hubName in host.json is '1st'"),
        ({"hubName": "%NO_SUCH%"}, "extensions.durableTask.hubName in host.json: "),
        (
            {"maxConcurrentActivityFunctions": 0},
            "extensions.durableTask.maxConcurrentActivityFunctions in host.json must be at least 1.",
        ),
        (
            {"maxConcurrentOrchestratorFunctions": "many"},
            "maxConcurrentOrchestratorFunctions in host.json is not a whole number.",
        ),
        (
            {"overridableExistingInstanceStates": "Some"},
            "must be one of NonRunningStates, AnyState.",
        ),
        ({"local": {"synchronous": "OFF"}}, "must be one of NORMAL, FULL."),
        ({"local": {"purgeFinishedAfter": "soon"}}, "is not a positive time span (hh:mm:ss)."),
    ],
)
def test_a_wrong_option_ends_the_start_and_is_named(hosts, options, said):
    app = hosts.write("", host_json={"extensions": {"durableTask": options}})
    host = hosts.launch(app)
    assert host.process.wait(30) == 2
    assert said in host.log


def test_the_hub_of_host_json_has_a_database_of_its_own(hosts):
    host = hosts.start(
        "import json\n" + APP, host_json={"extensions": {"durableTask": {"hubName": "MyHub"}}}
    )
    begin(host, "chain", "one")
    ended(host, "one")
    assert (host.state / "durable" / "myhub.db").is_file()


def test_two_functions_of_one_durable_name_are_refused_and_others_run(hosts):
    app = """
    import azure.durable_functions as df
    app = df.DFApp()
    @app.activity_trigger(input_name="x", activity="Same")
    def first(x): return 1
    @app.activity_trigger(input_name="x", activity="same")
    def second(x): return 2
    @app.orchestration_trigger(context_name="context")
    def asks(context):
        return (yield context.call_activity("SAME"))
    """
    host = hosts.start(app)
    assert "The functions 'first' and 'second' are both named 'same' as activity" in host.log
    begin(host, "asks", "one")
    assert ended(host, "one")["output"] == 1


def test_an_app_without_durable_functions_has_no_task_hub(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="x")
    def plain(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("x")
    """
    host = hosts.start(app)
    assert host.get("/api/x").text == "x"
    assert not (host.state / "durable").exists()
    assert not re.search("(?i)durable", host.log)
