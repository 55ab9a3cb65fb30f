"""The tree of tasks that one action stands for, and how completion rises in it."""

from funchost.durable.actions import Action

__all__ = ["AllTask", "AnyTask", "RetryTask", "Task"]


class Task:
    """Something that completes once. `failed` means that it completed with an error; the error
    itself is the business of the orchestrator."""

    __slots__ = ("done", "failed", "parent")

    def __init__(self, parent: "AllTask | AnyTask | None" = None) -> None:
        self.parent = parent
        self.done = False
        self.failed = False

    def complete(self, *, failed: bool = False) -> None:
        if self.done:
            return
        self.done = True
        self.failed = failed
        if self.parent is not None:
            self.parent.child_completed()


class AllTask(Task):
    """Completes with the last of its children, also when some have failed."""

    __slots__ = ("remaining",)

    def __init__(self, parent: "AllTask | AnyTask | None", children: int) -> None:
        super().__init__(parent)
        self.remaining = children

    def child_completed(self) -> None:
        self.remaining -= 1
        if self.remaining == 0:
            self.complete()


class AnyTask(Task):
    __slots__ = ()

    def child_completed(self) -> None:
        self.complete()


class RetryTask(Task):
    """An activity or sub-orchestration with its attempts; `started` is when the first one began."""

    __slots__ = ("action", "attempt", "is_waiting", "started")

    def __init__(self, parent: "AllTask | AnyTask | None", action: Action, started: int) -> None:
        super().__init__(parent)
        self.action = action
        self.attempt = 0
        self.started = started
        self.is_waiting = False
