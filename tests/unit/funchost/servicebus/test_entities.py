"""Which entities an app's bindings mean, and whether they are declared."""

import json

import pytest

from funchost.kinds import BindingError
from funchost.servicebus.broker.namespace import Namespace
from funchost.servicebus.entities import (
    check_declared,
    declarations_file,
    entity_use,
    from_bindings,
)
from funchost.settings import SettingsError


def trigger(**binding):
    return entity_use("f", {"type": "serviceBusTrigger", "name": "m", **binding})


def output(**binding):
    return entity_use("g", {"type": "serviceBus", "name": "out", **binding})


def test_a_binding_means_a_queue_or_a_subscription():
    assert trigger(queueName="q").path == "q"
    assert trigger(topicName="t", subscriptionName="s").path == "t/Subscriptions/s"
    assert output(topicName="t").path == "t"
    dead = trigger(topicName="t", subscriptionName="s/$DeadLetterQueue")
    assert dead.path == "t/Subscriptions/s/$DeadLetterQueue"


@pytest.mark.parametrize(
    ("binding", "sentence"),
    [
        ({}, "needs either a queueName or a topicName"),
        ({"queueName": "q", "topicName": "t"}, "needs either a queueName or a topicName"),
        ({"topicName": "t"}, "needs a subscriptionName for the topic 't'"),
    ],
)
def test_a_binding_without_an_entity_is_wrong(binding, sentence):
    with pytest.raises(BindingError, match=sentence):
        trigger(**binding)


def declared():
    namespace = Namespace()
    namespace.add_queue("plain")
    namespace.add_queue("ordered", requires_session=True)
    namespace.add_topic("events")
    namespace.add_subscription("events", "mail")
    return namespace


def test_what_is_declared_may_be_used_in_any_case():
    check_declared(
        declared(),
        [
            trigger(queueName="PLAIN"),
            trigger(queueName="ordered", isSessionsEnabled=True),
            trigger(queueName="ordered/$DeadLetterQueue"),
            trigger(topicName="events", subscriptionName="mail"),
            trigger(topicName="events", subscriptionName="mail/$deadletterqueue"),
            output(topicName="events"),
            output(queueName="ordered"),
        ],
    )


@pytest.mark.parametrize(
    ("use", "names"),
    [
        (trigger(queueName="missing"), ["missing", "'f'"]),
        (output(queueName="missing"), ["missing", "'g'"]),
        (output(topicName="plain"), ["plain", "'g'"]),
        (trigger(topicName="events", subscriptionName="x"), ["'x'", "events", "'f'"]),
        (trigger(queueName="ordered"), ["ordered", "sessions", "'f'"]),
        (trigger(queueName="plain", isSessionsEnabled=True), ["plain", "sessions", "'f'"]),
    ],
)
def test_what_is_not_declared_is_named_together_with_the_function(use, names):
    with pytest.raises(SettingsError) as raised:
        check_declared(declared(), [use])
    assert all(name in str(raised.value) for name in names)


def test_without_a_file_the_bindings_declare_what_they_need():
    namespace = from_bindings(
        [
            output(queueName="ordered"),
            trigger(queueName="Ordered", isSessionsEnabled=True),
            trigger(queueName="ordered/$DeadLetterQueue"),
            trigger(topicName="events", subscriptionName="mail"),
            trigger(topicName="events", subscriptionName="bill", isSessionsEnabled=True),
            output(topicName="news"),
        ]
    )
    namespace.require_queue("ordered", requires_session=True)
    namespace.require_subscription("events", "mail", requires_session=False)
    namespace.require_subscription("events", "bill", requires_session=True)
    namespace.require_topic("news")
    assert len(namespace.queues) == 1


def test_triggers_that_contradict_each_other_are_refused():
    with pytest.raises(SettingsError, match="sessions"):
        from_bindings([trigger(queueName="q"), trigger(queueName="q", isSessionsEnabled=True)])


def test_the_file_is_the_given_one_or_lies_in_the_app(tmp_path):
    assert declarations_file(tmp_path, None) is None
    (tmp_path / "servicebus.json").write_text(json.dumps({}))
    assert declarations_file(tmp_path, None) == tmp_path / "servicebus.json"
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "servicebus.json").write_text(json.dumps({}))
    assert declarations_file(tmp_path, None) == tmp_path / "infra" / "servicebus.json"
    given = tmp_path / "other.json"
    assert declarations_file(tmp_path, given) == given
