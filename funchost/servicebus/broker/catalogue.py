"""Entities as the broker works with them: each place that holds messages has a number on disk, and
the places are linked as messages travel."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from funchost.servicebus.broker.errors import EntityNotFound
from funchost.servicebus.broker.interface import Entity, EntityKind
from funchost.servicebus.broker.namespace import EntitySettings, Namespace
from funchost.servicebus.broker.namespace_text import describe_namespace
from funchost.servicebus.broker.rules.rule import Rule, is_catch_all

__all__ = ["Catalogue", "Container"]


@dataclass(eq=False, slots=True)
class Container:
    """A queue, a topic (which holds what is scheduled), a subscription, or a dead-letter queue of
    one of these. `number` is its id on disk, 0 until the storage has given one.

    `dead_letters` of a dead-letter queue is that queue itself: what is dead-lettered there stays.
    `last_sequence` and the rules belong to the writer's thread."""

    entity: Entity
    settings: EntitySettings
    rules: Sequence[Rule] = ()
    """Of a subscription: those that hold now, which begin as `declared_rules`."""
    declared_rules: Sequence[Rule] = ()
    takes_all: bool = False
    """Whether its rules take every message as it is, so that nobody needs to look into it."""
    number: int = 0
    last_sequence: int = 0
    subscriptions: list["Container"] = field(default_factory=list)
    forward_to: "Container | None" = None
    forward_dead_letters_to: "Container | None" = None
    dead_letters: "Container | None" = None
    transfer_dead_letters: "Container | None" = None

    @property
    def limits_deliveries(self) -> bool:
        return self.dead_letters is not self

    def set_rules(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.takes_all = is_catch_all(rules)


class Catalogue:
    """All containers by their path, without regard to case."""

    def __init__(self, namespace: Namespace) -> None:
        self.definition = json.dumps(describe_namespace(namespace))
        """By which the namespace can be had again."""
        self._by_path: dict[str, Container] = {}
        for queue in namespace.queues.values():
            self._add(queue.name, EntityKind.QUEUE, queue.settings)
        for topic in namespace.topics.values():
            parent = self._add(topic.name, EntityKind.TOPIC, topic.settings)
            for subscription in topic.subscriptions.values():
                child = self._add(subscription.path, EntityKind.SUBSCRIPTION, subscription.settings)
                child.declared_rules = tuple(subscription.rules)
                child.set_rules(subscription.rules)
                parent.subscriptions.append(child)
        for container in list(self._by_path.values()):
            settings = container.settings
            container.forward_to = self._target(settings.forward_to)
            container.forward_dead_letters_to = self._target(settings.forward_dead_letters_to)

    def find(self, path: str) -> Container:
        """Raises EntityNotFound."""
        container = self._by_path.get(path.strip("/").lower())
        if container is None:
            raise EntityNotFound(f"The messaging entity '{path}' could not be found.")
        return container

    def all(self) -> Sequence[Container]:
        return list(self._by_path.values())

    def _target(self, name: str | None) -> Container | None:
        return None if name is None else self.find(name)

    def _add(self, path: str, kind: EntityKind, settings: EntitySettings) -> Container:
        entity = Entity(path, kind, settings.requires_session, settings.lock_duration)
        container = self._register(Container(entity, settings))
        if kind is not EntityKind.TOPIC:
            container.dead_letters = self._add_dead_letters(
                f"{path}/$DeadLetterQueue", EntityKind.DEAD_LETTER_QUEUE, settings
            )
        container.transfer_dead_letters = self._add_dead_letters(
            f"{path}/$Transfer/$DeadLetterQueue", EntityKind.TRANSFER_DEAD_LETTER_QUEUE, settings
        )
        return container

    def _add_dead_letters(self, path: str, kind: EntityKind, settings: EntitySettings) -> Container:
        entity = Entity(path, kind, requires_session=False, lock_duration=settings.lock_duration)
        container = self._register(
            Container(entity, EntitySettings(lock_duration=settings.lock_duration))
        )
        container.dead_letters = container
        return container

    def _register(self, container: Container) -> Container:
        self._by_path[container.entity.path.lower()] = container
        return container
