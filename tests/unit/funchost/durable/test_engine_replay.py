"""The walk of actions along a history, without the SDK: numbers, order, and what is new."""

from collections.abc import Sequence
from typing import Any

import pytest

from funchost.durable.actions import Action, ActionType, OrchestratorResult, Retry
from funchost.durable.decisions import (
    CommandKind,
    Completed,
    ContinuedAsNew,
    Decision,
    FailedExecution,
    Names,
    TerminatedExecution,
)
from funchost.durable.events import Event, EventType
from funchost.durable.replay import Replay

KNOWN = Names(lambda _: None, lambda _: None, lambda _: None)
SECOND = 1_000_000
STARTED = Event(EventType.EXECUTION_STARTED, 0, {"execution_id": "e"})


def begin(at: int = 0) -> Event:
    return Event(EventType.ORCHESTRATOR_STARTED, at * SECOND)


def scheduled(number: int, name: str = "act") -> Event:
    return Event(EventType.TASK_SCHEDULED, 0, {"name": name, "version": None}, number)


def created(number: int) -> Event:
    return Event(EventType.TIMER_CREATED, 0, {"fire_at": 0}, number)


def completed(number: int) -> Event:
    return Event(EventType.TASK_COMPLETED, 0, {"task_id": number, "result": None})


def failed(number: int) -> Event:
    return Event(EventType.TASK_FAILED, 0, {"task_id": number, "reason": "", "details": ""})


def fired(number: int) -> Event:
    return Event(EventType.TIMER_FIRED, 0, {"task_id": number, "fire_at": 0})


def raised(name: str) -> Event:
    return Event(EventType.EVENT_RAISED, 0, {"name": name, "input": None})


def plain(kind: EventType) -> Event:
    return Event(kind, 0, {"reason": "why"})


def activity(name: str = "act") -> Action:
    return Action(ActionType.CALL_ACTIVITY, name, "null")


def retried(attempts: int = 3) -> Action:
    options = Retry(first_interval=5 * SECOND, attempts=attempts)
    return Action(ActionType.CALL_ACTIVITY_WITH_RETRY, "act", "null", retry=options)


def timer(*, is_cancelled: bool = False) -> Action:
    return Action(ActionType.CREATE_TIMER, fire_at=9 * SECOND, is_cancelled=is_cancelled)


def event(name: str) -> Action:
    return Action(ActionType.WAIT_FOR_EXTERNAL_EVENT, name)


def every(*children: Action) -> Action:
    return Action(ActionType.WHEN_ALL, children=children)


def either(*children: Action) -> Action:
    return Action(ActionType.WHEN_ANY, children=children)


def walk(
    actions: Sequence[Action],
    *batch: Event,
    history: Sequence[Event] = (),
    names: Names = KNOWN,
    **result: Any,
) -> Decision:
    given = OrchestratorResult(result.pop("is_done", False), actions, **result)
    replay = Replay("o", given, names, instance_id="me", parent_id="boss")
    return replay.run(history, batch)


def new(decision: Decision) -> list[tuple[str, int]]:
    return [(command.kind.value.split()[0], command.id) for command in decision.commands]


def test_an_action_is_invoked_when_the_one_before_has_completed() -> None:
    first = walk([activity("a"), activity("b")], begin(), STARTED)
    assert new(first) == [("activity", 0)]
    second = walk(
        [activity("a"), activity("b")],
        begin(),
        completed(0),
        history=[begin(), STARTED, scheduled(0, "A")],
    )
    assert new(second) == [("activity", 1)]


def test_a_compound_invokes_all_its_children_at_once() -> None:
    decision = walk([every(activity(), either(timer(), event("x")), activity())], begin(), STARTED)
    assert new(decision) == [("activity", 0), ("timer", 1), ("activity", 2)]


def test_an_empty_compound_holds_nothing_up() -> None:
    assert new(walk([every(), either(), activity()], begin(), STARTED)) == [("activity", 0)]


