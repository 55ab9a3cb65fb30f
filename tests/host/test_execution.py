"""How functions run: threads, loop, context, time limit, log lines."""

import json
import re
import socket
import threading

import pytest

APP = """
import asyncio, contextvars, json, os, sys, threading, time

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
R = func.HttpResponse
gate = threading.Barrier(3)
started = threading.Event()
release = threading.Event()
variable = contextvars.ContextVar("variable", default="unset")

@app.route(route="together")
def together(req: func.HttpRequest) -> func.HttpResponse:
    gate.wait(20)
    return R(threading.current_thread().name)

@app.route(route="loop")
async def loop(req: func.HttpRequest) -> func.HttpResponse:
    return R(str(threading.current_thread() is threading.main_thread()))

def describe(context):
    trace, retry = context.trace_context, context.retry_context
    return json.dumps({
        "id": context.invocation_id, "name": context.function_name,
        "directory": context.function_directory, "parent": trace.trace_parent,
        "state": trace.trace_state, "attributes": trace.attributes,
        "deprecated": trace.Traceparent == trace.trace_parent,
        "retry": [retry.retry_count, retry.max_retry_count, retry.exception],
        "local": getattr(context.thread_local_storage, "invocation_id", None),
    })

@app.route(route="context/sync")
def context_sync(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    return R(describe(context))

@app.route(route="context/async")
async def context_async(req: func.HttpRequest, context) -> func.HttpResponse:
    return R(describe(context))

@app.route(route="isolated")
async def isolated(req: func.HttpRequest) -> func.HttpResponse:
    before = variable.get()
    variable.set("set")
    await asyncio.sleep(0)
    return R(before + " " + variable.get())

@app.route(route="own_thread")
def own_thread(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    def work():
        context.thread_local_storage.invocation_id = context.invocation_id
        logging.info("from a thread of the app")
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return R("ok")

@app.route(route="blocked")
async def blocked(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("blocked has started")
    await asyncio.to_thread(release.wait, 20)
    logging.info("blocked has finished")
    return R("late")

@app.route(route="release")
async def release_it(req: func.HttpRequest) -> func.HttpResponse:
    release.set()
    return R("released")

@app.route(route="stop")
async def stops(req: func.HttpRequest) -> func.HttpResponse:
    raise StopIteration("odd")

@app.route(route="stop_sync")
def stops_sync(req: func.HttpRequest) -> func.HttpResponse:
    raise StopIteration("odd")

@app.route(route="cancels")
async def cancels(req: func.HttpRequest) -> func.HttpResponse:
    raise asyncio.CancelledError

@app.route(route="unprintable")
def unprintable(req: func.HttpRequest) -> func.HttpResponse:
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError
    raise Odd

@app.route(route="environment")
def environment(req: func.HttpRequest) -> func.HttpResponse:
    return R(json.dumps({**{name: os.environ.get(name) for name in (
        "FUNCTIONS_WORKER_RUNTIME", "AZURE_FUNCTIONS_ENVIRONMENT", "WEBSITE_HOSTNAME",
        "AzureWebJobsScriptRoot")}, "cwd": os.getcwd(), "path": sys.path[:2]}))
"""


@pytest.fixture(scope="module")
def host(hosts):
    return hosts.start(APP)


def test_synchronous_functions_run_side_by_side_in_threads(host):
    names = []
    callers = [
        threading.Thread(target=lambda: names.append(host.get("/api/together").text))
        for _ in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(set(names)) == 3
    assert "MainThread" not in names


def test_asynchronous_functions_run_in_the_one_event_loop(host):
    assert host.get("/api/loop").text == "True"


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_context_is_complete(host, kind):
    incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    got = host.get(
        f"/api/context/{kind}", {"traceparent": incoming, "tracestate": "vendor=value"}
    ).json
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", got["id"]
    )
    assert got["name"] == f"context_{kind}"
    assert got["directory"] == str(host.app_dir)
    _, trace_id, span_id, flags = got["parent"].split("-")
    assert (trace_id, flags) == ("0af7651916cd43dd8448eb211c80319c", "01")
    assert span_id != "b7ad6b7169203331"
    assert got["state"] == "vendor=value"
    assert "ProcessId" in got["attributes"]
    assert got["deprecated"] is True
    assert got["retry"] == [0, 0, None]
    assert got["local"] == got["id"]


