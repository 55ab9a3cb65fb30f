"""The lines that a host prints, and which of them."""

import re

import pytest

APP = """
app = func.FunctionApp(http_auth_level="ANONYMOUS")
@app.route(route="talk")
def talk(req: func.HttpRequest) -> func.HttpResponse:
    logging.debug("at debug")
    logging.info("at %s", "information")
    logging.getLogger("mine").warning("at warning\\nsecond line")
    logging.getLogger("azure.functions.inner").info("of the system")
    logging.error("with %d too few", *())
    print("printed")
    return func.HttpResponse("ok")
@app.route(route="fail")
async def fail(req: func.HttpRequest) -> func.HttpResponse:
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("second") from error
"""
STAMP = r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "
GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def spoken(hosts):
    host = hosts.start(APP)
    host.get("/api/talk")
    host.get("/api/fail")
    host.stop()
    return host.log


def test_each_invocation_has_its_two_lines_with_one_id(spoken):
    started = re.search(
        rf"^{STAMP}Executing 'Functions.talk' \(Reason='This function was programmatically called "
        rf"via the host APIs\.', Id=({GUID})\)$",
        spoken,
        re.MULTILINE,
    )
    ended = re.search(
        rf"^{STAMP}Executed 'Functions.talk' \(Succeeded, Id=({GUID}), Duration=\d+ms\)$",
        spoken,
        re.MULTILINE,
    )
    assert started[1] == ended[1]


def test_the_apps_lines_are_bare_and_in_the_order_in_which_they_were_written(spoken):
    between = spoken.partition("Executing 'Functions.talk'")[2].partition("Executed")[0]
    lines = [re.sub(f"^{STAMP}", "> ", line) for line in between.splitlines()[1:]]
    assert lines[:5] == [
        "> at information",
        "> at warning",
        "second line",
        "> with %d too few",
        "printed",
    ]


def test_a_failure_shows_the_exception_its_cause_and_no_frame_of_the_host(spoken):
    failed = spoken.partition("Executed 'Functions.fail' (Failed, Id=")[2]
    assert re.search(
        rf"{STAMP}System.Private.CoreLib: Exception while executing function: Functions.fail. "
        r"System.Private.CoreLib: Result: Failure\nException: ValueError: second\nStack: Traceback",
        failed,
    )
    assert "KeyError: 'first'" in failed
    assert "direct cause" in failed
    assert "/funchost/" not in failed


def test_the_longest_prefix_of_the_category_decides(hosts):
    levels = {"default": "Error", "Function": "Warning", "Function.talk.User": "Debug"}
    host = hosts.start(
        APP,
        host_json={"logging": {"logLevel": levels}},
        environment={"PYTHON_ENABLE_DEBUG_LOGGING": "1"},
    )
    host.get("/api/talk")
    host.get("/api/fail")
    host.stop()
    assert "at debug" in host.log
    assert "Executing 'Functions.talk'" not in host.log
    assert "Executed 'Functions.fail' (Failed" in host.log


@pytest.mark.parametrize(
    ("logging", "arguments", "named"),
    [
        ({"logLevel": {"Function": "Warnig"}}, (), "logging.logLevel.Function in host.json: 'Warnig'"),
        ({"logLevel": {"default": 7}}, (), "logging.logLevel.default in host.json: '7'"),
        ({"console": {"LogLevel": {"a": True}}}, (), "logging.console.logLevel.a in host.json: 'True'"),
        ({}, ("--user-log-level", "Loud"), "--user-log-level: 'Loud'"),
    ],
)  # fmt: skip
def test_a_level_that_is_none_ends_the_start_as_on_azure(hosts, logging, arguments, named):
    folder = hosts.write(APP, host_json={"logging": logging})
    host = hosts.launch(folder, *arguments)
    assert host.process.wait(30) == 2
    assert f"{named} is no level of logging. There are Trace, Debug, Information," in host.log


def test_levels_may_be_numbers_and_an_empty_one_is_no_rule(hosts):
    levels = {"default": "4", "Function.talk.User": " warning ", "Function.talk": None, "Host": ""}
    host = hosts.start(APP, host_json={"logging": {"logLevel": levels}})
    host.get("/api/talk")
    host.stop()
    assert "at warning" in host.log
    assert "at information" not in host.log
    assert "Executing 'Functions.talk'" not in host.log


def test_a_level_in_the_environment_goes_before_host_json(hosts):
    host = hosts.start(
        APP,
        host_json={"logging": {"logLevel": {"default": "Trace"}}},
        environment={"AzureFunctionsJobHost__logging__logLevel__default": "None"},
    )
    host.get("/api/talk")
    host.stop()
    assert "Executing" not in host.log
    assert "at information" not in host.log
    assert "printed" in host.log


def test_debug_lines_of_the_app_need_their_setting(spoken):
    assert "at debug" not in spoken
    assert "of the system" not in spoken


def test_verbose_shows_the_lines_of_the_system(hosts):
    host = hosts.start(APP, "--verbose")
    host.get("/api/talk")
    host.stop()
    assert "of the system" in host.log


def test_text_that_is_no_utf_8_is_printed_escaped(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="x")
    def f(req: func.HttpRequest) -> func.HttpResponse:
        logging.info("caf\\u00e9 \\udcff end")
        return func.HttpResponse("x")
    """
    host = hosts.start(app, environment={"PYTHONIOENCODING": "ascii"})
    assert host.get("/api/x").status == 200
    host.wait_for_log(r"café \\udcff end")


def test_an_app_that_closes_standard_output_is_served_on(hosts):
    host = hosts.start(
        """
        import sys
        app = func.FunctionApp(http_auth_level="ANONYMOUS")
        @app.route(route="close")
        def close(req: func.HttpRequest) -> func.HttpResponse:
            sys.stdout.close()
            return func.HttpResponse("closed")
        @app.route(route="talk")
        def talk(req: func.HttpRequest) -> func.HttpResponse:
            print("to nobody")
            return func.HttpResponse("said")
        """
    )
    assert [host.get(f"/api/{name}").text for name in ("close", "talk", "talk")] == [
        "closed",
        "said",
        "said",
    ]


def test_names_that_host_json_does_not_know_are_told_with_the_nearest(hosts):
    host = hosts.start(
        APP,
        host_json={
            "functionTimeOut": "00:05:00",
            "extentions": {"http": {"routePrefix": "v1"}},
            "extensions": {
                "HTTP": {"routePrefixes": "v2", "customHeaders": {"X-Any": "1"}},
                "serviceBus": {"maxConcurentCalls": 4, "clientRetryOptions": {"retries": 1}},
                "kafka": {"anything": 1},
            },
            "logging": {"logLevel": {"Any": "Error"}, "applicationInsights": {"any": {}}},
        },
    )
    assert host.get("/api/talk").status == 200
    host.stop()
    told = re.findall(rf"^{STAMP}host\.json: (.*)$", host.log, re.MULTILINE)
    assert told == [
        "extentions is not known and is ignored. Did you mean extensions?",
        "extensions.http.routePrefixes is not known and is ignored. Did you mean routePrefix?",
        "extensions.serviceBus.maxConcurentCalls is not known and is ignored."
        " Did you mean maxConcurrentCalls?",
        "extensions.serviceBus.clientRetryOptions.retries is not known and is ignored."
        " Did you mean maxRetries?",
    ]


def test_what_every_host_knows_is_no_cause_for_a_line(spoken):
    assert "host.json:" not in spoken
