"""Histories of orchestrations that ran, as files, and what today's code makes of them."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import azure.durable_functions as df

from funchost.durable.decisions import CommandKind, Completed, Decision, Names
from funchost.durable.events import Event, EventType
from funchost.durable.replay import Replay
from funchost.durable.store.records import load_events
from funchost.durable.wire import orchestrator_context, parse_orchestrator_result

FOLDER = Path(__file__).resolve().parents[1] / "histories"
_MADE = {
    EventType.TASK_SCHEDULED: CommandKind.ACTIVITY,
    EventType.TIMER_CREATED: CommandKind.TIMER,
}

Done = tuple[CommandKind, int, str, int]
"""What an orchestrator did: kind, number, an activity's name, a timer's moment in microseconds."""


@dataclass(frozen=True)
class Episode:
    """One run of the orchestrator: what was known, what had come, and what it then did."""

    past: Sequence[Event]
    came: Sequence[Event]
    did: Sequence[Done]
    is_last: bool


@dataclass(frozen=True)
class History:
    """Of an instance that has completed. `input` and `output` are the stored texts."""

    instance_id: str
    orchestrator: str
    input: str
    output: str
    events: Sequence[Event]

    @classmethod
    def of(cls, file: Path) -> "History":
        said = json.loads(file.read_text("utf-8"))
        events = [
            Event(EventType[kind], at, members, number)
            for kind, number, at, members in said.pop("events")
        ]
        return cls(**said, events=events)

    @classmethod
    def in_hub(cls, hub: Path, instance_id: str) -> "History":
        """From a task hub of the local host."""
        with sqlite3.connect(hub) as connection:
            [(name, given, output)] = connection.execute(
                "SELECT name, input, output FROM instances WHERE id = ?", (instance_id,)
            )
            chunks = connection.execute(
                "SELECT events FROM history WHERE instance = ? ORDER BY first", (instance_id,)
            )
            events = [event for (text,) in chunks for event in load_events(text)]
        connection.close()
        return cls(instance_id, name, given, output, events)

    def write(self, file: Path) -> None:
        """One event on a line, so that a difference can be read. Of a failure its details are left
        out: they name files of the machine, and no saga looks at them."""
        head = {
            "instance_id": self.instance_id,
            "orchestrator": self.orchestrator,
            "input": self.input,
            "output": self.output,
        }
        events = ",\n  ".join(
            json.dumps([event.type.name, event.id, event.at, _to_keep(event)])
            for event in self.events
        )
        text = json.dumps(head, indent=1)[:-2]
        file.write_text(f'{text},\n "events": [\n  {events}\n ]\n}}\n', "utf-8")

    def episodes(self) -> Iterator[Episode]:
        past: list[Event] = []
        episode: list[Event] = []
        for event in self.events:
            episode.append(event)
            if event.type is EventType.ORCHESTRATOR_COMPLETED:
                came = [one for one in episode[:-1] if one.id == -1]
                made = [one for one in episode if one.type in _MADE]
                is_last = any(one.type is EventType.EXECUTION_COMPLETED for one in episode)
                yield Episode(list(past), came, [_done(one) for one in made], is_last)
                past += episode
                episode = []

    def differences(self, code: Callable[..., Any]) -> list[str]:
        """Where an instance with this history would not go on as it did, under this code: at each
        point at which it may be when the code is deployed."""
        found = []
        for number, episode in enumerate(self.episodes()):
            decision = self._decision(episode, code)
            did = [
                (command.kind, command.id, command.name, command.fire_at)
                for command in decision.commands
            ]
            if did != list(episode.did):
                found.append(f"episode {number}: {did} instead of {episode.did}")
            ended = Completed(self.output) if episode.is_last else None
            if decision.conclusion != ended:
                found.append(f"episode {number}: {decision.conclusion} instead of {ended}")
        return found

    def inputs(self, code: Callable[..., Any]) -> set[str | None]:
        """What activities are given."""
        decisions = (self._decision(episode, code) for episode in self.episodes())
        return {
            command.input
            for decision in decisions
            for command in decision.commands
            if command.kind is CommandKind.ACTIVITY
        }

    def _decision(self, episode: Episode, code: Callable[..., Any]) -> Decision:
        """The SDK runs the code, and the engine makes of its answer what is to be done."""
        context = orchestrator_context(
            episode.past,
            episode.came,
            input=self.input,
            instance_id=self.instance_id,
            parent_instance_id=None,
            http_sleep_milliseconds=0,
        )
        answer = parse_orchestrator_result(_answer(code, context))
        known = Names(lambda _: None, lambda _: None, lambda _: None)
        replay = Replay(self.orchestrator, answer, known, instance_id=self.instance_id)
        return replay.run(episode.past, episode.came)


def _answer(code: Callable[..., Any], context: str) -> str:
    try:
        return str(df.Orchestrator.create(code)(context))
    except Exception as error:
        # So the SDK tells of an orchestrator that raised: its state stands behind a mark.
        _, mark, state = str(error).partition("$OutOfProcData$:")
        if not mark:
            raise
        return state


def _to_keep(event: Event) -> dict[str, Any]:
    members = dict(event.members)
    return {**members, "details": ""} if event.type is EventType.TASK_FAILED else members


def _done(event: Event) -> Done:
    members = event.members
    return _MADE[event.type], event.id, members.get("name", ""), members.get("fire_at", 0)