@pytest.mark.parametrize("incoming", ["", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_without_a_valid_trace_a_new_one_begins(host, incoming):
    headers = {"traceparent": incoming} if incoming else {}
    parent = host.get("/api/context/sync", headers).json["parent"]
    assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", parent)


def test_a_context_variable_set_in_one_invocation_is_unknown_to_the_next(host):
    assert [host.get("/api/isolated").text for _ in range(3)] == ["unset set"] * 3


def test_a_client_that_goes_away_does_not_stop_its_function(host):
    with socket.create_connection(("127.0.0.1", host.port)) as connection:
        connection.sendall(b"GET /api/blocked HTTP/1.1\r\nHost: h\r\n\r\n")
        host.wait_for_log("blocked has started")
    host.get("/api/release")
    host.wait_for_log("blocked has finished")
    host.wait_for_log(r"Executed 'Functions.blocked' \(Succeeded")


@pytest.mark.parametrize("name", ["stop", "stop_sync", "cancels", "unprintable"])
def test_odd_exceptions_are_failures_like_any_other(host, name):
    assert host.get(f"/api/{name}").status == 500
    assert host.get("/api/loop").status == 200


def test_the_environment_is_that_of_core_tools(host):
    got = host.get("/api/environment").json
    assert got["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert got["AZURE_FUNCTIONS_ENVIRONMENT"] == "Development"
    assert got["WEBSITE_HOSTNAME"] == f"localhost:{host.port}"
    assert got["AzureWebJobsScriptRoot"] == str(host.app_dir)
    assert got["cwd"] == str(host.app_dir)
    assert str(host.app_dir) in got["path"]


def test_packages_of_the_app_go_before_everything(hosts):
    folder = hosts.write(
        """
        import ours
        app = func.FunctionApp(http_auth_level="ANONYMOUS")
        @app.route(route="x")
        def f(req: func.HttpRequest) -> func.HttpResponse:
            return func.HttpResponse(ours.NAME)
        """
    )
    packages = folder / ".python_packages" / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "ours.py").write_text("NAME = 'from the packages'")
    assert hosts.start(folder).get("/api/x").text == "from the packages"


def test_the_thread_pool_has_the_size_that_the_setting_says(hosts):
    app = """
    import threading
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    both = threading.Barrier(2)
    @app.route(route="x")
    def f(req: func.HttpRequest) -> func.HttpResponse:
        try:
            both.wait(0.2)
        except threading.BrokenBarrierError:
            return func.HttpResponse("alone")
        return func.HttpResponse("together")
    """
    host = hosts.start(app, environment={"PYTHON_THREADPOOL_THREAD_COUNT": "1"})
    answers = []
    callers = [
        threading.Thread(target=lambda: answers.append(host.get("/api/x").text)) for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert answers == ["alone", "alone"]


def test_a_function_that_exceeds_the_time_limit_fails(hosts):
    app = """
    import asyncio, threading
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    never = threading.Event()
    @app.route(route="slow_async")
    async def slow_async(req: func.HttpRequest) -> func.HttpResponse:
        try:
            await asyncio.sleep(60)
        finally:
            logging.info("cleaned up")
        return func.HttpResponse("x")
    @app.route(route="slow_sync")
    def slow_sync(req: func.HttpRequest) -> func.HttpResponse:
        never.wait(5)
        return func.HttpResponse("x")
    @app.route(route="quick")
    async def quick(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("quick")
    """
    host = hosts.start(app, host_json={"functionTimeout": "00:00:00.2"})
    for name in ("slow_async", "slow_sync"):
        assert (host.get(f"/api/{name}").status, host.get("/api/quick").status) == (500, 200)
        host.wait_for_log(
            f"Timeout value of 00:00:00.2000000 was exceeded by function: Functions.{name}"
        )
    assert "cleaned up" in host.log


def test_limits_on_requests_answer_429(hosts):
    app = """
    import asyncio
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    gone = asyncio.Event()
    @app.route(route="wait")
    async def wait(req: func.HttpRequest) -> func.HttpResponse:
        logging.info("waiting")
        await gone.wait()
        return func.HttpResponse("x")
    @app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="t")
    async def let_go(t: func.TimerRequest) -> None:
        gone.set()
    """
    host = hosts.start(app, host_json={"extensions": {"http": {"maxOutstandingRequests": 1}}})
    first = []
    caller = threading.Thread(target=lambda: first.append(host.get("/api/wait").status))
    caller.start()
    host.wait_for_log("waiting")
    assert (host.get("/api/wait").status, host.get("/api/wait").body) == (429, b"")
    host.post("/admin/functions/let_go", json.dumps({"input": ""}))
    caller.join()
    assert first == [200]


def test_asgi_and_wsgi_apps_run(hosts):
    asgi = """
    async def inner(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                logging.info("lifespan %s", message["type"])
                await send({"type": message["type"] + ".complete"})
        message = await receive()
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"1"), (b"content-type", b"text/plain")]})
        text = scope["method"] + scope["path"] + scope["query_string"].decode() + message["body"].decode()
        await send({"type": "http.response.body", "body": text.encode()})
    app = func.AsgiFunctionApp(app=inner, http_auth_level=func.AuthLevel.ANONYMOUS)
    """
    wsgi = """
    def inner(environ, start_response):
        start_response("202 Accepted", [("X-A", "1")])
        return [environ["PATH_INFO"].encode()]
    app = func.WsgiFunctionApp(app=inner, http_auth_level=func.AuthLevel.ANONYMOUS)
    """
    empty = {"extensions": {"http": {"routePrefix": ""}}}
    answer = hosts.start(asgi, host_json=empty).post("/some/where?x=1", "body")
    assert (answer.status, answer.text) == (201, "POST/some/wherex=1body")
    assert answer.header("x-a") == "1"
    answer = hosts.start(wsgi, host_json=empty).get("/some/where")
    assert (answer.status, answer.text) == (202, "/some/where")
