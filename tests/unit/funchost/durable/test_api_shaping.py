"""Statuses and histories as the management API shows them."""

import pytest

from funchost.durable.api.links import Links, public_origin
from funchost.durable.api.shaping import moment_text, shape_history, shape_status, stored_value
from funchost.durable.interface import InstanceStatus, RuntimeStatus
from tests.support.durable_hub import begin, episode, event, moment

FINISHED = [
    *episode(0, begin("order", '"{}"'), event(4, 0.1, 0, Name="act", Version=None, Input='["x"]')),
    *episode(
        1,
        event(5, 0.9, TaskScheduledId=0, Result='"hi"'),
        event(1, 1.1, 1, OrchestrationStatus=1, Result='["hi"]', FailureDetails=None),
    ),
]


def test_a_completion_takes_the_place_of_what_was_scheduled():
    shown = shape_history(FINISHED, show_input=True, show_output=True)
    assert [item["EventType"] for item in shown] == [
        "ExecutionStarted",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    assert shown[0]["FunctionName"] == "order"
    assert not {"Name", "Version", "Tags", "ParentInstance", "EventId"} & set(shown[0])
    assert shown[1] == {
        "EventType": "TaskCompleted",
        "Timestamp": "2026-01-01T12:00:00.9000000Z",
        "Result": "hi",
        "ScheduledTime": "2026-01-01T12:00:00.1000000Z",
        "FunctionName": "act",
        "Input": '["x"]',
    }
    assert shown[2]["OrchestrationStatus"] == "Completed"
    assert shown[2]["Result"] == ["hi"]


def test_inputs_and_outputs_are_shown_on_request_alone():
    shown = shape_history(FINISHED, show_input=False, show_output=False)
    assert not any({"Input", "Result"} & set(item) for item in shown)


def test_what_has_no_outcome_yet_stays():
    [_, scheduled] = shape_history(FINISHED[:4], show_input=False, show_output=False)
    assert scheduled["EventType"] == "TaskScheduled"
    assert scheduled["Name"] == "act"
    assert "Version" not in scheduled


def test_failures_timers_and_events_keep_what_they_say():
    history = [
        event(7, 0, 0, Name="child", InstanceId="c", Version=None, Input=None),
        event(9, 1, TaskScheduledId=0, Reason="bad", Details="{}"),
        event(10, 1, 1, FireAt="2026-01-01T12:00:02Z"),
        event(11, 2, TimerId=1, FireAt="2026-01-01T12:00:02Z"),
        event(15, 3, Name="Ev", Input='"ok"'),
    ]
    failed, created, fired, raised = shape_history(history, show_input=True, show_output=True)
    assert failed["Reason"] == "bad"
    assert failed["FunctionName"] == "child"
    assert created["FireAt"] == fired["FireAt"]
    assert "TimerId" not in fired
    assert raised["Input"] == '"ok"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"a": 1}', {"a": 1}), ("because", "because"), ("", ""), (None, None), ('"x"', "x")],
)
def test_a_stored_text_that_is_no_json_is_shown_as_it_is(text, expected):
    assert stored_value(text) == expected


def test_a_status_has_whole_seconds_and_null_for_what_is_absent():
    status = InstanceStatus(
        "abc", "order", RuntimeStatus.CONTINUED_AS_NEW, moment(0.75), moment(3), input='"{}"'
    )
    assert shape_status(status) == {
        "name": "order",
        "instanceId": "abc",
        "runtimeStatus": "ContinuedAsNew",
        "input": "{}",
        "customStatus": None,
        "output": None,
        "createdTime": "2026-01-01T12:00:00Z",
        "lastUpdatedTime": "2026-01-01T12:00:03Z",
    }
    assert shape_status(status, show_input=False)["input"] is None


def test_a_moment_is_printed_without_idle_digits():
    assert moment_text(moment(0)) == "2026-01-01T12:00:00Z"
    assert moment_text(moment(0.25)) == "2026-01-01T12:00:00.25Z"


def test_links_carry_the_hub_and_the_key_and_escape_the_instance():
    links = Links("http://localhost:7071", "Hub", code="k&y").management("a b/ü")
    assert links["id"] == "a b/ü"
    assert links["terminatePostUri"] == (
        "http://localhost:7071/runtime/webhooks/durabletask/instances/a%20b%2F%C3%BC/terminate"
        "?reason={text}&taskHub=Hub&connection=Storage&code=k%26y"
    )
    assert "rewindPostUri" not in Links("http://x", "Hub").check_status("a")


def test_without_keys_links_have_no_code():
    links = Links("http://localhost:7071", "Hub")
    assert links.required_query == ""
    assert links.creation()["createNewInstancePostUri"].endswith("[/{instanceId}]")
    assert links.management()["statusQueryGetUri"].endswith(
        "/instances/INSTANCEID?taskHub=Hub&connection=Storage"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "http://localhost:7071"),
        ("localhost:7071", "http://localhost:7071"),
        ("localhost:9000", "http://localhost:9000"),
        ("shop.example", "https://shop.example"),
    ],
)
def test_the_public_address_follows_the_name_of_the_site(name, expected):
    assert public_origin("http://localhost:7071", {"WEBSITE_HOSTNAME": name}) == expected
