"""Rules that clients change while the broker runs.

What is stored is all rules of a subscription, together with those that were declared at that time:
when the declaration has changed since, it holds, and the changes are forgotten.
"""

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from funchost.servicebus.broker.catalogue import Container
from funchost.servicebus.broker.errors import ArgumentOutOfRange, RuleExists, RuleNotFound
from funchost.servicebus.broker.interface import PropertyValue
from funchost.servicebus.broker.rules.rule import CorrelationFilter, Rule, SqlFilter
from funchost.servicebus.broker.storage.transaction import Transaction

__all__ = ["add_rule", "remove_rule", "restore_rules"]

_log = logging.getLogger("Host.ServiceBus.Broker")

_MAX_NAME_LENGTH = 50
_MAX_RULES = 2000


def add_rule(transaction: Transaction, container: Container, rule: Rule) -> None:
    """What `Broker.add_rule` says."""
    if not 0 < len(rule.name) <= _MAX_NAME_LENGTH:
        raise ArgumentOutOfRange(f"The name of a rule has 1 to {_MAX_NAME_LENGTH} characters.")
    if _named(container, rule.name) is not None:
        raise RuleExists(f"'{container.entity.path}' has a rule '{rule.name}' already.")
    if len(container.rules) >= _MAX_RULES:
        raise ArgumentOutOfRange(f"A subscription has at most {_MAX_RULES} rules.")
    _change(transaction, container, [*container.rules, rule])


def remove_rule(transaction: Transaction, container: Container, name: str) -> None:
    """What `Broker.remove_rule` says."""
    found = _named(container, name)
    if found is None:
        raise RuleNotFound(f"'{container.entity.path}' has no rule '{name}'.")
    _change(transaction, container, [rule for rule in container.rules if rule is not found])


def restore_rules(transaction: Transaction, container: Container) -> None:
    """At take-over, for a subscription that has its number."""
    row = transaction.connection.execute(
        "SELECT declared, rules FROM changed_rules WHERE container = ?", (container.number,)
    ).fetchone()
    if row is None:
        return
    declared, rules = row
    if declared == _written(container.declared_rules):
        container.set_rules([_read(each) for each in json.loads(rules)])
        return
    _log.warning(
        "The rules of '%s' are declared anew: what clients had changed of the former is gone.",
        container.entity.path,
    )
    transaction.connection.execute(
        "DELETE FROM changed_rules WHERE container = ?", (container.number,)
    )


def _named(container: Container, name: str) -> Rule | None:
    return next((rule for rule in container.rules if rule.name.lower() == name.lower()), None)


def _change(transaction: Transaction, container: Container, rules: Sequence[Rule]) -> None:
    transaction.connection.execute(
        "INSERT OR REPLACE INTO changed_rules VALUES (?, ?, ?)",
        (container.number, _written(container.declared_rules), _written(rules)),
    )
    transaction.undo.append(partial(container.set_rules, container.rules))
    container.set_rules(rules)


def _written(rules: Sequence[Rule]) -> str:
    return json.dumps([_describe(rule) for rule in rules], sort_keys=True)


def _describe(rule: Rule) -> dict[str, Any]:
    described: dict[str, Any] = {"name": rule.name, "action": rule.action_text}
    if isinstance(rule.condition, SqlFilter):
        return {**described, "sql": rule.condition.expression}
    application = {name: _tagged(value) for name, value in rule.condition.application.items()}
    return {**described, "system": dict(rule.condition.system), "application": application}


def _read(described: dict[str, Any]) -> Rule:
    condition: SqlFilter | CorrelationFilter
    if "sql" in described:
        condition = SqlFilter(described["sql"])
    else:
        application = {name: _untagged(value) for name, value in described["application"].items()}
        condition = CorrelationFilter(described["system"], application)
    return Rule(described["name"], condition, described["action"])


def _tagged(value: PropertyValue) -> Any:
    """JSON knows fewer types than AMQP."""
    match value:
        case UUID():
            return {"uuid": str(value)}
        case datetime():
            return {"datetime": value.isoformat()}
        case bytes():
            return {"bytes": value.hex()}
    return value


def _untagged(value: Any) -> PropertyValue:
    match value:
        case {"uuid": text}:
            return UUID(text)
        case {"datetime": text}:
            return datetime.fromisoformat(text)
        case {"bytes": text}:
            return bytes.fromhex(text)
    found: PropertyValue = value
    return found
