"""The broker's life in the host: start, drain, several processes, take-over, what is refused."""

import os
import signal

import pytest
from azure.servicebus import ServiceBusMessage

from tests.host.service_bus import (
    connection_string,
    declaration,
    producing,
    told,
    write_declaration,
)
from tests.support.ports import free_ports

APP = """
import asyncio, json, os, sys
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.service_bus_queue_trigger(arg_name="m", queue_name="work", connection="SB")
async def work(m: func.ServiceBusMessage) -> None:
    seconds = float(m.get_body())
    logging.info("begun %s", json.dumps(
        {"pid": os.getpid(), "count": m.delivery_count, "sdk": "azure.servicebus" in sys.modules}
    ))
    await asyncio.sleep(seconds)
    logging.info("done %s", json.dumps({"pid": os.getpid(), "number": m.message_id}))

@app.route(route="pid")
def pid(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(os.getpid()))

@app.route(route="put", methods=["POST"])
@app.service_bus_queue_output(arg_name="out", queue_name="store", connection="SB")
def put(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    return func.HttpResponse("put")
"""


def environment(port, **more):
    return {"SB": connection_string(port), **more}


def options(**values):
    return {"extensions": {"serviceBus": values}}


def test_sigterm_lets_what_runs_finish_and_gives_back_what_waits(hosts):
    port = free_ports()
    folder = hosts.write(APP, host_json=options(maxConcurrentCalls=1, prefetchCount=3))
    host = hosts.start(folder, environment=environment(port))
    with producing(port) as producer:
        producer.send("work", "1.5", "0", "0", "0")
    told(host, "begun")
    assert host.stop() == 0
    assert len(told(host, "done")) == 1
    again = hosts.start(folder, "--state", str(host.state), environment=environment(port))
    # Those that waited had not been delivered, so this is their first delivery.
    assert [each["count"] for each in told(again, "begun", 3)] == [1, 1, 1]
    assert again.stop() == 0
    assert len(told(again, "done", 3)) == 3


def test_messages_outlive_a_host_that_is_killed(hosts):
    port = free_ports()
    folder = hosts.write(APP)
    first = hosts.start(
        folder, environment=environment(port, **{"AzureWebJobs.work.Disabled": "1"})
    )
    with producing(port) as producer:
        producer.send("work", "0", "0")
    first.process.kill()
    first.process.wait()
    second = hosts.start(folder, "--state", str(first.state), environment=environment(port))
    assert len(told(second, "done", 2)) == 2


def test_of_two_hosts_on_one_state_one_serves_and_the_other_takes_over(hosts):
    port = free_ports()
    folder = hosts.write(APP)
    first = hosts.start(folder, environment=environment(port))
    state = str(first.state)
    off = {"AzureWebJobs.work.Disabled": "1"}
    second = hosts.start(folder, "--state", state, environment=environment(port))
    assert second.post("/api/put", "by the client").status == 200
    first.process.kill()
    first.process.wait()
    with producing(port) as producer:
        producer.send("work", "0")
        told(second, "done")
        assert second.post("/api/put", "by the heir").status == 200
        stored = producer.take("store", 2)
    assert [b"".join(each.body) for each in stored] == [b"by the client", b"by the heir"]
    third = hosts.start(folder, "--state", state, environment=environment(port, **off))
    assert third.post("/api/put", "by the next client").status == 200
    assert second.stop() == 0
    with producing(port) as producer:
        assert b"".join(producer.take("store", 1)[0].body) == b"by the next client"


def test_several_workers_share_the_work_and_survive_the_loss_of_any(hosts):
    port = free_ports()
    folder = hosts.write(APP, host_json=options(maxConcurrentCalls=2))
    host = hosts.start(folder, "--workers", "2", environment=environment(port))
    with producing(port) as producer:
        # Each takes two at a time, so that two of them run four.
        producer.send("work", *["30"] * 4)
        begun = told(host, "begun", 4)
    pids = {each["pid"] for each in begun}
    assert len(pids) == 2
    assert not any(each["sdk"] for each in begun)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    host.wait_for_log(r"Worker process \d+ ended", 2)
    with producing(port) as producer:
        producer.send("work", "0")
        assert told(host, "done", 1)[0]["pid"] not in pids
    assert host.stop() == 0


