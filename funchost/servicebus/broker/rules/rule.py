"""A subscription's rules, and the copies of a message that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from funchost.servicebus.broker.interface import (
    MessageChanges,
    MessageProperties,
    PropertyValue,
    SystemProperty,
)
from funchost.servicebus.broker.rules.actions import Action, parse_action
from funchost.servicebus.broker.rules.expressions import parse_predicate
from funchost.servicebus.broker.rules.nodes import Predicate

__all__ = ["DEFAULT_RULES", "CorrelationFilter", "Rule", "SqlFilter", "copies", "is_catch_all"]


@dataclass(frozen=True)
class CorrelationFilter:
    """Every named property must be equal, in case and, for application properties, in type."""

    system: Mapping[SystemProperty, str] = field(default_factory=dict)
    application: Mapping[str, PropertyValue] = field(default_factory=dict)

    def matches(self, properties: MessageProperties) -> bool:
        return all(
            properties.system.get(name) == value for name, value in self.system.items()
        ) and all(
            _equal(properties.application.get(name), value)
            for name, value in self.application.items()
        )


def _equal(actual: PropertyValue, wanted: PropertyValue) -> bool:
    return type(actual) is type(wanted) and actual == wanted


class SqlFilter:
    def __init__(self, expression: str) -> None:
        """Raises RuleSyntaxError."""
        self.expression = expression
        self._predicate: Predicate = parse_predicate(expression)

    def matches(self, properties: MessageProperties) -> bool:
        """An unknown result is no match. Raises EvaluationError."""
        return self._predicate(properties) is True


class Rule:
    def __init__(
        self,
        name: str,
        condition: CorrelationFilter | SqlFilter,
        action: str | None = None,
    ) -> None:
        """Raises RuleSyntaxError for the action."""
        self.name = name
        self.condition = condition
        self.action_text = action
        self.action: Action | None = None if action is None else parse_action(action)


DEFAULT_RULES = (Rule("$Default", SqlFilter("1=1")),)
"""What a subscription has that declares none: it takes every message."""

_RULE_NAME = "RuleName"


def is_catch_all(rules: Sequence[Rule]) -> bool:
    """Whether the rules take every message as it is, so that nobody needs to look into it."""
    return bool(rules) and all(
        isinstance(rule.condition, SqlFilter)
        and rule.condition.expression.replace(" ", "") == "1=1"
        and rule.action is None
        for rule in rules
    )


def copies(rules: Sequence[Rule], properties: MessageProperties) -> list[MessageChanges]:
    """The changes of each copy that the subscription gets; empty when no rule matches. All rules
    without action make one copy together, and each one with an action makes its own, which tells
    the rule in the property `RuleName`. Raises EvaluationError."""
    matching = [rule for rule in rules if rule.condition.matches(properties)]
    made = [MessageChanges()] if any(rule.action is None for rule in matching) else []
    for rule in matching:
        if rule.action is not None:
            changes = rule.action(properties)
            made.append(
                MessageChanges(
                    changes.system,
                    {**changes.application, _RULE_NAME: rule.name},
                    changes.removed - {_RULE_NAME},
                )
            )
    return made
