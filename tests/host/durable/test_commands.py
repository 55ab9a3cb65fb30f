"""`python -m funchost durable ...`, beside a running host and on the state of a stopped one."""

import json
import re

import pytest

from funchost.cli import main
from tests.support.durable_app import APP

BASE = "/runtime/webhooks/durabletask"
JSON = {"Content-Type": "application/json"}
WAIT = "timeout=30&pollingInterval=1"


@pytest.fixture(scope="module")
def host(hosts):
    running = hosts.start(APP)
    for name, instance_id, body in (
        ("plain", "done", '{"a": 1}'),
        ("fail", "failed", '"1"'),
    ):
        running.post(f"{BASE}/orchestrators/{name}/{instance_id}?{WAIT}", body, JSON)
    for instance_id in ("waiting", "to-raise", "to-end", "to-pause"):
        running.post(f"{BASE}/orchestrators/wait/{instance_id}", headers=JSON)
        wait_for(running, instance_id, {"Running"})
    return running


@pytest.fixture
def durable(host, capsys):
    """Runs a command on the host's state: its exit code, and what it wrote."""

    def durable(*words, state=host.state):
        code = main(["durable", *words, "--state", str(state), "--app-dir", str(host.app_dir)])
        written = capsys.readouterr()
        return code, written.out, written.err

    return durable


def wait_for(host, instance_id, statuses):
    path = f"{BASE}/instances/{instance_id}"
    for _ in range(5000):
        status = host.get(path).json
        if status["runtimeStatus"] in statuses:
            return status
    raise AssertionError(status)


def test_instances_are_listed_newest_first_as_a_table(durable):
    code, out, _ = durable("list")
    assert code == 0
    lines = out.splitlines()
    assert re.split(r"\s{2,}", lines[0]) == [
        "STATUS",
        "ORCHESTRATOR",
        "INSTANCE",
        "CREATED",
        "UPDATED",
        "CUSTOM STATUS",
    ]
    ids = [re.split(r"\s{2,}", line)[2] for line in lines[1:]]
    assert ids.index("waiting") < ids.index("failed") < ids.index("done")
    assert re.match(
        r"Running +wait +waiting +\d{4}-\d\d-\d\d .*for go", lines[1 + ids.index("waiting")]
    )


def test_a_list_is_filtered_and_may_be_json(durable):
    _, out, _ = durable("list", "--status", "failed,completed", "--json")
    listed = json.loads(out)
    assert {status["instanceId"] for status in listed} >= {"done", "failed"}
    assert {status["runtimeStatus"] for status in listed} <= {"Completed", "Failed"}
    _, out, _ = durable("list", "--prefix", "wait", "--name", "WAIT", "--after", "1h")
    assert "waiting" in out
    assert "to-raise" not in out
    _, out, _ = durable("list", "--before", "2000-01-01")
    assert out == "No instance is like that.\n"
    _, out, err = durable("list", "--top", "1")
    assert len(out.splitlines()) == 2
    assert "There are more than 1" in err


def test_one_instance_is_shown_with_what_it_was_given_and_gave(durable):
    _, out, _ = durable("show", "done")
    assert re.search(r"^Status +Completed$", out, re.MULTILINE)
    assert re.search(r'^Input +\{"a":1\}$', out, re.MULTILINE)
    assert re.search(r'^Output +\{"given"', out, re.MULTILINE)
    _, out, _ = durable("show", "failed", "--json")
    assert json.loads(out)["runtimeStatus"] == "Failed"


def test_entities_are_listed_with_their_state(host, durable):
    signal = f"{BASE}/entities/counter/k1"
    assert host.post(f"{signal}?op=add", json.dumps("5"), JSON).status == 202
    for _ in range(5000):
        if host.get(signal).status == 200:
            break
    code, out, _ = durable("list", "--entities")
    assert code == 0
    assert re.search(r"^counter +k1 +\d{4}-\d\d-\d\d \S+ .*5$", out, re.MULTILINE)
    _, out, _ = durable("list", "--entities", "--json", "--name", "counter")
    [entity] = json.loads(out)
    assert (entity["entityId"], entity["state"]) == ({"name": "counter", "key": "k1"}, 5)
    assert durable("list", "--entities", "--name", "other")[1] == "No entity is like that.\n"


def test_a_history_is_shown_event_by_event(durable):
    _, out, _ = durable("history", "failed")
    kinds = [re.split(r"\s{2,}", line)[1] for line in out.splitlines()[1:]]
    for kind in ("ExecutionStarted", "TaskScheduled", "TaskFailed", "ExecutionCompleted"):
        assert kind in kinds
    assert "refused" in out
    _, out, _ = durable("history", "failed", "--json")
    assert [event["EventType"] for event in json.loads(out)][-1] == "ExecutionCompleted"


def test_an_event_that_is_raised_beside_the_host_reaches_the_instance(host, durable):
    assert durable("raise", "to-raise", "go", '{"n": 1}')[0] == 0
    assert wait_for(host, "to-raise", {"Completed"})["output"] == {"n": 1}
    code, _, err = durable("raise", "to-raise", "go")
    assert code == 1
    assert err == "to-raise has ended already: it is Completed.\n"


