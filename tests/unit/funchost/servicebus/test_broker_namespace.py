"""Entities declared in a file of the emulator's shape, or one by one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funchost.servicebus.broker.durations import format_duration, parse_duration
from funchost.servicebus.broker.interface import MessageProperties
from funchost.servicebus.broker.namespace import EntitySettings, Namespace, NamespaceError
from funchost.servicebus.broker.namespace_file import parse_namespace, read_namespace
from funchost.servicebus.broker.namespace_text import describe_namespace
from funchost.servicebus.broker.rules.rule import CorrelationFilter, Rule, SqlFilter, copies

CONFIG: dict[str, Any] = {
    "UserConfig": {
        "Namespaces": [
            {
                "Name": "sbemulatorns",
                "Queues": [
                    {
                        "Name": "queue.1",
                        "Properties": {
                            "DeadLetteringOnMessageExpiration": True,
                            "DefaultMessageTimeToLive": "PT1H",
                            "DuplicateDetectionHistoryTimeWindow": "PT20S",
                            "ForwardDeadLetteredMessagesTo": "topic.1",
                            "ForwardTo": "",
                            "LockDuration": "PT1M30S",
                            "MaxDeliveryCount": 3,
                            "RequiresDuplicateDetection": True,
                            "RequiresSession": True,
                        },
                    },
                    {"Name": "bare"},
                ],
                "Topics": [
                    {
                        "Name": "topic.1",
                        "Properties": {
                            "DefaultMessageTimeToLive": "P10675199DT2H48M5.4775807S",
                            "DuplicateDetectionHistoryTimeWindow": "PT20S",
                            "RequiresDuplicateDetection": False,
                        },
                        "Subscriptions": [
                            {
                                "Name": "subscription.1",
                                "Properties": {"LockDuration": "PT5M", "RequiresSession": False},
                                "Rules": [
                                    {
                                        "Name": "by-property",
                                        "Properties": {
                                            "FilterType": "Correlation",
                                            "CorrelationFilter": {
                                                "ContentType": "application/json",
                                                "Label": "",
                                                "Properties": {"n": 3, "flag": True},
                                            },
                                        },
                                    },
                                    {
                                        "Name": "by-sql",
                                        "Properties": {
                                            "FilterType": "Sql",
                                            "SqlFilter": {"SqlExpression": "sys.Label = 'x'"},
                                            "Action": {"SqlExpression": "SET a = 1"},
                                        },
                                    },
                                ],
                            },
                            {"Name": "everything"},
                        ],
                    }
                ],
            }
        ],
        "Logging": {"Type": "File"},
    }
}
QUEUE = ("UserConfig", "Namespaces", 0, "Queues", 0)
SUBSCRIPTION = ("UserConfig", "Namespaces", 0, "Topics", 0, "Subscriptions", 0)
RULE = (*SUBSCRIPTION, "Rules", 1, "Properties")
CORRELATION = (*SUBSCRIPTION, "Rules", 0, "Properties")
REMOVED = object()


def changed(path: tuple[str | int, ...], value: object) -> Any:
    """The configuration with one field set, or removed."""
    config = json.loads(json.dumps(CONFIG))
    place = config
    for step in path[:-1]:
        place = place[step]
    if value is REMOVED:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return config


def test_the_emulator_s_file_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "Config.json"
    file.write_text("\ufeff" + json.dumps(CONFIG), encoding="utf-8")
    namespace = read_namespace(file)
    assert namespace.queues["queue.1"].settings == EntitySettings(
        lock_duration=90_000,
        max_delivery_count=3,
        time_to_live=3_600_000,
        dead_letter_on_expiration=True,
        requires_session=True,
        requires_duplicate_detection=True,
        duplicate_window=20_000,
        forward_dead_letters_to="topic.1",
    )
    assert namespace.queues["bare"].settings == EntitySettings()
    topic = namespace.topics["topic.1"]
    assert topic.settings.time_to_live is None
    first, everything = topic.subscriptions.values()
    assert first.path == "topic.1/Subscriptions/subscription.1"
    assert first.settings == EntitySettings(lock_duration=300_000)
    by_property, by_sql = first.rules
    assert by_property.condition == CorrelationFilter(
        {"ContentType": "application/json"}, {"n": 3, "flag": True}
    )
    assert isinstance(by_sql.condition, SqlFilter)
    assert by_sql.condition.expression == "sys.Label = 'x'"
    assert copies([by_sql], MessageProperties({"Label": "x"}, {}))[0].application["a"] == 1
    assert [rule.name for rule in everything.rules] == ["$Default"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("UserConfig",), REMOVED, "UserConfig: it is missing"),
        (("UserConfig",), [], "UserConfig: an object is expected"),
        (("UserConfig", "Namespaces"), [], "there must be exactly one namespace"),
        (("UserConfig", "Namespaces"), {}, "Namespaces: a list is expected"),
        ((*QUEUE, "Name"), REMOVED, "UserConfig.Namespaces[0].Queues[0].Name: it is missing"),
        ((*QUEUE, "Name"), "a b", "Queues[0].Name: a b: a name has at most"),
        ((*QUEUE, "Name"), "BARE", "Queues[1].Name: bare: there are two"),
        ((*QUEUE, "Name"), "a/Subscriptions/b", "reserved"),
        ((*QUEUE, "Propertys"), {}, "Propertys: there is no such setting; did you mean"),
        ((*QUEUE, "Properties", "LockDuration"), "1m", "Queues[0].Properties.LockDuration: '1m'"),
        ((*QUEUE, "Properties", "LockDuration"), "PT6M", "not between 0.001 and 300 seconds"),
        ((*QUEUE, "Properties", "LockDuration"), 60, "LockDuration: a text is expected"),
        ((*QUEUE, "Properties", "MaxDeliveryCount"), 0, "a number from 1 to 2000"),
        ((*QUEUE, "Properties", "MaxDeliveryCount"), True, "a number from 1 to 2000"),
        ((*QUEUE, "Properties", "RequiresSession"), "true", "true or false is expected"),
        ((*QUEUE, "Properties", "DefaultMessageTimeToLive"), "PT0S", "longer than nothing"),
        ((*QUEUE, "Properties", "DuplicateDetectionHistoryTimeWindow"), "P8D", "not between 20"),
        ((*QUEUE, "Properties", "ForwardTo"), "nowhere", "no queue or topic 'nowhere'"),
        ((*SUBSCRIPTION, "Name"), "a/b", "Subscriptions[0].Name: a/b"),
        ((*SUBSCRIPTION, "Name"), "everything", "has this subscription twice"),
        ((*SUBSCRIPTION, "Name"), "x" * 51, "at most 50"),
        ((*SUBSCRIPTION, "Properties", "RequiresDuplicateDetection"), True, "no such setting"),
        ((*SUBSCRIPTION, "Rules", 1, "Name"), "BY-PROPERTY", "two rules have the same name"),
        ((*RULE, "FilterType"), "Other", "FilterType: it must be 'Correlation' or 'Sql'"),
        (
            (*RULE, "SqlFilter", "SqlExpression"),
            "a =",
            "Rules[1].Properties.SqlFilter.SqlExpression: it ends where",
        ),
        ((*RULE, "Action", "SqlExpression"), "DROP a", "Action.SqlExpression: 'DROP' at 1"),
        ((*CORRELATION, "CorrelationFilter"), {}, "CorrelationFilter: it names no property"),
        ((*CORRELATION, "CorrelationFilter"), {"Properties": {"a": []}}, "'a' must be a string"),
    ],
)
def test_a_wrong_field_is_named(
    tmp_path: Path, path: tuple[str | int, ...], value: object, message: str
) -> None:
    file = tmp_path / "Config.json"
    file.write_text(json.dumps(changed(path, value)), encoding="utf-8")
    with pytest.raises(NamespaceError) as refusal:
        read_namespace(file)
    assert str(refusal.value).startswith(str(file))
    assert message in str(refusal.value)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NamespaceError, match="cannot be read"):
        read_namespace(tmp_path / "absent.json")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(NamespaceError, match="it is no JSON"):
        read_namespace(tmp_path / "broken.json")


def test_what_is_needed_and_not_declared_is_named() -> None:
    namespace = parse_namespace(CONFIG, Path("servicebus.json"))
    namespace.require_queue("QUEUE.1", requires_session=True)
    namespace.require_subscription("topic.1", "Everything")
    for require, message in (
        (lambda: namespace.require_queue("q"), "queue 'q' is not declared in servicebus.json"),
        (lambda: namespace.require_topic("bare"), "topic 'bare' is not declared"),
        (
            lambda: namespace.require_subscription("topic.1", "s"),
            "subscription 's' of topic 'topic.1' is not declared",
        ),
        (
            lambda: namespace.require_queue("queue.1", requires_session=False),
            "queue 'queue.1' requires sessions, and its trigger does not use them",
        ),
        (
            lambda: namespace.require_subscription("topic.1", "everything", requires_session=True),
            "does not have sessions, and its trigger uses them",
        ),
    ):
        with pytest.raises(NamespaceError, match=message):
            require()
    with pytest.raises(NamespaceError, match="not declared in any entity"):
        Namespace().require_queue("q")


def test_a_description_reads_as_what_it_describes() -> None:
    namespace = parse_namespace(CONFIG)
    namespace.add_subscription(
        "topic.1",
        "odd",
        settings=EntitySettings(lock_duration=1500, dead_letter_on_filter_error=False),
        rules=[Rule("c", CorrelationFilter({"To": "x"}))],
    )
    again = parse_namespace(json.loads(json.dumps(describe_namespace(namespace))))
    assert again.queues == namespace.queues
    assert again.topics.keys() == namespace.topics.keys()
    for old, new in zip(namespace.subscriptions(), again.subscriptions(), strict=True):
        assert (old.path, old.settings) == (new.path, new.settings)
        assert [(r.name, r.action_text) for r in old.rules] == [
            (r.name, r.action_text) for r in new.rules
        ]
    assert describe_namespace(again) == describe_namespace(namespace)


@given(st.integers(0, 10**12))
def test_durations_survive_being_written(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("PT1M", 60_000), ("P1DT2H3M4.005S", 93_784_005), ("P7D", 604_800_000), ("PT0.5S", 500)],
)
def test_durations_are_read(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "P", "PT", "P1DT", "P1M", "P1Y", "1M", "pt1m", "PT-1S"])
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)