def test_a_retry_waits_from_the_moment_of_its_episode() -> None:
    decision = walk(
        [every(retried())], begin(7), failed(0), history=[begin(), STARTED, scheduled(0)]
    )
    (command,) = decision.commands
    assert (command.kind, command.id, command.fire_at) == (CommandKind.TIMER, 1, 12 * SECOND)


def test_intervals_grow_up_to_the_longest_and_end_with_the_time_limit() -> None:
    options = Retry(SECOND, 10, backoff=3.0, longest_interval=5 * SECOND, timeout=60 * SECOND)
    action = Action(ActionType.CALL_ACTIVITY_WITH_RETRY, "act", retry=options)
    history = [begin(), STARTED, scheduled(0), failed(0), created(1), fired(1), scheduled(2)]
    second = walk([action], begin(10), failed(2), history=history)
    assert second.commands[0].fire_at == 13 * SECOND
    history += [failed(2), created(3), fired(3), scheduled(4)]
    third = walk([action], begin(20), failed(4), history=history)
    assert third.commands[0].fire_at == 25 * SECOND
    late = walk([action, activity("next")], begin(70), failed(4), history=history)
    assert new(late) == [("activity", 5)]


def test_after_the_last_attempt_there_is_one_more_timer() -> None:
    history = [begin(), STARTED, scheduled(0), failed(0), created(1), fired(1), scheduled(2)]
    last = walk([every(retried(2))], begin(9), failed(2), history=history)
    assert (new(last), last.commands[0].fire_at) == ([("timer", 3)], 9 * SECOND)
    done = walk(
        [every(retried(2)), activity("next")],
        begin(9),
        fired(3),
        history=[*history, failed(2), created(3)],
    )
    assert new(done) == [("activity", 4)]


def test_numbers_of_retries_follow_the_order_of_the_failures() -> None:
    history = [begin(), STARTED, scheduled(0), scheduled(1)]
    decision = walk([every(retried(), retried())], begin(), failed(1), failed(0), history=history)
    assert new(decision) == [("timer", 2), ("timer", 3)]
    history += [failed(1), failed(0), created(2), created(3)]
    again = walk([every(retried(), retried())], begin(), fired(3), fired(2), history=history)
    assert new(again) == [("activity", 4), ("activity", 5)]


def test_a_cancelled_timer_keeps_its_number_and_holds_nothing_open() -> None:
    actions = [either(timer(is_cancelled=True), event("go"))]
    decision = walk(
        actions, begin(), raised("GO"), history=[begin(), STARTED, created(0)], is_done=True
    )
    assert decision.conclusion == Completed(None)
    assert decision.next_id == 1


def test_a_cancelled_timer_does_not_shift_the_numbers_of_a_retry_beside_it() -> None:
    actions = [either(timer(is_cancelled=True), every(retried())), activity("next")]
    history = [begin(), STARTED, created(0), scheduled(1), failed(1), created(2), fired(2)]
    decision = walk(actions, begin(), completed(3), history=[*history, scheduled(3)])
    assert new(decision) == [("activity", 4)]


def test_what_is_open_delays_the_end() -> None:
    history = [begin(), STARTED, scheduled(0), created(1)]
    actions = [either(activity(), timer())]
    assert walk(actions, begin(), completed(0), history=history, is_done=True).conclusion is None
    history.append(completed(0))
    ended = walk(actions, begin(), fired(1), history=history, is_done=True, output="1")
    assert ended.conclusion == Completed("1")


def test_an_event_is_kept_for_a_later_wait_and_heard_in_any_case() -> None:
    actions = [activity(), event("Go"), activity("next")]
    history = [begin(), STARTED, scheduled(0), raised("gO")]
    assert new(walk(actions, begin(), completed(0), history=history)) == [("activity", 1)]


def test_continuing_as_new_takes_later_events_along() -> None:
    actions = [event("go"), Action(ActionType.CONTINUE_AS_NEW, input="1")]
    early, late = raised("other"), raised("other")
    decision = walk(
        actions, begin(), early, raised("go"), late, history=[begin(), STARTED], is_done=True
    )
    assert decision.conclusion == ContinuedAsNew("1", [late])


