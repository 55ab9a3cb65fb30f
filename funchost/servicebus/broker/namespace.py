"""The entities of a broker and how each is set."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from funchost.servicebus.broker.rules.rule import DEFAULT_RULES, Rule

__all__ = [
    "MAX_LOCK_DURATION",
    "EntitySettings",
    "Namespace",
    "NamespaceError",
    "Queue",
    "Subscription",
    "Topic",
]

MAX_LOCK_DURATION = 5 * 60_000

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9_])?")
_MAX_NAME_LENGTH = 260
_MAX_SUBSCRIPTION_NAME_LENGTH = 50


class NamespaceError(Exception):
    """Entities are declared wrongly, or one that is needed is not declared. The text begins with
    the place: a file and the path of a field in it, or an entity."""


@dataclass(frozen=True, slots=True)
class EntitySettings:
    """Durations in milliseconds; the defaults are the service's. A topic heeds `time_to_live` and
    the two on duplicates, a subscription all but those two."""

    lock_duration: int = 60_000
    max_delivery_count: int = 10
    time_to_live: int | None = None
    dead_letter_on_expiration: bool = False
    dead_letter_on_filter_error: bool = True
    requires_session: bool = False
    requires_duplicate_detection: bool = False
    duplicate_window: int = 10 * 60_000
    forward_to: str | None = None
    forward_dead_letters_to: str | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    settings: EntitySettings


@dataclass(frozen=True, slots=True)
class Subscription:
    topic: str
    name: str
    settings: EntitySettings
    rules: Sequence[Rule]

    @property
    def path(self) -> str:
        return f"{self.topic}/Subscriptions/{self.name}"


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    settings: EntitySettings
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """By name in lower case."""


class Namespace:
    """Names are compared without regard to case. What is added twice is refused; a `require_` adds
    nothing and refuses what is missing. All refusals are NamespaceErrors."""

    def __init__(self, source: PurePath | None = None) -> None:
        """`source` is the file that it was read from, for messages."""
        self.source = source
        self._queues: dict[str, Queue] = {}
        self._topics: dict[str, Topic] = {}

    @property
    def queues(self) -> Mapping[str, Queue]:
        """By name in lower case."""
        return self._queues

    @property
    def topics(self) -> Mapping[str, Topic]:
        """By name in lower case."""
        return self._topics

    def subscriptions(self) -> Iterator[Subscription]:
        for topic in self._topics.values():
            yield from topic.subscriptions.values()

    def add_queue(
        self, name: str, *, requires_session: bool = False, settings: EntitySettings | None = None
    ) -> None:
        self._check_new(name)
        self._queues[name.lower()] = Queue(
            name, settings or EntitySettings(requires_session=requires_session)
        )

    def add_topic(self, name: str, *, settings: EntitySettings | None = None) -> None:
        self._check_new(name)
        self._topics[name.lower()] = Topic(name, settings or EntitySettings())

    def add_subscription(
        self,
        topic: str,
        name: str,
        *,
        requires_session: bool = False,
        settings: EntitySettings | None = None,
        rules: Sequence[Rule] = DEFAULT_RULES,
    ) -> None:
        self.require_topic(topic)
        parent = self._topics[topic.lower()]
        _check_name(name, _MAX_SUBSCRIPTION_NAME_LENGTH)
        if "/" in name:
            raise NamespaceError(f"{name}: the name of a subscription cannot contain '/'.")
        if name.lower() in parent.subscriptions:
            raise NamespaceError(f"{name}: topic '{parent.name}' has this subscription twice.")
        parent.subscriptions[name.lower()] = Subscription(
            parent.name, name, settings or EntitySettings(requires_session=requires_session), rules
        )

    def require_queue(self, name: str, *, requires_session: bool | None = None) -> None:
        """`requires_session` None takes either."""
        queue = self._queues.get(name.lower())
        if queue is None:
            raise self._missing(f"queue '{name}'")
        _check_session(f"queue '{name}'", queue.settings, requires_session)

    def require_topic(self, name: str) -> None:
        if name.lower() not in self._topics:
            raise self._missing(f"topic '{name}'")

    def require_subscription(
        self, topic: str, name: str, *, requires_session: bool | None = None
    ) -> None:
        """`requires_session` None takes either."""
        self.require_topic(topic)
        subscription = self._topics[topic.lower()].subscriptions.get(name.lower())
        if subscription is None:
            raise self._missing(f"subscription '{name}' of topic '{topic}'")
        _check_session(
            f"subscription '{name}' of topic '{topic}'", subscription.settings, requires_session
        )

    def check_forwarding(self) -> None:
        """To be called when all entities are there: they may forward to later ones."""
        queues = [(queue.name, queue.settings) for queue in self._queues.values()]
        subscriptions = [(each.path, each.settings) for each in self.subscriptions()]
        for path, settings in queues + subscriptions:
            for field_name, target in (
                ("ForwardTo", settings.forward_to),
                ("ForwardDeadLetteredMessagesTo", settings.forward_dead_letters_to),
            ):
                if target is not None:
                    self._check_target(f"{path}: {field_name}", path, target)
            if settings.forward_to is not None and settings.requires_session:
                raise NamespaceError(
                    f"{path}: ForwardTo cannot be set where RequiresSession is true."
                )

    def _check_target(self, place: str, path: str, target: str) -> None:
        if target.lower() not in self._queues and target.lower() not in self._topics:
            raise NamespaceError(f"{place}: there is no queue or topic '{target}'.")
        if target.lower() == path.lower():
            raise NamespaceError(f"{place}: an entity cannot forward to itself.")

    def _check_new(self, name: str) -> None:
        _check_name(name, _MAX_NAME_LENGTH)
        if name.lower() in self._queues or name.lower() in self._topics:
            raise NamespaceError(f"{name}: there are two queues or topics of this name.")
        if {"subscriptions", "$deadletterqueue"} & set(name.lower().split("/")):
            raise NamespaceError(f"{name}: the name has a reserved part.")

    def _missing(self, what: str) -> NamespaceError:
        where = "any entity" if self.source is None else str(self.source)
        return NamespaceError(f"The {what} is not declared in {where}.")


def _check_name(name: str, longest: int) -> None:
    if not _NAME.fullmatch(name) or len(name) > longest:
        raise NamespaceError(
            f"{name}: a name has at most {longest} letters, digits, '.', '-', '_' and '/', and"
            " begins and ends with a letter or digit."
        )


def _check_session(what: str, settings: EntitySettings, wanted: bool | None) -> None:
    if wanted is not None and settings.requires_session is not wanted:
        raise NamespaceError(
            f"The {what} {'requires' if settings.requires_session else 'does not have'} sessions,"
            f" and its trigger {'uses' if wanted else 'does not use'} them."
        )
