"""Which entity a binding means, and which entities an app needs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funchost.kinds import BindingError, HostedFunction
from funchost.servicebus.broker.namespace import Namespace, NamespaceError
from funchost.settings import SettingsError, is_true

__all__ = [
    "INPUT",
    "OUTPUT",
    "EntityUse",
    "check_declared",
    "declarations_file",
    "entity_use",
    "from_bindings",
    "uses",
]

INPUT = "servicebustrigger"
OUTPUT = "servicebus"
_DEAD_LETTERS = "/$deadletterqueue"
_TRANSFERS = "/$transfer"


@dataclass(frozen=True)
class EntityUse:
    """`subscription` is None for a queue or a topic that is sent to. `requires_session` is None
    where the binding says nothing about it."""

    function: str
    connection: str | None
    name: str
    is_topic: bool
    subscription: str | None
    is_trigger: bool
    requires_session: bool | None

    @property
    def path(self) -> str:
        if self.subscription is None:
            return self.name
        return f"{self.name}/Subscriptions/{self.subscription}"


def entity_use(function: str, binding: Mapping[str, Any]) -> EntityUse:
    """Raises BindingError for a binding that names no entity."""
    is_trigger = str(binding["type"]).lower() == INPUT
    queue, topic, subscription = (
        str(binding.get(key) or "").strip()
        for key in ("queueName", "topicName", "subscriptionName")
    )
    if bool(queue) == bool(topic):
        raise BindingError(
            f"The Service Bus binding '{binding['name']}' needs either a queueName or a topicName."
        )
    if is_trigger and topic and not subscription:
        raise BindingError(
            f"The Service Bus trigger '{binding['name']}' needs a subscriptionName for the topic "
            f"'{topic}'."
        )
    return EntityUse(
        function=function,
        connection=str(binding["connection"]) if binding.get("connection") else None,
        name=queue or topic,
        is_topic=bool(topic),
        subscription=subscription if is_trigger and topic else None,
        is_trigger=is_trigger,
        requires_session=is_true(binding.get("isSessionsEnabled", False)) if is_trigger else None,
    )


def uses(hosted: HostedFunction) -> Iterator[EntityUse]:
    """Of all Service Bus bindings of a function. Raises BindingError."""
    name = hosted.function.name
    if hosted.trigger_type == INPUT:
        yield entity_use(name, hosted.trigger)
    for _, _, binding, _ in hosted.outputs:
        if str(binding["type"]).lower() == OUTPUT:
            yield entity_use(name, binding)


def declarations_file(app_dir: Path, given: Path | None) -> Path | None:
    """The file that was given, else the one that lies where an app has it, else None."""
    if given is not None:
        return given
    candidates = (app_dir / "infra" / "servicebus.json", app_dir / "servicebus.json")
    return next((file for file in candidates if file.is_file()), None)


def check_declared(namespace: Namespace, used: Iterable[EntityUse]) -> None:
    """Raises SettingsError, with a sentence that names the entity and the function."""
    for use in used:
        name, subscription, in_dead_letters = _owner(use)
        sessions = None if in_dead_letters else use.requires_session
        try:
            if subscription is not None:
                namespace.require_subscription(name, subscription, requires_session=sessions)
            elif use.is_topic:
                namespace.require_topic(name)
            else:
                namespace.require_queue(name, requires_session=sessions)
        except NamespaceError as error:
            raise SettingsError(f"{error} The function '{use.function}' needs it.") from error


def from_bindings(used: Iterable[EntityUse]) -> Namespace:
    """What the app needs and no more, with the service's defaults. Triggers say whether a queue or
    a subscription has sessions. Raises SettingsError where they contradict each other."""
    namespace = Namespace()
    # Triggers first, since they know more about an entity than who sends to it.
    for use in sorted(used, key=lambda use: not use.is_trigger):
        name, subscription, in_dead_letters = _owner(use)
        sessions = None if in_dead_letters else use.requires_session
        try:
            if not use.is_topic:
                if name.lower() not in namespace.queues:
                    namespace.add_queue(name, requires_session=bool(sessions))
                namespace.require_queue(name, requires_session=sessions)
                continue
            if name.lower() not in namespace.topics:
                namespace.add_topic(name)
            if subscription is not None:
                known = namespace.topics[name.lower()].subscriptions
                if subscription.lower() not in known:
                    namespace.add_subscription(name, subscription, requires_session=bool(sessions))
                namespace.require_subscription(name, subscription, requires_session=sessions)
        except NamespaceError as error:
            raise SettingsError(f"{error} The function '{use.function}' needs it.") from error
    return namespace


def _owner(use: EntityUse) -> tuple[str, str | None, bool]:
    """Queue or topic, subscription, and whether the use is of its dead letters."""
    if use.subscription is not None:
        subscription = _without_dead_letters(use.subscription)
        return use.name, subscription, subscription != use.subscription
    name = _without_dead_letters(use.name)
    return name, None, name != use.name


def _without_dead_letters(name: str) -> str:
    if name.lower().endswith(_DEAD_LETTERS):
        name = name[: -len(_DEAD_LETTERS)]
        if name.lower().endswith(_TRANSFERS):
            name = name[: -len(_TRANSFERS)]
    return name
