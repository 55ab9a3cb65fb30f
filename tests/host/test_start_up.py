"""The command line, the settings files, and what happens when something is wrong with them."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
SHOW = """
import json, os
app = func.FunctionApp(http_auth_level="ANONYMOUS")
@app.route(route="env")
def env(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({name: os.environ.get(name) for name in req.params.values()}))
@app.route(route="other")
def other(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("other")
"""


def refuse(hosts, folder, *arguments, environment=None):
    host = hosts.launch(folder, *arguments, environment=environment)
    assert host.process.wait(30) == 2
    assert "Traceback" not in host.log
    return host.log


@pytest.mark.parametrize("command", [("start",), ("host", "start")])
def test_the_current_folder_is_the_app_and_core_tools_options_are_accepted(hosts, command):
    folder = hosts.write(SHOW)
    host = hosts.start(
        folder, "--verbose", "--python", "--no-build", "--timeout", "20", "--language-worker", "x",
        cwd=folder, command=command,
    )  # fmt: skip
    assert host.get("/").status == 200
    assert host.get("/api/other").text == "other"
    assert host.stop() == 0


def test_the_port_of_the_command_line_goes_before_the_settings_file(hosts):
    port = free_ports()
    local = {"IsEncrypted": False, "Values": {}, "Host": {"LocalHttpPort": port}}
    folder = hosts.write(SHOW, local_settings=local)
    assert hosts.start(folder, port=None).port == port
    assert hosts.start(folder).port != port


def test_a_taken_port_is_one_sentence(hosts):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        host = hosts.launch(hosts.write(SHOW), port=str(port))
        assert host.process.wait(30) == 2
    assert f"Port {port} is unavailable" in host.log
    assert "Traceback" not in host.log


def test_a_missing_folder_is_one_sentence(hosts, tmp_path):
    assert "does not exist" in refuse(hosts, tmp_path / "nowhere")


def test_a_folder_without_an_app_is_one_sentence(hosts, tmp_path):
    assert "Unable to find project root." in refuse(hosts, tmp_path)


@pytest.mark.parametrize(
    ("host_json", "expected"),
    [
        ("{", "host.json cannot be read"),
        ("[]", "host.json does not hold a JSON object"),
        ("{}", "missing the required 'version' property"),
        ('{"version":"1.0"}', "'1.0' is an invalid value for host.json 'version' property"),
        ('{"version":"2.0","functionTimeout":"soon"}', "functionTimeout in host.json"),
        ('{"version":"2.0","retry":{"strategy":"fixedDelay"}}', "retry in host.json"),
        (
            '{"version":"2.0","extensions":{"http":{"maxOutstandingRequests":"x"}}}',
            "maxOutstandingRequests in host.json is not a whole number",
        ),
    ],
)
def test_a_bad_host_json_is_one_sentence(hosts, host_json, expected):
    folder = hosts.write(SHOW, host_json=host_json)
    assert expected in refuse(hosts, folder)
    if "maxOutstanding" in host_json:
        assert expected in refuse(hosts, folder, "--workers", "2")


def test_other_bad_input_is_one_sentence(hosts):
    folder = hosts.write(SHOW)
    assert "CORS" in refuse(hosts, folder, "--cors", "*", "--cors-credentials")
    assert "--static takes" in refuse(hosts, folder, "--static", "nonsense")
    assert "--redirect takes" in refuse(hosts, folder, "--redirect", "/a=https://elsewhere.test")
    assert "number of workers" in refuse(hosts, folder, "--workers", "0")
    assert "HTTPS" in refuse(hosts, folder, "--useHttps")
    encrypted = hosts.write(SHOW, local_settings={"IsEncrypted": True, "Values": {}})
    assert "is encrypted" in refuse(hosts, encrypted)
    folder = hosts.write(SHOW, local_settings={"Values": {"A": {"b": 1}}})
    assert "The value of A in local.settings.json is not a string" in refuse(hosts, folder)


def test_host_json_may_hold_comments_and_trailing_commas(hosts):
    text = """\ufeff{
      // the version
      "version": "2.0", /* and
      more */ "extensions": {"http": {"routePrefix": "a//b",},},
    }"""
    folder = hosts.write(SHOW, host_json=text)
    assert hosts.start(folder).get("/a//b/other").status in {200, 404}


def test_a_missing_host_json_counts_as_one_with_the_version_alone(hosts):
    folder = hosts.write(SHOW)
    (folder / "host.json").unlink()
    assert hosts.start(folder).get("/api/other").status == 200


def test_local_settings_become_environment_variables_unless_they_are_set_already(hosts):
    local = {
        "Values": {"FROM_FILE": "file", "FROM_BOTH": "file", "NUMBER": 5, "FLAG": True},
        "ConnectionStrings": {"PG": {"ConnectionString": "server", "ProviderName": "x"}},
    }
    host = hosts.start(SHOW, local_settings=local, environment={"FROM_BOTH": "process"})
    got = host.get("/api/env?a=FROM_FILE&b=FROM_BOTH&c=NUMBER&d=FLAG&e=ConnectionStrings:PG").json
    assert got == {
        "FROM_FILE": "file",
        "FROM_BOTH": "process",
        "NUMBER": "5",
        "FLAG": "true",
        "ConnectionStrings:PG": "server",
    }
    assert (
        "Skipping 'FROM_BOTH' from local settings as it's already defined in current environment "
        "variables." in host.log
    )


def test_the_log_never_shows_the_value_of_a_setting(hosts):
    local = {"Values": {"SECRET": "hush-hush", "FROM_BOTH": "hush-hush"}}
    host = hosts.start(
        SHOW, "--verbose", local_settings=local, environment={"FROM_BOTH": "psst-psst"}
    )
    host.get("/api/env?a=SECRET")
    host.stop()
    assert "hush-hush" not in host.log
    assert "psst-psst" not in host.log


def test_only_the_functions_that_are_asked_for_are_hosted(hosts):
    folder = hosts.write(SHOW)
    for host in (
        hosts.start(folder, "--functions", "OTHER", "nobody"),
        hosts.start(folder, environment={"AzureFunctionsJobHost__functions__0": "other"}),
        hosts.start(SHOW, host_json={"functions": ["other"]}),
    ):
        assert (host.get("/api/other").status, host.get("/api/env").status) == (200, 404)


def test_another_entry_file_can_be_named(hosts):
    folder = hosts.write(SHOW, name="main_app.py")
    host = hosts.start(folder, environment={"PYTHON_SCRIPT_FILE_NAME": "main_app.py"})
    assert host.get("/api/other").status == 200


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        ("raise RuntimeError('broken app')", "Exception: RuntimeError: broken app"),
        ("import nosuchmodule", "Cannot find module. Please check the requirements.txt file"),
        ("import sys; sys.exit(3)", "Exception: SystemExit: 3"),
        ("x = 1", "Could not find top level function app instances in function_app.py."),
        ("this is no Python", "Exception: SyntaxError"),
    ],
)
def test_an_app_that_cannot_be_indexed_leaves_the_host_up(hosts, app, expected):
    host = hosts.start(app)
    assert expected in host.log
    assert "Result: Failure" in host.log
    assert (host.get("/").status, host.get("/api/f").status) == (200, 404)
    assert host.get("/admin/host/status").json["state"] == "Error"
    assert host.stop() == 0


def test_functions_that_the_host_refuses_leave_the_others_working(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="fine")
    def fine(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("fine")
    @app.route(route="a", trigger_arg_name="my_req")
    def underscored(my_req: func.HttpRequest) -> func.HttpResponse: ...
    @app.route(route="b")
    def _private(req: func.HttpRequest) -> func.HttpResponse: ...
    @app.function_name("HOST")
    @app.route(route="c")
    def reserved(req: func.HttpRequest) -> func.HttpResponse: ...
    @app.function_name("FINE")
    @app.route(route="d")
    def twice(req: func.HttpRequest) -> func.HttpResponse: ...
    @app.service_bus_queue_trigger(arg_name="m", queue_name="%NOQUEUE%", connection="C")
    def unresolved(m: func.ServiceBusMessage): ...
    @app.generic_trigger(arg_name="m", type="carrierPigeonTrigger", loft="x")
    def pigeon(m: str): ...
    @app.route(route="e")
    @app.generic_output_binding(arg_name="out", type="carrierPigeon")
    def sends(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse: ...
    @app.timer_trigger(arg_name="t", schedule="every day")
    def late(t: func.TimerRequest): ...
    """
    host = hosts.start(app)
    for name, problem in {
        "underscored": "The binding name my_req is invalid. Please assign a valid name to the binding.",
        "_private": "'_private' is not a valid function name.",
        "HOST": "'HOST' is not a valid function name.",
        "FINE": "Found duplicate FunctionMetadata with the name FINE",
        "unresolved": "'%NOQUEUE%' does not resolve to a value.",
        "pigeon": "The binding type(s) 'carrierPigeonTrigger' are not registered. Please ensure the "
        "type is correct and the binding extension is installed.",
        "sends": "The binding type(s) 'carrierPigeon' are not registered.",
        "late": "The schedule expression 'every day' was not recognized as a valid cron expression",
    }.items():
        assert f"The '{name}' function is in error: {problem}" in host.log
    assert host.get("/api/fine").text == "fine"
    for route in "abcde":
        assert host.get(f"/api/{route}").status == 404


def test_help_names_the_options():
    shown = subprocess.run(
        [sys.executable, "-m", "funchost", "start", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for option in ("--app-dir", "--port", "--workers", "--state", "--enableAuth", "--static"):
        assert option in shown


def test_the_settings_file_is_read_whatever_its_keys_case(hosts):
    folder = hosts.write(SHOW)
    (folder / "local.settings.json").write_text(json.dumps({"values": {"X": "1"}}), "utf-8-sig")
    assert hosts.start(folder).get("/api/env?a=X").json == {"X": "1"}


@pytest.mark.parametrize(
    ("name", "value"), [("", "x"), ("A=B", "x"), ("A", "x\0y"), ("A", "\ud800")]
)
def test_a_setting_that_no_environment_can_hold_is_one_sentence(hosts, name, value):
    folder = hosts.write(SHOW, local_settings={"Values": {name: value}})
    assert "no environment can hold" in refuse(hosts, folder)


def test_a_time_zone_that_is_not_known_is_one_sentence(hosts):
    folder = hosts.write(SHOW, local_settings={"Values": {"WEBSITE_TIME_ZONE": "Nope/Zone"}})
    assert "no known IANA time zone" in refuse(hosts, folder)


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "GeneratorExit", "BaseException('x')"])
def test_whatever_an_app_raises_at_import_leaves_the_host_up(hosts, raised):
    host = hosts.start(hosts.write(f"raise {raised}"))
    assert host.get("/api/other").status == 404
    assert "Worker failed to index functions" in host.log
    assert host.stop() == 0


def test_an_app_does_not_take_the_signals_from_the_host(hosts):
    app = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SHOW}"
    assert hosts.start(hosts.write(app)).stop() == 0


def test_the_first_app_of_the_documentation_runs(hosts):
    page = (ROOT / "docs" / "funchost.md").read_text("utf-8")
    code, settings = (
        page.partition(f"```{language}\n")[2].partition("```")[0] for language in ("python", "json")
    )
    host = hosts.start(code, host_json=json.loads(settings))
    assert host.get("/api/hello/Ada").text == "Hello, Ada."
    assert host.get("/api/hello").text == "Hello, world."
    host.stop()
    assert "tick: timerTrigger" in host.log
