"""Signals, draining, and worker processes that share one port."""

import os
import re
import signal
import socket
import sys
import threading

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")

APP = """
import asyncio, os, threading
app = func.FunctionApp(http_auth_level="ANONYMOUS")
release = os.environ["RELEASE_FILE"]
print("a line printed at import")

def wait_for_release():
    while not os.path.exists(release):
        threading.Event().wait(0.02)

@app.route(route="slow_sync")
def slow_sync(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("slow_sync is running")
    wait_for_release()
    return func.HttpResponse("finished")

@app.route(route="slow_async")
async def slow_async(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("slow_async is running")
    await asyncio.to_thread(wait_for_release)
    return func.HttpResponse("finished")

@app.route(route="pid")
async def pid(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(os.getpid()))

@app.timer_trigger(arg_name="t", schedule="0 0 0 1 1 *", run_on_startup=True)
def starts(t: func.TimerRequest) -> None:
    logging.info("timer ran in %d", os.getpid())
    if os.environ.get("SLOW_TIMER"):
        wait_for_release()
    logging.info("timer ended")
"""


@pytest.fixture
def release(tmp_path):
    return tmp_path / "release"


def start(hosts, release, *arguments, **environment):
    environment["RELEASE_FILE"] = str(release)
    return hosts.start(APP, *arguments, environment=environment)


class Call(threading.Thread):
    def __init__(self, host, path):
        super().__init__()
        self.host, self.path, self.answer = host, path, None
        self.start()

    def run(self):
        try:
            self.answer = self.host.get(self.path)
        except OSError as error:
            self.answer = error


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_calls_under_way_finish_after_a_signal_and_the_exit_code_is_0(
    hosts, release, number, workers
):
    host = start(hosts, release, "--workers", workers)
    calls = [Call(host, "/api/slow_sync"), Call(host, "/api/slow_async")]
    host.wait_for_log("slow_sync is running")
    host.wait_for_log("slow_async is running")
    host.process.send_signal(number)
    host.wait_for_log("Application is shutting down")
    release.touch()
    for call in calls:
        call.join()
    assert [(call.answer.status, call.answer.text) for call in calls] == [(200, "finished")] * 2
    assert host.process.wait(30) == 0
    for name in ("slow_sync", "slow_async"):
        assert len(re.findall(rf"Executed 'Functions.{name}' \(Succeeded", host.log)) == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", host.port))


def test_an_idle_connection_does_not_keep_the_host_alive(hosts, release):
    host = start(hosts, release)
    with socket.create_connection(("127.0.0.1", host.port)) as idle:
        idle.sendall(b"GET /api/pid HTTP/1.1\r\nHost: h\r\n\r\n")
        assert idle.recv(100)
        assert host.stop() == 0


@pytest.mark.parametrize("path", ["/api/slow_sync", "/api/slow_async"])
def test_what_outlasts_the_drain_limit_is_abandoned(hosts, release, path):
    host = start(hosts, release, "--drain-seconds", "1")
    call = Call(host, path)
    host.wait_for_log("is running")
    assert host.stop() == 0
    call.join()
    assert getattr(call.answer, "status", 0) != 200
    release.touch()


def test_a_second_signal_ends_at_once(hosts, release):
    host = start(hosts, release)
    call = Call(host, "/api/slow_sync")
    host.wait_for_log("is running")
    host.process.send_signal(signal.SIGTERM)
    host.wait_for_log("Application is shutting down")
    host.process.send_signal(signal.SIGTERM)
    assert host.process.wait(30) == 1
    call.join()
    assert isinstance(call.answer, OSError)


def test_a_timer_under_way_finishes_too(hosts, release):
    host = start(hosts, release, SLOW_TIMER="1")
    host.wait_for_log("timer ran in")
    host.process.send_signal(signal.SIGTERM)
    host.wait_for_log("Application is shutting down")
    release.touch()
    assert host.process.wait(30) == 0
    assert "timer ended" in host.log


