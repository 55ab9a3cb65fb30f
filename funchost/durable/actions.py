"""What an orchestrator asks for, free of any wire format."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["HTTP_ACTIVITY", "Action", "ActionType", "OrchestratorResult", "Retry"]

HTTP_ACTIVITY = "BuiltIn::HttpActivity"


class ActionType(IntEnum):
    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    SCHEDULED_SIGNAL_ENTITY = 10
    WHEN_ANY = 11
    WHEN_ALL = 12


@dataclass(frozen=True, slots=True)
class Retry:
    """Intervals are microseconds; `timeout` counts from the first attempt."""

    first_interval: int
    attempts: int
    backoff: float = 1.0
    longest_interval: int | None = None
    timeout: int | None = None


class Action:
    """`name` is the activity, orchestrator, event or operation; `instance_id` the sub-orchestration
    or entity; `input` a JSON text; `fire_at` microseconds. A plain class with slots, since there is
    one for each step of each replay."""

    __slots__ = (
        "children",
        "fire_at",
        "input",
        "instance_id",
        "is_cancelled",
        "name",
        "retry",
        "type",
        "version",
    )

    def __init__(
        self,
        kind: ActionType,
        name: str = "",
        input: str | None = None,
        *,
        instance_id: str | None = None,
        version: str | None = None,
        retry: Retry | None = None,
        fire_at: int = 0,
        is_cancelled: bool = False,
        children: "Sequence[Action]" = (),
    ) -> None:
        self.type = kind
        self.name = name
        self.input = input
        self.instance_id = instance_id
        self.version = version
        self.retry = retry
        self.fire_at = fire_at
        self.is_cancelled = is_cancelled
        self.children = children


@dataclass(frozen=True, slots=True)
class OrchestratorResult:
    """What one run of an orchestrator function comes to. `actions` are all since the beginning;
    `output` and `custom_status` are JSON texts; `error` is set when the orchestrator raised."""

    is_done: bool
    actions: Sequence[Action] = ()
    output: str | None = None
    error: str | None = None
    custom_status: str | None = None
