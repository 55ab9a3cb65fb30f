"""Replays an orchestration: its actions, walked along its history, give what is to be done next.

It does what the extension's orchestration shim does on top of DurableTask.Core. Actions are invoked
strictly in order, each after the one before has completed *in the order of history*; whatever is
invoked takes the next sequence number. Events are fed one by one, and the walk goes on after each,
since that order decides the numbers of retries. What history has no record of is new.

Pure: no I/O, no clock, and the same input gives the same output.
"""

from collections.abc import Iterable, Sequence
from typing import assert_never

from funchost.durable.actions import HTTP_ACTIVITY, Action, ActionType, OrchestratorResult
from funchost.durable.decisions import (
    Command,
    CommandKind,
    Completed,
    Conclusion,
    ContinuedAsNew,
    Decision,
    FailedExecution,
    Names,
    TerminatedExecution,
    request_id,
)
from funchost.durable.events import Event, EventType
from funchost.durable.tasks import AllTask, AnyTask, RetryTask, Task

__all__ = ["NonDeterminismError", "Replay", "TooManyActionsError"]


class NonDeterminismError(Exception):
    """History and the code of the orchestrator do not fit together."""

    def __init__(self, text: str) -> None:
        super().__init__(f"Non-Deterministic workflow detected: {text}")


class TooManyActionsError(Exception):
    """More than host.json's `maxOrchestrationActions`."""


_SCHEDULED = {
    EventType.TASK_SCHEDULED: CommandKind.ACTIVITY,
    EventType.SUB_ORCHESTRATION_CREATED: CommandKind.SUB_ORCHESTRATION,
    EventType.TIMER_CREATED: CommandKind.TIMER,
    EventType.EVENT_SENT: CommandKind.EVENT,
}
_NAMED = frozenset({CommandKind.ACTIVITY, CommandKind.SUB_ORCHESTRATION})
_COMPLETIONS = {
    EventType.TASK_COMPLETED: False,
    EventType.SUB_ORCHESTRATION_COMPLETED: False,
    EventType.TIMER_FIRED: False,
    EventType.TASK_FAILED: True,
    EventType.SUB_ORCHESTRATION_FAILED: True,
}