def test_an_instance_is_suspended_resumed_and_terminated(host, durable):
    assert durable("suspend", "to-pause", "--reason", "a while")[0] == 0
    wait_for(host, "to-pause", {"Suspended"})
    code, _, err = durable("suspend", "to-pause")
    assert code == 1
    assert "is in the Suspended state" in err
    assert durable("resume", "to-pause")[0] == 0
    wait_for(host, "to-pause", {"Running"})
    assert durable("terminate", "to-end", "--reason", "enough")[0] == 0
    assert wait_for(host, "to-end", {"Terminated"})["output"] == "enough"


def test_an_instance_is_restarted_and_purged(host, durable):
    code, out, _ = durable("restart", "done")
    assert code == 0
    started = re.fullmatch(r"Started (\w+)\.\n", out)[1]
    wait_for(host, started, {"Completed"})
    assert durable("purge", started) == (0, "Deleted: 1.\n", "")
    assert host.get(f"{BASE}/instances/{started}").status == 404


def test_what_still_runs_is_purged_by_force_alone(host, durable):
    host.post(f"{BASE}/orchestrators/wait/stubborn", headers=JSON)
    wait_for(host, "stubborn", {"Running"})
    code, _, err = durable("purge", "stubborn")
    assert code == 1
    assert "--force" in err
    assert durable("purge", "stubborn", "--force")[0] == 0
    assert host.get(f"{BASE}/instances/stubborn").status == 404


def test_purging_everything_by_accident_is_refused(durable):
    code, _, err = durable("purge")
    assert code == 2
    assert err == "purge takes ids, or --before, --after or --status.\n"
    assert durable("purge", "--before", "365d")[1] == "Deleted: 0.\n"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["show", "nobody"], 1, "There is no instance 'nobody' in the task hub TestHubName."),
        (["terminate", "nobody"], 1, "There is no instance 'nobody'"),
        (["purge", "done", "nobody"], 1, "There is no instance 'nobody'"),
        (["rewind", "waiting"], 1, "only supported on failed"),
        (["rewind", "done"], 1, "done has not failed"),
        (["raise", "waiting", "go", "{"], 1, "which this is not"),
        (["list", "--status", "happy"], 2, "--status: 'happy' is not one of Running"),
        (["list", "--after", "soon"], 1, "--after takes a time such as"),
        (["list", "--top", "0"], 2, "--top must be at least 1"),
        (["list", "--entities", "--status", "failed"], 2, "--entities takes --name and --top"),
        (["list", "--task-hub", "Other"], 2, "There is no task hub 'Other'"),
        (["list", "--task-hub", "not one"], 2, "'not one' is not the name of a task hub"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(durable, words, code, text):
    result = durable(*words)
    assert (result[0], result[1]) == (code, "")
    assert text in result[2]
    assert "Traceback" not in result[2]


def test_a_folder_without_instances_stays_as_it_is(durable, tmp_path):
    code, _, err = durable("list", state=tmp_path)
    assert code == 2
    assert "there is: none" in err
    assert list(tmp_path.iterdir()) == []
    code, _, err = durable("list", state=tmp_path / "missing")
    assert code == 2
    assert "does not exist" in err


def test_what_a_stopped_host_is_told_happens_when_it_runs_again(hosts, capsys):
    app_dir = hosts.write(APP)
    first = hosts.start(app_dir)
    first.post(f"{BASE}/orchestrators/wait/asleep", headers=JSON)
    wait_for(first, "asleep", {"Running"})
    first.stop()
    words = ["--state", str(first.state), "--app-dir", str(app_dir)]
    assert main(["durable", "raise", "asleep", "go", '"wake"', *words]) == 0
    capsys.readouterr()
    assert main(["durable", "show", "asleep", "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out)["runtimeStatus"] == "Running"
    second = hosts.start(app_dir, "--state", str(first.state))
    assert wait_for(second, "asleep", {"Completed"})["output"] == "wake"


def test_the_hub_of_the_app_is_meant_unless_another_is_named(hosts, capsys, monkeypatch):
    monkeypatch.setenv("HUB", "MyHub")
    settings = {"extensions": {"durableTask": {"hubName": "%HUB%"}}}
    host = hosts.start(APP, host_json=settings)
    host.post(f"{BASE}/orchestrators/plain/mine?{WAIT}")
    words = ["durable", "list", "--json", "--state", str(host.state)]
    for more in (["--app-dir", str(host.app_dir)], ["--task-hub", "myhub"], []):
        assert main([*words, *more]) == 0
        assert json.loads(capsys.readouterr().out)[0]["instanceId"] == "mine"


def test_a_terminal_is_not_steered_by_what_an_instance_holds(host, durable):
    body = json.dumps("\x1b[2J\u202egone")
    host.post(f"{BASE}/orchestrators/plain/steering?{WAIT}", body, JSON)
    _, out, _ = durable("show", "steering")
    assert "\x1b" not in out
    assert "\u202e" not in out