def test_somebody_else_s_broker_is_used_as_it_is(hosts):
    port = free_ports()
    owner = hosts.start(
        hosts.write(APP), environment=environment(port, **{"AzureWebJobs.work.Disabled": "1"})
    )
    guest = hosts.start(hosts.write(APP), environment=environment(port))
    with producing(port) as producer:
        producer.send("work", "0")
        assert len(told(guest, "done")) == 1
    assert guest.stop() == 0
    assert "done {" not in owner.log


def refused(hosts, folder, *arguments, port=None, **more):
    host = hosts.launch(folder, *arguments, environment=environment(port or free_ports(), **more))
    assert host.process.wait(30) == 2
    return host.log


@pytest.mark.parametrize("place", ["infra/servicebus.json", "servicebus.json", "--servicebus"])
def test_an_entity_that_the_file_lacks_ends_the_start_with_its_name(hosts, place):
    folder = hosts.write(APP)
    content = declaration({"work": {}})
    arguments = []
    if place.startswith("--"):
        arguments = [place, str(write_declaration(folder, content, "elsewhere.json"))]
    else:
        write_declaration(folder, content, place)
    log = refused(hosts, folder, *arguments)
    assert "store" in log
    assert "'put'" in log
    assert "Traceback" not in log


def test_a_file_that_cannot_be_read_ends_the_start(hosts):
    folder = hosts.write(APP)
    assert "elsewhere.json" in refused(
        hosts, folder, "--servicebus", str(folder / "elsewhere.json")
    )
    (folder / "servicebus.json").write_text('{"UserConfig": {"Namespaces": []}}')
    assert "UserConfig.Namespaces" in refused(hosts, folder)


def test_a_wrong_option_ends_the_start(hosts):
    folder = hosts.write(APP, host_json=options(maxConcurrentCalls=0))
    assert "extensions.serviceBus.maxConcurrentCalls" in refused(hosts, folder)


def test_a_binding_without_an_entity_is_the_function_s_error(hosts):
    app = """
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.generic_trigger(arg_name="m", type="serviceBusTrigger", connection="SB")
    def bad(m: str) -> None: ...
    @app.route(route="well")
    def well(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("well")
    """
    host = hosts.start(app, environment=environment(free_ports()))
    assert host.get("/api/well").text == "well"
    host.wait_for_log("The 'bad' function is in error: The Service Bus binding 'm' needs either")


def test_an_app_that_only_sends_through_the_sdk_finds_the_broker(hosts):
    app = """
    import os
    from azure.servicebus.aio import ServiceBusClient
    from azure.servicebus import ServiceBusMessage
    app = func.FunctionApp(http_auth_level="ANONYMOUS")
    @app.route(route="send")
    async def send(req: func.HttpRequest) -> func.HttpResponse:
        async with ServiceBusClient.from_connection_string(os.environ["ANY_NAME"]) as client:
            async with client.get_queue_sender("box") as sender:
                await sender.send_messages(ServiceBusMessage("hello"))
        return func.HttpResponse("sent")
    """
    port = free_ports()
    folder = hosts.write(app)
    write_declaration(folder, declaration({"box": {}}))
    host = hosts.start(folder, environment={"ANY_NAME": connection_string(port)})
    assert host.get("/api/send").text == "sent"
    with producing(port) as producer:
        assert b"".join(producer.take("box", 1)[0].body) == b"hello"


def test_sessions_go_on_in_order_after_a_take_over(hosts, tmp_path):
    app = """
    import os
    app = func.FunctionApp()
    @app.service_bus_queue_trigger(arg_name="m", queue_name="ordered", connection="SB",
                                   is_sessions_enabled=True)
    async def ordered(m: func.ServiceBusMessage) -> None:
        # A log's last lines would be lost with the host.
        with open(os.environ["SEEN"], "ab", buffering=0) as seen:
            seen.write(m.get_body() + b"\\n")
        logging.info("saw %s", m.get_body().decode())
    """
    port = free_ports()
    folder = hosts.write(app)
    settings = environment(port, SEEN=str(tmp_path / "seen"))
    first = hosts.start(folder, environment=settings)
    second = hosts.start(folder, "--state", str(first.state), environment=settings)
    with producing(port) as producer:
        for number in range(5):
            producer.send("ordered", ServiceBusMessage(str(number), session_id="s"))
    first.process.kill()
    first.process.wait()
    with producing(port) as producer:
        for number in range(5, 10):
            producer.send("ordered", ServiceBusMessage(str(number), session_id="s"))
    second.wait_for_log("saw 9")
    seen = (tmp_path / "seen").read_text().split()
    assert list(dict.fromkeys(seen)) == [str(number) for number in range(10)]
