"""Reads entities from a file in the shape of the official emulator's Config.json."""

import json
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

from funchost.servicebus.broker.durations import parse_duration
from funchost.servicebus.broker.interface import PropertyValue, SystemProperty
from funchost.servicebus.broker.namespace import (
    MAX_LOCK_DURATION,
    EntitySettings,
    Namespace,
    NamespaceError,
)
from funchost.servicebus.broker.rules.rule import DEFAULT_RULES, CorrelationFilter, Rule, SqlFilter
from funchost.servicebus.broker.rules.tokens import RuleSyntaxError

__all__ = ["parse_namespace", "read_namespace"]

_DAY = 86_400_000
_UNLIMITED = 10_675_199 * _DAY
"""The service's own word for no limit, `P10675199DT2H48M5.4775807S`, is a little longer."""

T = TypeVar("T")


def read_namespace(file: Path) -> Namespace:
    """Raises NamespaceError: with the path of the field that is wrong, such as
    `UserConfig.Namespaces[0].Queues[2].Properties.LockDuration`."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise NamespaceError(f"{file}: it cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise NamespaceError(f"{file}: it is no JSON: {error}.") from None
    try:
        return parse_namespace(content, file)
    except NamespaceError as error:
        raise NamespaceError(f"{file}: {error}") from None


def parse_namespace(content: object, source: Path | None = None) -> Namespace:
    """From what JSON says; `source` as of Namespace. Raises NamespaceError."""
    namespace = Namespace(source)
    try:
        root = _Fields("", content)
        user_config = root.section("UserConfig")
        namespaces = list(user_config.sections("Namespaces"))
        if len(namespaces) != 1:
            raise _Wrong("UserConfig.Namespaces", "there must be exactly one namespace")
        user_config.optional("Logging", lambda value: value)
        user_config.end()
        root.end()
        _read_entities(namespaces[0], namespace)
    except _Wrong as error:
        raise NamespaceError(str(error)) from None
    namespace.check_forwarding()
    return namespace


class _Wrong(Exception):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path or 'the file'}: {reason}.")


class _Fields:
    """An object of the file. Each field is taken once; `end` refuses those that nobody took."""

    def __init__(self, path: str, content: object) -> None:
        if not isinstance(content, dict):
            raise _Wrong(path, "an object is expected")
        self.path = path
        self._left: dict[str, Any] = dict(content)
        self._known: list[str] = []

    def place(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def required(self, name: str, read: Callable[[Any], T]) -> T:
        if name not in self._left:
            raise _Wrong(self.place(name), "it is missing")
        return self._take(name, read)

    def optional(self, name: str, read: Callable[[Any], T]) -> T | None:
        """None also for a field that is null."""
        self._known.append(name)
        return None if self._left.get(name) is None else self._take(name, read)

    def section(self, name: str) -> "_Fields":
        return self.required(name, lambda content: _Fields(self.place(name), content))

    def optional_section(self, name: str) -> "_Fields":
        return self.optional(name, lambda content: _Fields(self.place(name), content)) or _Fields(
            self.place(name), {}
        )

    def sections(self, name: str) -> Iterator["_Fields"]:
        """The objects of a list, which may be missing."""
        for index, content in enumerate(self.optional(name, _list) or ()):
            yield _Fields(f"{self.place(name)}[{index}]", content)

    def end(self) -> None:
        for name in self._left:
            near = get_close_matches(name, self._known, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise _Wrong(self.place(name), f"there is no such setting{hint}")

    def _take(self, name: str, read: Callable[[Any], T]) -> T:
        self._known.append(name)
        try:
            return read(self._left.pop(name))
        except ValueError as error:
            raise _Wrong(self.place(name), str(error)) from None


def _read_entities(fields: _Fields, namespace: Namespace) -> None:
    fields.required("Name", _text)
    for queue in fields.sections("Queues"):
        name = queue.required("Name", _text)
        settings = _read_settings(queue.optional_section("Properties"), "queue")
        _add(queue, partial(namespace.add_queue, name, settings=settings))
        queue.end()
    for topic in fields.sections("Topics"):
        name = topic.required("Name", _text)
        settings = _read_settings(topic.optional_section("Properties"), "topic")
        _add(topic, partial(namespace.add_topic, name, settings=settings))
        for subscription in topic.sections("Subscriptions"):
            _read_subscription(subscription, name, namespace)
        topic.end()
    fields.end()


def _read_subscription(fields: _Fields, topic: str, namespace: Namespace) -> None:
    name = fields.required("Name", _text)
    settings = _read_settings(fields.optional_section("Properties"), "subscription")
    rules = [_read_rule(rule) for rule in fields.sections("Rules")]
    names = [rule.name.lower() for rule in rules]
    if len(set(names)) < len(names):
        raise _Wrong(fields.place("Rules"), "two rules have the same name")
    _add(
        fields,
        lambda: namespace.add_subscription(
            topic, name, settings=settings, rules=rules or DEFAULT_RULES
        ),
    )
    fields.end()


def _add(fields: _Fields, add: Callable[[], None]) -> None:
    try:
        add()
    except NamespaceError as error:
        raise _Wrong(fields.place("Name"), str(error).rstrip(".")) from None


def _read_settings(fields: _Fields, kind: str) -> EntitySettings:
    """The emulator's list of properties for each kind of entity, and one of the service's own,
    `DeadLetteringOnFilterEvaluationExceptions`."""
    given: dict[str, Any] = {
        "time_to_live": fields.optional("DefaultMessageTimeToLive", _time_to_live)
    }
    if kind != "subscription":
        given["requires_duplicate_detection"] = fields.optional("RequiresDuplicateDetection", _flag)
        given["duplicate_window"] = fields.optional(
            "DuplicateDetectionHistoryTimeWindow", _duration(20_000, 7 * _DAY)
        )
    if kind != "topic":
        given["lock_duration"] = fields.optional("LockDuration", _duration(1, MAX_LOCK_DURATION))
        given["max_delivery_count"] = fields.optional("MaxDeliveryCount", _count)
        given["dead_letter_on_expiration"] = fields.optional(
            "DeadLetteringOnMessageExpiration", _flag
        )
        given["requires_session"] = fields.optional("RequiresSession", _flag)
        given["forward_to"] = fields.optional("ForwardTo", _optional_text)
        given["forward_dead_letters_to"] = fields.optional(
            "ForwardDeadLetteredMessagesTo", _optional_text
        )
    if kind == "subscription":
        given["dead_letter_on_filter_error"] = fields.optional(
            "DeadLetteringOnFilterEvaluationExceptions", _flag
        )
    fields.end()
    return EntitySettings(**{name: value for name, value in given.items() if value is not None})


def _read_rule(fields: _Fields) -> Rule:
    name = fields.required("Name", _text)
    properties = fields.section("Properties")
    kind = properties.required("FilterType", _filter_type)
    condition = (
        _read_correlation(properties.section("CorrelationFilter"))
        if kind == "correlation"
        else _read_sql(properties.section("SqlFilter"))
    )
    action_fields = properties.optional_section("Action")
    action = action_fields.optional("SqlExpression", _optional_text)
    action_fields.end()
    properties.end()
    fields.end()
    try:
        return Rule(name, condition, action)
    except RuleSyntaxError as error:
        raise _Wrong(action_fields.place("SqlExpression"), str(error)) from None


def _read_sql(fields: _Fields) -> SqlFilter:
    condition = fields.required("SqlExpression", lambda value: SqlFilter(_text(value)))
    fields.end()
    return condition


def _read_correlation(fields: _Fields) -> CorrelationFilter:
    system: dict[SystemProperty, str] = {}
    for name in get_args(SystemProperty):
        if value := fields.optional(name, _optional_text):
            system[name] = value
    application = fields.optional("Properties", _application_properties) or {}
    fields.end()
    if not system and not application:
        raise _Wrong(fields.path, "it names no property")
    return CorrelationFilter(system, application)


def _application_properties(value: object) -> dict[str, PropertyValue]:
    if not isinstance(value, dict):
        raise ValueError("an object is expected")
    for name, content in value.items():
        if not isinstance(content, str | int | float):
            raise ValueError(f"'{name}' must be a string, a number, true or false")
    return value


def _filter_type(value: object) -> str:
    known = {"correlation", "correlationfilter", "sql", "sqlfilter"}
    if not isinstance(value, str) or value.lower() not in known:
        raise ValueError("it must be 'Correlation' or 'Sql'")
    return value.lower().removesuffix("filter")


def _list(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise ValueError("a list is expected")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a text is expected")
    return value


def _optional_text(value: object) -> str | None:
    """The emulator's files write an empty text where nothing is meant."""
    return None if value == "" else _text(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false is expected")
    return value


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2000:
        raise ValueError("a number from 1 to 2000 is expected")
    return value


def _duration(shortest: int, longest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        duration = parse_duration(_text(value))
        if not shortest <= duration <= longest:
            raise ValueError(
                f"{value} is not between {shortest / 1000:g} and {longest / 1000:g} seconds"
            )
        return duration

    return read


def _time_to_live(value: object) -> int | None:
    duration = parse_duration(_text(value))
    if duration == 0:
        raise ValueError("a time to live must be longer than nothing")
    return duration if duration < _UNLIMITED else None