def test_a_failed_run_waits_for_what_is_open_too() -> None:
    actions = [every(activity(), activity())]
    history = [begin(), STARTED, scheduled(0), scheduled(1)]
    waiting = walk(actions, begin(), failed(0), history=history, error="bad")
    assert waiting.conclusion is None
    history.append(failed(0))
    ended = walk(actions, begin(), completed(1), history=history, error="bad")
    assert ended.conclusion == FailedExecution(
        "Orchestrator function 'o' failed: bad", "Message: bad, StackTrace: "
    )


def test_termination_wins_over_an_end_in_the_same_batch() -> None:
    decision = walk(
        [activity()],
        begin(),
        completed(0),
        plain(EventType.EXECUTION_TERMINATED),
        history=[begin(), STARTED, scheduled(0)],
        is_done=True,
    )
    assert decision.conclusion == TerminatedExecution("why")


def test_events_of_a_suspension_are_fed_when_it_ends() -> None:
    history = [begin(), STARTED, scheduled(0)]
    batch = [begin(), plain(EventType.EXECUTION_SUSPENDED), completed(0)]
    actions = [activity(), activity("next")]
    held = walk(actions, *batch, history=history)
    assert (new(held), held.is_suspended) == ([], True)
    resumed = walk(actions, begin(), plain(EventType.EXECUTION_RESUMED), history=[*history, *batch])
    assert (new(resumed), resumed.is_suspended) == ([("activity", 1)], False)


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        (scheduled(0, "other"), "an activity task with sequence ID 0 and name 'other'"),
        (scheduled(5), "an activity task with sequence ID 5 and name 'act' (version '')"),
        (created(0), "a timer with sequence ID 0"),
        (
            Event(EventType.SUB_ORCHESTRATION_CREATED, 0, {"name": "s", "version": "2"}, 0),
            "a sub-orchestration with sequence ID 0 and name 's' (version '2')",
        ),
        (
            Event(EventType.EVENT_SENT, 0, {"name": "op"}, 0),
            "an event with sequence ID 0 and name 'op'",
        ),
    ],
)
def test_history_that_the_code_does_not_repeat_fails_the_orchestration(
    recorded: Event, said: str
) -> None:
    decision = walk([activity()], begin(), history=[begin(), STARTED, recorded])
    assert isinstance(decision.conclusion, FailedExecution)
    assert "Non-Deterministic workflow detected: A previous execution" in decision.conclusion.reason
    assert said in decision.conclusion.reason
    assert decision.commands == []


def test_what_is_unknown_keeps_its_number_and_is_scheduled_once_it_is_there() -> None:
    unknown = Names(lambda name: f"no {name}" if name == "gone" else None, *[lambda _: None] * 2)
    actions = [every(activity("gone"), activity("act"))]
    first = walk(actions, begin(), STARTED, names=unknown)
    assert (new(first), first.problems) == ([("activity", 1)], ["no gone"])
    later = walk(actions, begin(), completed(1), history=[begin(), STARTED, scheduled(1)])
    assert new(later) == [("activity", 0)]


@pytest.mark.parametrize("child", ["ME", "Boss", "@x@y"])
def test_a_sub_orchestration_cannot_take_the_id_of_its_elders(child: str) -> None:
    action = Action(ActionType.CALL_SUB_ORCHESTRATOR, "sub", instance_id=child)
    decision = walk([action], begin(), STARTED)
    assert decision.commands == []
    assert child in decision.problems[0]


def test_completions_that_nobody_waits_for_are_ignored() -> None:
    history = [begin(), STARTED, scheduled(0)]
    decision = walk(
        [activity(), activity("next")],
        begin(),
        completed(7),
        completed(0),
        completed(0),
        history=history,
    )
    assert new(decision) == [("activity", 1)]
