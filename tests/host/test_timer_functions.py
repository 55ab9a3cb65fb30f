"""Timer functions as the host runs them: manual runs, retries, the monitor over a restart."""

import json
import re

import pytest

APP = """
import json
app = func.FunctionApp(http_auth_level="ANONYMOUS")

def tell(name, timer, context=None):
    retry = context and [
        context.retry_context.retry_count,
        context.retry_context.max_retry_count,
        context.retry_context.exception and context.retry_context.exception.message,
    ]
    logging.info("%s %s", name, json.dumps({
        "past_due": timer.past_due, "schedule": timer.schedule,
        "status": timer.schedule_status, "retry": retry,
    }))

@app.timer_trigger(arg_name="t", schedule="0 0 0 1 1 *")
def yearly(t: func.TimerRequest, context: func.Context) -> None:
    tell("yearly", t, context)

@app.timer_trigger(arg_name="t", schedule="%EVERY%", run_on_startup=True)
async def hourly(t: func.TimerRequest) -> None:
    tell("hourly", t)

@app.timer_trigger(arg_name="t", schedule="*/1 * * * * *", use_monitor=False)
def often(t: func.TimerRequest) -> None:
    tell("often", t)

@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
@app.timer_trigger(arg_name="t", schedule="0 0 0 1 1 *")
def stubborn(t: func.TimerRequest, context: func.Context) -> None:
    tell("stubborn", t, context)
    raise ValueError("never")

@app.timer_trigger(arg_name="t", schedule="0 0 0 1 1 *")
def returns(t: func.TimerRequest):
    return "something"

@app.timer_trigger(arg_name="t", schedule="0 0 0 1 1 *", run_on_startup=True)
def off(t: func.TimerRequest) -> None:
    logging.info("off ran")

@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
@app.route(route="x")
def http(req: func.HttpRequest) -> func.HttpResponse:
    raise ValueError("once")
"""


@pytest.fixture(scope="module")
def host(hosts):
    environment = {"EVERY": "0 0 * * * *", "AzureWebJobs.off.Disabled": "True"}
    return hosts.start(APP, environment=environment)


def told(host, name, count=1):
    return [json.loads(text) for text in host.wait_for_log(rf"\] {name} (\{{.*\}})", count)]


def run(host, name):
    return host.post(f"/admin/functions/{name}", json.dumps({"input": ""})).status


def test_a_manual_run_has_no_status_and_is_never_past_due(host):
    assert run(host, "YEARLY") == 202
    assert told(host, "yearly")[0] == {
        "past_due": False,
        "schedule": {"AdjustForDST": True},
        "status": {},
        "retry": [0, 0, None],
    }
    host.wait_for_log(r"Executing 'Functions.yearly' \(Reason='This function was programmatically")


def test_a_timer_runs_at_start_when_it_is_asked_to(host):
    first = told(host, "hourly")[0]
    assert first["past_due"] is False
    assert set(first["status"]) == {"Last", "Next", "LastUpdated"}
    host.wait_for_log("Trigger Details: UnscheduledInvocationReason: RunOnStartup")


def test_a_timer_runs_when_it_is_due_and_says_so(host):
    assert told(host, "often", 2)[1]["status"] == {}
    assert host.wait_for_log(
        r"Executing 'Functions.often' \(Reason='Timer fired at \d{4}-\d\d-\d\dT"
    )


def test_a_failed_timer_is_retried_as_its_policy_says(host):
    assert run(host, "stubborn") == 202
    host.wait_for_log("Function execution failed after '2' retries.")
    assert [line["retry"] for line in told(host, "stubborn")] == [
        [0, 2, None],
        [1, 2, "ValueError: never"],
        [2, 2, "ValueError: never"],
    ]
    ids = re.findall(r"Executing 'Functions.stubborn' .* Id=([0-9a-f-]+)", host.log)
    assert len(set(ids)) == 3


def test_a_retry_policy_on_an_http_function_is_ignored_with_a_warning(host):
    assert host.get("/api/x").status == 500
    assert "Soon retries will not be supported for function 'http'." in host.log
    assert host.log.count("Executing 'Functions.http'") <= 1


def test_a_timer_that_returns_something_fails(host):
    assert run(host, "returns") == 202
    host.wait_for_log(
        r"RuntimeError: function 'returns' without a \$return binding returned a non-None value"
    )


def test_a_disabled_timer_does_not_run(host):
    assert "off ran" not in host.log


def test_the_management_endpoint_refuses_what_it_cannot_run(host):
    assert run(host, "nobody") == 404
    assert run(host, "http") == 400
    assert host.post("/admin/functions/yearly", "no json").status == 400
    assert host.post("/admin/functions/yearly", "[]").status == 400


def test_the_record_of_a_timer_outlives_the_host(hosts):
    app = """
    app = func.FunctionApp()
    @app.timer_trigger(arg_name="t", schedule="0 0 * * * *")
    def hourly(t: func.TimerRequest) -> None:
        logging.info("past due: %s", t.past_due)
    """
    folder = hosts.write(app)
    first = hosts.start(folder)
    first.stop()
    assert "past due" not in first.log
    # Two hours later, by the business clock that lies in the state folder.
    (first.state / "clock.json").write_text(json.dumps({"offset_seconds": 7200}))
    second = hosts.start(folder, "--state", str(first.state))
    second.wait_for_log("past due: True")
    second.wait_for_log(
        "Trigger Details: UnscheduledInvocationReason: IsPastDue, OriginalSchedule:"
    )


def test_moving_the_clock_makes_a_waiting_timer_run(hosts):
    app = """
    app = func.FunctionApp()
    @app.timer_trigger(arg_name="t", schedule="0 0 * * * *")
    def hourly(t: func.TimerRequest) -> None:
        logging.info("past due: %s", t.past_due)
    """
    host = hosts.start(app)
    host.state.mkdir(exist_ok=True)
    written = host.state / "clock.new"
    written.write_text(json.dumps({"offset_seconds": 3600}))
    written.rename(host.state / "clock.json")
    host.wait_for_log("past due: False")
