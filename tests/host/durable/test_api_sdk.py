"""Every method of the SDK's own client against the host."""

import json
import time

import pytest

from tests.support.durable_app import APP

PATIENCE_SECONDS = 30
SINCE = "2000-01-01T00:00:00"


class Client:
    """Calls methods of DurableOrchestrationClient inside the app."""

    def __init__(self, host):
        self.host = host

    def answer(self, method, *given, **named):
        return self.host.post(f"/api/client/{method}", json.dumps(named or given))

    def __call__(self, method, *given, **named):
        answer = self.answer(method, *given, **named)
        assert answer.status == 200, answer.text
        return answer.json

    def refused(self, method, *given, **named):
        answer = self.answer(method, *given, **named)
        assert answer.status == 418, answer.text
        return answer.json["raised"]

    def status(self, instance_id, *, until):
        """As soon as the instance is in one of the states `until`."""

        def is_there(status):
            return status["runtimeStatus"] in until

        return self.until(is_there, "get_status", instance_id, False, False, True)

    def until(self, accepts, method, *given):
        """What the method returns, once that is accepted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not accepts(result := self(method, *given)):
            assert time.monotonic() < deadline, result
        return result

    def finished(self, instance_id):
        return self.status(instance_id, until={"Completed", "Failed", "Terminated"})


@pytest.fixture(scope="module")
def client(hosts):
    return Client(hosts.start(APP))


def test_a_start_gives_an_id_and_the_input_comes_back(client):
    instance_id = client("start_new", "echo", None, {"x": [1, "é"]})
    assert len(instance_id) == 32
    status = client.finished(instance_id)
    assert status["output"] == {"x": [1, "é"]}
    assert status["name"] == "echo"
    assert json.loads(status["input"]) == {"x": [1, "é"]}


@pytest.mark.parametrize("given", ["hello", 5, [1, 2], None, "", False])
def test_every_kind_of_input_reaches_the_orchestrator(client, given):
    started = client("start_new", "plain", None, given)
    assert client.finished(started)["output"] == {"given": given, "version": None}


def test_an_id_and_a_version_may_be_chosen(client):
    started = client("start_new", "plain", "my id: ü", None, "2.0")
    assert started == "my id: ü"
    assert client.finished(started)["output"]["version"] == "2.0"


def test_an_unknown_orchestrator_is_refused_with_the_known_ones(client):
    text = client.refused("start_new", "nobody")
    assert text == (
        "The function 'nobody' doesn't exist, is disabled, or is not an orchestrator function. "
        "Additional info: The following are the known orchestrator functions: 'echo', 'fail', "
        "'plain', 'wait'."
    )


@pytest.mark.parametrize("instance_id", ["@a@b", "a\\b", "x" * 257])
def test_an_id_that_none_may_have_is_refused(client, instance_id):
    assert "nstance" in client.refused("start_new", "plain", instance_id)


def test_an_instance_that_runs_is_not_replaced_and_one_that_has_ended_is(client):
    client("start_new", "wait", "twice")
    assert "already exists" in client.refused("start_new", "wait", "twice")
    client("raise_event", "twice", "go", 1)
    assert client.finished("twice")["output"] == "1"
    client("start_new", "plain", "twice")
    assert client.finished("twice")["name"] == "plain"


def test_an_event_reaches_a_waiting_instance(client):
    client("start_new", "wait", "event")
    client.status("event", until={"Running"})
    client("raise_event", "event", "go", {"a": 1})
    assert json.loads(client.finished("event")["output"]) == {"a": 1}


def test_an_event_to_nobody_or_to_one_that_has_ended_is_refused(client):
    assert client.refused("raise_event", "nobody", "go") == "No instance with ID nobody found."
    client("start_new", "plain", "over")
    client.finished("over")
    assert client.refused("raise_event", "over", "go") == (
        "Instance with ID over is gone: either completed or failed"
    )


def test_an_event_may_name_the_hub(client):
    client("start_new", "wait", "in hub")
    client("raise_event", "in hub", "go", 2, "TestHubName", "Storage")
    assert client.finished("in hub")["output"] == "2"
    assert "No instance" in client.refused("raise_event", "in hub", "go", 2, "OtherHub")


def test_a_status_shows_input_and_history_on_request(client):
    client("start_new", "echo", "looked at", "hello")
    client.finished("looked at")
    bare = client("get_status", "looked at")
    # The SDK leaves showInput out, and the default of the host is to show it.
    assert bare["input"] == '"hello"'
    assert bare["history"] is None
    full = client("get_status", "looked at", True, True, True)
    kinds = [event["EventType"] for event in full["history"]]
    assert kinds == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
    assert full["history"][1]["Result"] == "hello"
    assert client("get_status", "nobody")["found"] is False


def test_a_custom_status_is_shown_while_the_instance_runs(client):
    client("start_new", "wait", "custom")
    assert client.status("custom", until={"Running"})["customStatus"] == {"waits": "for go"}


def test_a_failure_is_told(client):
    client("start_new", "fail", "failing", "x")
    status = client.finished("failing")
    assert status["runtimeStatus"] == "Failed"
    assert status["output"].startswith("Orchestrator function 'fail' failed: ")
    assert "refused" in status["output"]


def test_instances_are_listed_by_status_time_and_prefix(client):
    for number in range(3):
        client("start_new", "plain", f"listed-{number}")
        client.finished(f"listed-{number}")
    client("start_new", "wait", "listed-3")
    client.status("listed-3", until={"Running"})
    listed = client("get_status_by", created_time_from=SINCE, instance_id_prefix="listed-")
    assert [status["instanceId"] for status in listed] == [f"listed-{at}" for at in range(4)]
    running = client(
        "get_status_by", runtime_status=["Running", "Pending"], instance_id_prefix="listed-"
    )
    assert [status["instanceId"] for status in running] == ["listed-3"]
    assert client("get_status_by", created_time_to=SINCE) == []
    everything = {status["instanceId"] for status in client("get_status_all")}
    assert {"listed-0", "listed-3"} <= everything


def test_a_running_instance_is_terminated_with_a_reason(client):
    client("start_new", "wait", "ending")
    client("terminate", "ending", "because x/y & é")
    status = client.finished("ending")
    assert (status["runtimeStatus"], status["output"]) == ("Terminated", "because x/y & é")
    client("terminate", "ending", "again")
    assert "No instance with ID 'nobody'" in client.refused("terminate", "nobody", "x")


def test_a_suspended_instance_goes_on_when_it_is_resumed(client):
    client("start_new", "wait", "paused")
    client.status("paused", until={"Running"})
    client("suspend", "paused", "a while")
    client.status("paused", until={"Suspended"})
    client("raise_event", "paused", "go", 3)
    assert "500" in client.refused("suspend", "paused", "twice")
    client("resume", "paused", "now")
    assert client.finished("paused")["output"] == "3"
    client("suspend", "paused", "too late")
    assert "No instance" in client.refused("resume", "nobody", "x")


def test_a_failed_instance_is_rewound_and_others_are_not(client):
    client("start_new", "fail", "rewound", "x")
    client.finished("rewound")
    client("rewind", "rewound", "my reason")
    assert client.finished("rewound")["runtimeStatus"] == "Failed"
    client("start_new", "plain", "fine")
    client.finished("fine")
    assert "only supported on failed" in client.refused("rewind", "fine", "x")
    assert "No instance" in client.refused("rewind", "nobody", "x")


def test_an_instance_is_restarted_under_a_new_id_or_its_own(client):
    client("start_new", "echo", "again", "input")
    client.finished("again")
    new_id = client("restart", "again")["id"]
    assert new_id != "again"
    assert client.finished(new_id)["output"] == "input"
    assert client("restart", "again", False)["id"] == "again"
    assert client.finished("again")["output"] == "input"
    assert "status code 400" in client.refused("restart", "nobody")


def test_one_instance_is_purged(client):
    client("start_new", "plain", "purged")
    client.finished("purged")
    assert client("purge_instance_history", "purged") == 1
    assert client("purge_instance_history", "purged") == 0
    assert client("get_status", "purged")["found"] is False


def test_instances_are_purged_by_status_and_never_while_they_run(client):
    client("start_new", "wait", "kept")
    client("start_new", "fail", "dropped", "x")
    client.finished("dropped")
    statuses = ["Failed", "Running"]
    deleted = client("purge_instance_history_by", created_time_from=SINCE, runtime_status=statuses)
    assert deleted >= 1
    assert client("get_status", "dropped")["found"] is False
    assert client("get_status", "kept")["found"] is True


def test_an_entity_is_signalled_read_and_deleted(client):
    assert client("read_entity_state", "Counter", "k 1") == [False, None]
    for amount in (5, 7):
        client("signal_entity", "Counter", "k 1", "add", amount)
    client.until(lambda state: state == [True, 12], "read_entity_state", "counter", "k 1")
    client("signal_entity", "Counter", "k 1", "delete", None, "TestHubName", "Storage")
    client.until(lambda state: not state[0], "read_entity_state", "Counter", "k 1")
    refused = client.refused("signal_entity", "Nothing", "k", "add", 1)
    assert "unexpected status code 400" in refused


def test_a_check_status_response_leads_back_to_the_host(client):
    client("start_new", "wait", "watched")
    answer = client.answer("create_check_status_response", "watched")
    assert answer.status == 202
    assert answer.header("retry-after") == "10"
    links = answer.json
    assert answer.header("location") == links["statusQueryGetUri"]
    assert set(links) == {
        "id",
        "statusQueryGetUri",
        "sendEventPostUri",
        "terminatePostUri",
        "rewindPostUri",
        "purgeHistoryDeleteUri",
        "restartPostUri",
        "suspendPostUri",
        "resumePostUri",
    }
    path = links["statusQueryGetUri"].partition(f":{client.host.port}")[2]
    assert client.host.get(path).json["instanceId"] == "watched"


def test_a_caller_can_wait_for_the_output(client):
    wait = "wait_for_completion_or_create_check_status_response"
    client("start_new", "echo", "waited", {"a": 1})
    answer = client.answer(wait, "waited", 20_000, 50)
    assert (answer.status, answer.json) == (200, {"a": 1})
    client("start_new", "fail", "waited in vain", 1)
    answer = client.answer(wait, "waited in vain", 20_000, 50)
    assert answer.status == 500
    assert answer.json["runtimeStatus"] == "Failed"
    client("start_new", "wait", "waited too long")
    assert client.answer(wait, "waited too long", 60, 20).status == 202


def test_a_binding_may_name_another_hub(client):
    shown = client.host.get("/api/elsewhere").json
    assert shown["hub"] == "OtherHub"
    assert "taskHub=OtherHub&connection=Elsewhere" in shown["statusQueryGetUri"]


def test_the_binding_is_known_by_its_first_name_too(client):
    started = client.host.post("/api/legacy")
    assert started.status == 202
    assert client.finished(started.json["id"])["runtimeStatus"] == "Completed"


def test_the_binding_has_every_member_of_the_extension(client):
    binding = client.host.get("/api/binding").json
    base = f"http://localhost:{client.host.port}/runtime/webhooks/durabletask"
    assert binding["taskHubName"] == "TestHubName"
    assert binding["connectionName"] is None
    assert binding["baseUrl"] == base
    assert binding["httpBaseUrl"] is None
    assert binding["requiredQueryStringParameters"] == ""
    assert binding["rpcBaseUrl"].startswith("http://127.0.0.1:")
    assert binding["rpcBaseUrl"].endswith("/durabletask/")
    assert binding["managementUrls"]["id"] == "INSTANCEID"
    assert binding["creationUrls"] == {
        "createNewInstancePostUri": f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]",
        "createAndWaitOnNewInstancePostUri": f"{base}/orchestrators/{{functionName}}"
        "[/{instanceId}]?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}",
    }