def test_no_line_is_lost_at_the_end(hosts, release):
    host = start(hosts, release)
    for _ in range(20):
        host.get("/api/pid")
    assert host.stop() == 0
    assert len(re.findall(r"Executing 'Functions.pid'", host.log)) == 20
    assert len(re.findall(r"Executed 'Functions.pid' \(Succeeded", host.log)) == 20
    assert "a line printed at import" in host.log


def test_a_worker_that_is_killed_is_replaced_and_timers_run_in_one_process(hosts, release):
    host = start(hosts, release, "--workers", "2")
    host.wait_for_log("a line printed at import", 2)
    runner = int(host.wait_for_log(r"timer ran in (\d+)")[0])
    assert len(re.findall("timer ran in", host.log)) == 1
    assert runner != host.process.pid
    # The one that ran the timer: the other takes its timers over.
    os.kill(runner, signal.SIGKILL)
    host.wait_for_log(rf"Worker process {runner} ended with exit code -9; another is started")
    host.wait_for_log("timer ran in", 2)
    host.wait_for_log("a line printed at import", 3)
    pids = set()
    while len(pids) < 2:
        answer = host.get("/api/pid")
        assert answer.status == 200
        pids.add(int(answer.text))
        if len(pids) == 1:
            calls = [Call(host, "/api/pid") for _ in range(8)]
            for call in calls:
                call.join()
            pids |= {int(call.answer.text) for call in calls}
    assert runner not in pids
    assert host.stop() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals connections out")
def test_connections_that_come_at_once_are_dealt_out_among_the_workers(hosts, release):
    host = start(hosts, release, "--workers", "2")
    host.wait_for_log("a line printed at import", 2)
    pids = {int(host.get("/api/pid").text)}
    while len(pids) < 2:  # until the second one listens as well
        pids.add(int(host.get("/api/pid").text))
    calls = [Call(host, "/api/pid") for _ in range(32)]
    for call in calls:
        call.join()
    assert {int(call.answer.text) for call in calls} == pids


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked for it")
def test_each_worker_stays_on_a_core_where_that_is_wished(hosts, release):
    allowed = sorted(os.sched_getaffinity(0))
    host = start(hosts, release, "--workers", "2", "--pin")
    host.wait_for_log("a line printed at import", 2)
    pids = {int(host.get("/api/pid").text)}
    while len(pids) < 2:
        pids.add(int(host.get("/api/pid").text))
    found = sorted(map(min, map(os.sched_getaffinity, pids)))
    assert found == sorted(allowed[place % len(allowed)] for place in range(2))
    assert os.sched_getaffinity(host.process.pid) == set(allowed)

    alone = start(hosts, release, "--pin")
    (core,) = os.sched_getaffinity(int(alone.get("/api/pid").text))
    assert core in allowed


def test_workers_end_when_their_parent_is_killed(hosts, release):
    host = start(hosts, release, "--workers", "2")
    host.wait_for_log("a line printed at import", 2)
    worker = int(host.get("/api/pid").text)
    host.process.kill()
    host.process.wait(30)
    # The workers' end closes the last listening socket.
    while is_listening(host.port):
        pass
    while is_alive(worker):
        pass


def is_listening(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as connection:
            connection.recv(1)
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_number_of_workers_may_come_from_the_worker_setting(hosts, release):
    host = start(hosts, release, FUNCTIONS_WORKER_PROCESS_COUNT="2")
    host.wait_for_log("a line printed at import", 2)
    assert int(host.get("/api/pid").text) != host.process.pid
    assert host.stop() == 0


def test_a_worker_that_keeps_dying_is_started_ever_more_slowly(hosts):
    host = hosts.launch(hosts.write("import os\nos._exit(7)"), "--workers", "2")
    delays = host.wait_for_log(r"ended with exit code 7; another is started in ([\d.]+) s", 6)
    assert [delays.count(delay) for delay in ("0", "0.5", "1")] == [2, 2, 2]
    assert host.stop() == 0
