"""Writes entities down in the shape in which `namespace_file` reads them."""

from collections.abc import Mapping
from typing import Any

from funchost.servicebus.broker.durations import format_duration
from funchost.servicebus.broker.interface import EntityKind
from funchost.servicebus.broker.namespace import EntitySettings, Namespace
from funchost.servicebus.broker.rules.rule import CorrelationFilter, Rule

__all__ = ["describe_namespace"]


def describe_namespace(namespace: Namespace) -> Mapping[str, Any]:
    """To be written as JSON; the official emulator takes it, too."""
    entities = {
        # The emulator accepts a single namespace, and this name alone.
        "Name": "sbemulatorns",
        "Queues": [
            {"Name": queue.name, "Properties": _settings(queue.settings, EntityKind.QUEUE)}
            for queue in namespace.queues.values()
        ],
        "Topics": [
            {
                "Name": topic.name,
                "Properties": _settings(topic.settings, EntityKind.TOPIC),
                "Subscriptions": [
                    {
                        "Name": subscription.name,
                        "Properties": _settings(subscription.settings, EntityKind.SUBSCRIPTION),
                        "Rules": [_rule(rule) for rule in subscription.rules],
                    }
                    for subscription in topic.subscriptions.values()
                ],
            }
            for topic in namespace.topics.values()
        ],
    }
    return {"UserConfig": {"Namespaces": [entities], "Logging": {"Type": "File"}}}


def _settings(settings: EntitySettings, kind: EntityKind) -> dict[str, Any]:
    described: dict[str, Any] = {}
    if settings.time_to_live is not None:
        described["DefaultMessageTimeToLive"] = format_duration(settings.time_to_live)
    if kind is not EntityKind.SUBSCRIPTION:
        described["RequiresDuplicateDetection"] = settings.requires_duplicate_detection
        described["DuplicateDetectionHistoryTimeWindow"] = format_duration(
            settings.duplicate_window
        )
    if kind is not EntityKind.TOPIC:
        described["LockDuration"] = format_duration(settings.lock_duration)
        described["MaxDeliveryCount"] = settings.max_delivery_count
        described["DeadLetteringOnMessageExpiration"] = settings.dead_letter_on_expiration
        described["RequiresSession"] = settings.requires_session
        described["ForwardTo"] = settings.forward_to or ""
        described["ForwardDeadLetteredMessagesTo"] = settings.forward_dead_letters_to or ""
    if kind is EntityKind.SUBSCRIPTION and not settings.dead_letter_on_filter_error:
        described["DeadLetteringOnFilterEvaluationExceptions"] = False
    return described


def _rule(rule: Rule) -> dict[str, Any]:
    properties: dict[str, Any]
    if isinstance(rule.condition, CorrelationFilter):
        correlation: dict[str, Any] = {
            str(key): text for key, text in rule.condition.system.items()
        }
        if rule.condition.application:
            correlation["Properties"] = dict(rule.condition.application)
        properties = {"FilterType": "Correlation", "CorrelationFilter": correlation}
    else:
        properties = {
            "FilterType": "Sql",
            "SqlFilter": {"SqlExpression": rule.condition.expression},
        }
    if rule.action_text is not None:
        properties["Action"] = {"SqlExpression": rule.action_text}
    return {"Name": rule.name, "Properties": properties}