class Replay:
    """One walk. `name` is the orchestrator's, as it was started."""

    def __init__(
        self,
        name: str,
        result: OrchestratorResult,
        names: Names,
        *,
        instance_id: str,
        parent_id: str | None = None,
        maximum_actions: int = 100_000,
    ) -> None:
        self._name = name
        self._result = result
        self._names = names
        self._instance_id = instance_id
        self._parent_id = parent_id
        self._maximum_actions = maximum_actions
        self._execution_id = ""
        self._now = 0
        self._next_id = 0
        self._next_action = 0
        self._current: Task | None = None
        self._is_started = False
        self._is_returned = False
        # By sequence number: what waits for its completion, what keeps the execution open, and what
        # history has not confirmed yet.
        self._tasks: dict[int, Task] = {}
        self._attempts: dict[int, RetryTask] = {}
        self._open: set[int] = set()
        self._commands: dict[int, Command] = {}
        # By name in lower case: who waits, in order of arrival, and how many came before.
        self._waiting: dict[str, list[Task]] = {}
        self._buffered: dict[str, int] = {}
        self._held: list[Event] | None = None
        self._continued: ContinuedAsNew | None = None
        self._carried: list[Event] = []
        self._terminated: TerminatedExecution | None = None
        self._problems: list[str] = []

    def run(self, history: Iterable[Event], batch: Iterable[Event]) -> Decision:
        """`history` is what has been committed, `batch` what came since, `ORCHESTRATOR_STARTED`
        first."""
        try:
            for event in history:
                self._feed(event)
            for event in batch:
                self._feed(event)
            for command in self._commands.values():
                if command.problem is not None:
                    self._problems.append(command.problem)
        except (NonDeterminismError, TooManyActionsError) as error:
            return self._decide(self._failed(str(error)), commands=[])
        return self._decide(self._conclusion())

    def _decide(
        self, conclusion: Conclusion | None, commands: Sequence[Command] | None = None
    ) -> Decision:
        if commands is None:
            commands = [command for command in self._commands.values() if command.problem is None]
        return Decision(commands, conclusion, self._next_id, self._held is not None, self._problems)

    def _conclusion(self) -> Conclusion | None:
        if self._terminated is not None:
            return self._terminated
        if not self._is_returned or self._open:
            return None
        if self._result.error is not None:
            return self._failed(self._result.error)
        if self._continued is not None:
            return ContinuedAsNew(self._continued.input, self._carried)
        return Completed(self._result.output)

    def _failed(self, error: str) -> FailedExecution:
        return FailedExecution(
            f"Orchestrator function '{self._name}' failed: {error}",
            f"Message: {error}, StackTrace: ",
        )

    def _feed(self, event: Event) -> None:
        kind = event.type
        if kind is EventType.ORCHESTRATOR_STARTED:
            # Time stands still where the clock was moved back, as it does in the SDK.
            self._now = max(self._now, event.at)
        elif kind is EventType.EXECUTION_TERMINATED:
            if self._terminated is None:
                self._terminated = TerminatedExecution(event.members["reason"])
        elif kind is EventType.EXECUTION_SUSPENDED:
            if self._held is None:
                self._held = []
        elif kind is EventType.EXECUTION_RESUMED:
            held, self._held = self._held or [], None
            for late in held:
                self._process(late)
        elif self._held is not None and kind not in _SCHEDULED:
            self._held.append(event)
        else:
            self._process(event)

    def _process(self, event: Event) -> None:
        kind = event.type
        if (command_kind := _SCHEDULED.get(kind)) is not None:
            self._confirm(command_kind, event)
            return
        if (failed := _COMPLETIONS.get(kind)) is not None:
            self._complete(event.members["task_id"], failed=failed)
        elif kind is EventType.EVENT_RAISED:
            self._raise(event)
        elif kind is EventType.EXECUTION_STARTED and not self._is_started:
            self._is_started = True
            self._execution_id = event.members["execution_id"]
        else:
            return
        self._advance()

    def _confirm(self, kind: CommandKind, event: Event) -> None:
        command = self._commands.pop(event.id, None)
        name = event.members.get("name") or ""
        if command is not None and command.kind is kind:
            if kind not in _NAMED or command.name.lower() == name.lower():
                return
            raise NonDeterminismError(
                f"A previous execution of this orchestration scheduled {_described(kind, event)}, "
                f"but the current replay execution scheduled '{command.name}' under that number. "
                "Was a change made to the orchestrator code after this instance had already "
                "started running?"
            )
        instead = "" if command is None else f" and scheduled {_article(command.kind)} instead"
        raise NonDeterminismError(
            f"A previous execution of this orchestration scheduled {_described(kind, event)}, but "
            f"the current replay execution hasn't (yet?) scheduled this task{instead}. Was a "
            "change made to the orchestrator code after this instance had already started running?"
        )

    def _complete(self, number: int, *, failed: bool) -> None:
        self._open.discard(number)
        if (attempt := self._attempts.pop(number, None)) is not None:
            self._after_attempt(attempt, failed=failed)
        elif (task := self._tasks.pop(number, None)) is not None:
            task.complete(failed=failed)

    def _raise(self, event: Event) -> None:
        name = str(event.members["name"]).lower()
        if waiting := self._waiting.get(name):
            waiting.pop(0).complete()
        elif self._continued is not None:
            self._carried.append(event)
        else:
            self._buffered[name] = self._buffered.get(name, 0) + 1

    def _advance(self) -> None:
        """Invokes action after action, until one has to be waited for."""
        actions = self._result.actions
        while self._is_started and not self._is_returned:
            if self._current is not None and not self._current.done:
                return
            if self._next_action == len(actions):
                if self._result.is_done or self._result.error is not None:
                    self._is_returned = True
                return
            self._current = self._invoke(actions[self._next_action], None)
            self._next_action += 1

    def _invoke(self, action: Action, parent: AllTask | AnyTask | None) -> Task:
        kind = action.type
        match kind:
            case ActionType.CALL_ACTIVITY:
                return self._schedule(self._activity(action), Task(parent))
            case ActionType.CALL_HTTP:
                return self._schedule(self._activity(action), Task(parent))
            case ActionType.CALL_SUB_ORCHESTRATOR:
                return self._schedule(self._sub_orchestration(action), Task(parent))
            case ActionType.CALL_ACTIVITY_WITH_RETRY | ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY:
                retried = RetryTask(parent, action, self._now)
                self._attempt(retried)
                return retried
            case ActionType.CREATE_TIMER:
                task = Task(parent)
                number = self._timer(action.fire_at)
                self._tasks[number] = task
                if action.is_cancelled:
                    self._open.discard(number)
                return task
            case ActionType.WAIT_FOR_EXTERNAL_EVENT:
                return self._wait(action.name.lower(), Task(parent))
            case ActionType.CALL_ENTITY:
                command = self._event(action, is_signal=False)
                return self._wait(request_id(self._execution_id, command.id), Task(parent))
            case ActionType.SIGNAL_ENTITY | ActionType.SCHEDULED_SIGNAL_ENTITY:
                self._event(action, is_signal=True)
                return _completed(parent)
            case ActionType.CONTINUE_AS_NEW:
                self._continued = ContinuedAsNew(action.input, ())
                return _completed(parent)
            case ActionType.WHEN_ANY | ActionType.WHEN_ALL:
                return self._compound(action, parent)
            case _:
                assert_never(kind)

    def _compound(self, action: Action, parent: AllTask | AnyTask | None) -> Task:
        if not action.children:
            return _completed(parent)
        compound: AllTask | AnyTask
        if action.type is ActionType.WHEN_ALL:
            compound = AllTask(parent, len(action.children))
        else:
            compound = AnyTask(parent)
        for child in action.children:
            self._invoke(child, compound)
        return compound

    def _wait(self, name: str, task: Task) -> Task:
        if self._buffered.get(name, 0):
            self._buffered[name] -= 1
            task.complete()
        else:
            self._waiting.setdefault(name, []).append(task)
        return task

    def _schedule(self, command: Command, task: Task) -> Task:
        self._tasks[command.id] = task
        return task

    def _attempt(self, retried: RetryTask) -> None:
        retried.attempt += 1
        retried.is_waiting = False
        if retried.action.type is ActionType.CALL_ACTIVITY_WITH_RETRY:
            command = self._activity(retried.action)
        else:
            command = self._sub_orchestration(retried.action)
        self._attempts[command.id] = retried

    def _after_attempt(self, retried: RetryTask, *, failed: bool) -> None:
        """After an attempt, or after the timer that follows a failed one. After the last attempt
        there is a timer too: the SDK counts on it."""
        retry = retried.action.retry
        assert retry is not None
        if retried.is_waiting:
            if retried.attempt >= retry.attempts:
                retried.complete(failed=True)
            else:
                self._attempt(retried)
            return
        if not failed:
            retried.complete()
            return
        delay = 0
        if retried.attempt < retry.attempts:
            delay = int(retry.first_interval * retry.backoff ** min(retried.attempt - 1, 1000))
            if retry.longest_interval is not None:
                delay = min(delay, retry.longest_interval)
            if retry.timeout is not None and self._now >= retried.started + retry.timeout:
                retried.complete(failed=True)
                return
        retried.is_waiting = True
        self._attempts[self._timer(self._now + delay)] = retried

    # Commands, each with the next number

    def _activity(self, action: Action) -> Command:
        is_http = action.type is ActionType.CALL_HTTP
        name = HTTP_ACTIVITY if is_http else action.name
        problem = None if is_http else self._names.activity(name)
        command = self._add(CommandKind.ACTIVITY, problem)
        command.name, command.input = name, action.input
        return command

    def _sub_orchestration(self, action: Action) -> Command:
        problem = self._names.orchestrator(action.name) or self._child_problem(action.instance_id)
        command = self._add(CommandKind.SUB_ORCHESTRATION, problem)
        command.name, command.input, command.version = action.name, action.input, action.version
        command.instance_id = action.instance_id or f"{self._execution_id}:{command.id}"
        return command

    def _child_problem(self, instance_id: str | None) -> str | None:
        if instance_id is None:
            return None
        if instance_id.startswith("@"):
            return f"The id '{instance_id}' of a sub-orchestration must not start with '@'."
        if instance_id.lower() in (self._instance_id.lower(), (self._parent_id or "").lower()):
            return (
                f"The id '{instance_id}' of a sub-orchestration must differ from that of its "
                "parent and grandparent."
            )
        return None

    def _timer(self, fire_at: int) -> int:
        command = self._add(CommandKind.TIMER)
        command.fire_at = fire_at
        return command.id

    def _event(self, action: Action, *, is_signal: bool) -> Command:
        assert action.instance_id is not None
        name = action.instance_id[1:].partition("@")[0]
        command = self._add(CommandKind.EVENT, self._names.entity(name), is_open=False)
        command.name, command.input = action.name, action.input
        command.instance_id, command.is_signal = action.instance_id, is_signal
        command.fire_at = action.fire_at
        return command

    def _add(
        self, kind: CommandKind, problem: str | None = None, *, is_open: bool = True
    ) -> Command:
        number = self._next_id
        if number >= self._maximum_actions:
            raise TooManyActionsError(
                f"Maximum amount of orchestration actions ({self._maximum_actions}) has been "
                "reached. This value can be configured in host.json file as "
                "MaxOrchestrationActions."
            )
        self._next_id += 1
        command = Command(kind, number, problem=problem)
        self._commands[number] = command
        if is_open and problem is None:
            self._open.add(number)
        return command


def _completed(parent: AllTask | AnyTask | None) -> Task:
    task = Task(parent)
    task.complete()
    return task


def _described(kind: CommandKind, event: Event) -> str:
    name = event.members.get("name")
    named = "" if name is None else f" and name '{name}'"
    version = f" (version '{event.members.get('version') or ''}')" if kind in _NAMED else ""
    return f"{_article(kind)} with sequence ID {event.id}{named}{version}"


def _article(kind: CommandKind) -> str:
    return f"{'an' if kind.value[0] in 'aeiou' else 'a'} {kind.value}"
