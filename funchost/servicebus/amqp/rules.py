"""A subscription's rules as `$management` carries them: maps when they come, described lists when
they are told (AMQP request/response protocol of Service Bus, "Rule operations")."""

from typing import Any, Final

from funchost.servicebus.amqp.bodies import Body
from funchost.servicebus.amqp.codec import property_value, wire_value
from funchost.servicebus.amqp.values import Described, ULong
from funchost.servicebus.broker.errors import ArgumentWrong
from funchost.servicebus.broker.interface import SystemProperty
from funchost.servicebus.broker.rules.rule import CorrelationFilter, Rule, SqlFilter
from funchost.servicebus.broker.rules.tokens import RuleSyntaxError

__all__ = ["described_rule", "read_rule"]

# The filters have a digit less than the others, at the service and in its page alike.
_RULE: Final = ULong(0x137_0000_0004)
_NO_ACTION: Final = ULong(0x137_0000_0005)
_SQL_ACTION: Final = ULong(0x137_0000_0006)
_SQL_FILTER: Final = ULong(0x13_7000_0006)
_TRUE_FILTER: Final = ULong(0x13_7000_0007)
_FALSE_FILTER: Final = ULong(0x13_7000_0008)
_CORRELATION_FILTER: Final = ULong(0x13_7000_0009)

_SYSTEM: Final[dict[str, SystemProperty]] = {
    "correlation-id": "CorrelationId",
    "message-id": "MessageId",
    "to": "To",
    "reply-to": "ReplyTo",
    "label": "Label",
    "session-id": "SessionId",
    "reply-to-session-id": "ReplyToSessionId",
    "content-type": "ContentType",
}
"""In the order of the described list."""


def read_rule(body: Body) -> Rule:
    """Raises ArgumentOutOfRange and ArgumentWrong."""
    name = body.need("rule-name", str)
    description = Body(body.need("rule-description", dict))
    sql = description.get("sql-filter", dict)
    correlation = description.get("correlation-filter", dict)
    action = Body(description.get("sql-rule-action", dict)).get("expression", str)
    if (sql is None) == (correlation is None):
        raise ArgumentWrong(
            f"The rule '{name}' must have either a 'sql-filter' or a 'correlation-filter'."
        )
    try:
        condition = (
            _read_correlation(name, Body(correlation))
            if sql is None
            else SqlFilter(Body(sql).need("expression", str))
        )
        return Rule(name, condition, action or None)
    except RuleSyntaxError as error:
        raise ArgumentWrong(f"The rule '{name}' cannot be read: {error}.") from None


def _read_correlation(name: str, fields: Body) -> CorrelationFilter:
    system: dict[SystemProperty, str] = {}
    for field, property_name in _SYSTEM.items():
        if text := fields.get(field, str):
            system[property_name] = text
    application = {}
    for key, value in (fields.get("properties", dict) or {}).items():
        if not isinstance(key, str) or isinstance(value, list | dict | Described):
            raise ArgumentWrong(f"The rule '{name}' tests a property that is not a simple value.")
        application[str(key)] = property_value(value)
    if not system and not application:
        raise ArgumentWrong(f"The filter of the rule '{name}' names no property.")
    return CorrelationFilter(system, application)


def described_rule(rule: Rule) -> Described:
    if rule.action_text is None:
        action = Described(_NO_ACTION, [])
    else:
        action = Described(_SQL_ACTION, [rule.action_text])
    return Described(_RULE, [_described_filter(rule.condition), action, rule.name])


def _described_filter(condition: SqlFilter | CorrelationFilter) -> Described:
    if isinstance(condition, CorrelationFilter):
        fields: list[Any] = [condition.system.get(name) for name in _SYSTEM.values()]
        application = {name: wire_value(value) for name, value in condition.application.items()}
        return Described(_CORRELATION_FILTER, [*fields, application])
    match condition.expression.replace(" ", ""):
        case "1=1":
            return Described(_TRUE_FILTER, [])
        case "1=0":
            return Described(_FALSE_FILTER, [])
    return Described(_SQL_FILTER, [condition.expression])
