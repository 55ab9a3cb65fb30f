"""The part of this process in the work of a task hub.

An instance belongs to the process that made it, woke it or found it without an owner, and stays
with that process, in memory, until it ends; other processes leave messages for it in the store.
Activities are taken by whoever is free. Nothing polls: operations of the store leave wakes, and the
commit of another process is noticed by the writer.
"""

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from funchost.clock import HostClock
from funchost.durable.activities import ActivityRunner
from funchost.durable.decisions import FailedExecution, TerminatedExecution
from funchost.durable.entities import EntityRunner
from funchost.durable.events import EventType, from_micros, to_micros
from funchost.durable.functions import DurableKind, FunctionTable
from funchost.durable.lanes import Lane
from funchost.durable.lease import RENEW_SECONDS, Lease
from funchost.durable.live import LiveInstance
from funchost.durable.options import DurableOptions
from funchost.durable.orchestrations import Aborted, OrchestrationRunner
from funchost.durable.store import instances, queries, work
from funchost.durable.store.records import (
    ActivityRow,
    EpisodeCommit,
    LeaseLostError,
    LoadedInstance,
    Wake,
)
from funchost.durable.store.writer import Writer
from funchost.kinds import Invoke
from funchost.logs import ERROR, WARNING, HostLog

__all__ = ["Engine"]

_CATEGORY = "Host.Triggers.DurableTask"
_MOST_ABORTS = 5
_MOST_TRIALS = 3
_SUSPICIOUS_DEATHS = 3
_LONGEST_BACKOFF_SECONDS = 30.0
_CACHED_EVENTS = 200_000
"""Of instances that wait; their histories are read again when they wake."""
_PURGE_EVERY = 20
"""Renewals of the lease."""


class Engine:
    """Lives in one event loop, from `start` to `stop`. `on_change` is told the id of each instance
    whose row has changed."""

    def __init__(
        self,
        writer: Writer,
        lease: Lease,
        options: DurableOptions,
        functions: FunctionTable,
        invoke: Invoke,
        clock: HostClock,
        log: HostLog,
        on_change: Callable[[str], None],
        backoff_seconds: float = 1.0,
    ) -> None:
        self._writer = writer
        self._lease = lease
        self._options = options
        self._functions = functions
        self._clock = clock
        self._log = log
        self._on_change = on_change
        self._backoff_seconds = backoff_seconds
        self._orchestrations = OrchestrationRunner(options, functions, invoke, clock.now)
        self._entities = EntityRunner(options, invoke, clock.now)
        self._activities = ActivityRunner(options, functions, invoke, clock.now, log)
        self._orchestrator_lane = Lane(options.orchestrators, self._run_orchestration)
        self._entity_lane = Lane(options.entities, self._run_entity)
        self._activity_lane = Lane(options.activities, self._run_activity)
        self._live: OrderedDict[str, LiveInstance] = OrderedDict()
        self._loading: set[str] = set()
        self._cached = 0
        self._alone = asyncio.Lock()
        self._due: int | None = None
        self._sleeper: asyncio.Task[None] | None = None
        self._beat: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._seen_message = 0
        self._is_stopping = False
        self._is_claiming = False
        # Whether there may be work in the store that waits for room here.
        self._unclaimed_activities = False
        self._unclaimed_instances = False

    @property
    def owner(self) -> str:
        return self._lease.owner

    @property
    def owner_for_new(self) -> str | None:
        """Who gets an instance that is made now: ourselves, or whoever is free."""
        if self._orchestrator_lane.room and not self._is_stopping:
            return self.owner
        self._unclaimed_instances = True
        return None

    async def start(self) -> None:
        await self._writer.submit(self._lease.register)
        await self._take_over()
        self._due = await self._writer.submit(work.next_due)
        self._sleep_again()
        self._beat = asyncio.create_task(self._keep_beating(), name="durable lease")

    async def stop(self) -> None:
        """Begins nothing more; returns when running functions have ended, their results and
        episodes are committed, and what is left is free for others."""
        self._is_stopping = True
        for task in (self._beat, self._sleeper):
            if task is not None:
                task.cancel()
        await asyncio.gather(
            self._activity_lane.drain(), self._orchestrator_lane.drain(), self._entity_lane.drain()
        )
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._writer.submit(self._lease.release)
        self._lease.drop_lock()

    # Wakes

    def on_wakes(self, wakes: list[Any]) -> None:
        for wake in wakes:
            if isinstance(wake, Wake):
                self._wake(wake)

    def on_foreign(self) -> None:
        """Another process has committed something: perhaps a message for one of ours, perhaps work
        without an owner."""
        if not self._is_stopping:
            self._spawn(self._collect())

    def _wake(self, wake: Wake) -> None:
        live = self._live.get(wake.instance_id)
        if wake.created is not None:
            live = LiveInstance(wake.created)
            self._live[live.id] = live
            self._on_change(live.id)
        if live is None:
            self._load(wake.instance_id)
            return
        if wake.message.number not in live.mailbox:
            live.mailbox[wake.message.number] = wake.message
            live.is_parked = False
            self._schedule(live)

    def _load(self, instance_id: str) -> None:
        if instance_id not in self._loading and not self._is_stopping:
            self._loading.add(instance_id)
            self._spawn(self._finish_loading(instance_id))

    async def _finish_loading(self, instance_id: str) -> None:
        try:
            stored: LoadedInstance | None = await self._writer.submit(
                partial(instances.load, instance_id=instance_id, owner=self.owner)
            )
        finally:
            self._loading.discard(instance_id)
        if stored is not None:
            live = self._live[instance_id] = LiveInstance.loaded(stored)
            self._cached += len(live.history)
            self._schedule(live)

    def _schedule(self, live: LiveInstance) -> None:
        if live.is_busy or live.is_parked or not live.mailbox or self._is_stopping:
            return
        live.is_busy = True
        (self._entity_lane if live.is_entity else self._orchestrator_lane).add(live)

    def _forget(self, live: LiveInstance) -> None:
        if self._live.get(live.id) is live:
            del self._live[live.id]
            self._cached -= len(live.history)

    def _make_room(self) -> None:
        """Forgets the histories of those that have waited longest."""
        if self._cached <= _CACHED_EVENTS:
            return
        for live in list(self._live.values()):
            if self._cached <= _CACHED_EVENTS:
                return
            if not live.is_busy and not live.mailbox:
                self._forget(live)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Future[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.log(_CATEGORY, ERROR, f"The store of the task hub failed: {error}")

    # Orchestrations and entities

    async def _run_orchestration(self, live: LiveInstance) -> None:
        await self._run(live, self._orchestration_episode)

    async def _run_entity(self, live: LiveInstance) -> None:
        await self._run(live, self._entity_episode)

    async def _run(self, live: LiveInstance, episode: Any) -> None:
        """One episode. The instance is busy until it is scheduled again or waits."""
        delay = 0.0
        try:
            if live.deaths >= _SUSPICIOUS_DEATHS:
                async with self._alone:
                    await self._run_suspect(live, episode)
            else:
                await self._commit(live, await episode(live))
            live.aborts = 0
        except LeaseLostError:
            self._log.log(_CATEGORY, WARNING, f"{live.id}: another process has taken it over.")
            self._forget(live)
            return
        except (sqlite3.Error, OSError) as error:
            self._log.log(_CATEGORY, ERROR, f"{live.id}: an episode was not stored: {error}")
            delay = 1.0
        except Aborted as abort:
            delay = await self._after_abort(live, str(abort))
        except Exception as error:
            # An instance that trips the engine itself must not stop the others, or hang unseen.
            delay = await self._after_abort(live, f"{type(error).__name__}: {error}")
        if delay and not self._is_stopping:
            asyncio.get_running_loop().call_later(delay, self._again, live)
        else:
            self._again(live)

    def _again(self, live: LiveInstance) -> None:
        live.is_busy = False
        if self._live.get(live.id) is live:
            self._live.move_to_end(live.id)
            self._schedule(live)
            self._make_room()
        if self._unclaimed_instances and self._orchestrator_lane.room:
            self._spawn(self._claim_instances())

    async def _run_suspect(self, live: LiveInstance, episode: Any) -> None:
        """Several processes have died while messages waited here. So it runs alone, and is marked
        before: if it is the cause, the marks say so."""
        if live.trials >= _MOST_TRIALS:
            why = f"its host process ended in each of {live.trials} attempts to run it"
            self._log.log(_CATEGORY, ERROR, f"{live.id} is given up: {why}.")
            await self._commit(live, self._given_up(live, why))
            return
        live.trials += 1
        await self._writer.submit(
            partial(instances.mark_trial, instance_id=live.id, owner=self.owner)
        )
        await self._commit(live, await episode(live))

    async def _after_abort(self, live: LiveInstance, why: str) -> float:
        """The seconds until the next attempt; 0 when there is none."""
        live.aborts += 1
        if live.aborts < _MOST_ABORTS:
            self._log.log(_CATEGORY, WARNING, f"{live.id}: {why} The episode is run again.")
            delay = self._backoff_seconds * 2.0 ** (live.aborts - 1)
            return min(delay, _LONGEST_BACKOFF_SECONDS)
        self._log.log(
            _CATEGORY, ERROR, f"{live.id} is given up after {live.aborts} attempts: {why}"
        )
        try:
            await self._commit(live, self._given_up(live, why))
        except LeaseLostError:
            self._forget(live)
        except (sqlite3.Error, OSError) as error:
            self._log.log(_CATEGORY, ERROR, f"{live.id}: its end was not stored: {error}")
            return _LONGEST_BACKOFF_SECONDS
        live.aborts = 0
        return 0.0

    def _given_up(self, live: LiveInstance, why: str) -> EpisodeCommit | None:
        if live.is_entity:
            return self._entities.give_up(live, why)
        return self._orchestrations.conclude(
            live,
            FailedExecution(
                f"Orchestrator function '{live.name}' failed: {why}",
                f"Message: {why}, StackTrace: ",
            ),
        )

    async def _orchestration_episode(self, live: LiveInstance) -> EpisodeCommit | None:
        hosted = self._functions.find(DurableKind.ORCHESTRATOR, live.name)
        if hosted is not None:
            commit = await self._orchestrations.run(live, hosted)
            if commit is None:
                await self._drop_stale(live)
            return commit
        for message in live.mailbox.values():
            if message.event.type is EventType.EXECUTION_TERMINATED:
                reason = message.event.members["reason"]
                return self._orchestrations.conclude(live, TerminatedExecution(reason))
        await self._park(live, DurableKind.ORCHESTRATOR, live.name)
        return None

    async def _entity_episode(self, live: LiveInstance) -> EpisodeCommit | None:
        name = live.name[1:]
        hosted = self._functions.find(DurableKind.ENTITY, name)
        if hosted is None:
            await self._park(live, DurableKind.ENTITY, name)
            return None
        commit = await self._entities.run(live, hosted)
        if commit is None:
            live.is_parked = True  # until the holder of the lock says something
        return commit

    async def _park(self, live: LiveInstance, kind: DurableKind, name: str) -> None:
        """Its function is not there: what waits goes on waiting, and says why."""
        live.is_parked = True
        problem = self._functions.problem(kind, name)
        if live.problem != problem:
            live.problem = problem
            self._log.log(_CATEGORY, ERROR, f"{live.id}: {problem}")
            await self._writer.submit(
                partial(
                    instances.set_problem, instance_id=live.id, problem=problem, owner=self.owner
                )
            )
            self._on_change(live.id)

    async def _drop_stale(self, live: LiveInstance) -> None:
        numbers = list(live.mailbox)
        await self._writer.submit(
            partial(instances.drop_messages, instance_id=live.id, numbers=numbers, owner=self.owner)
        )
        for number in numbers:
            del live.mailbox[number]

    async def _commit(self, live: LiveInstance, commit: EpisodeCommit | None) -> None:
        """Raises LeaseLostError and sqlite3.Error; then nothing has changed."""
        if commit is None:
            return
        room = 0 if self._is_stopping else self._activity_lane.room
        ours, running = await self._writer.submit(
            partial(instances.commit_episode, commit=commit, owner=self.owner, room=room)
        )
        for number in commit.consumed:
            live.mailbox.pop(number, None)
        self._apply(live, commit)
        for activity in ours:
            self._activity_lane.add(activity)
        if len(ours) < len(commit.activities):
            self._unclaimed_activities = True
        for late in commit.delayed:
            self._plan(late.due)
        for child in running:
            self._log.log(
                _CATEGORY,
                ERROR,
                f"{live.id}: the sub-orchestration '{child}' runs already and was not started.",
            )
        if commit.problem is not None and commit.problem != live.problem:
            self._log.log(_CATEGORY, ERROR, f"{live.id}: {commit.problem}")
        live.problem = commit.problem
        self._on_change(live.id)

    def _apply(self, live: LiveInstance, commit: EpisodeCommit) -> None:
        live.status = commit.status
        live.custom_status = commit.custom_status
        live.deaths = live.trials = 0
        if commit.entity is not None:
            live.state = commit.entity.state
            live.is_present = commit.entity.is_present
            live.locked_by = commit.entity.locked_by
            return
        if commit.status in queries.FINISHED:
            self._forget(live)
            return
        self._cached -= len(live.history)
        if commit.history_from == 0:
            live.history = list(commit.events)
        else:
            live.history.extend(commit.events)
        self._cached += len(live.history)
        if commit.replaces_input:
            live.input = commit.input
        live.execution_id = commit.execution_id
        live.has_delayed = bool(commit.delayed) or (live.has_delayed and not commit.drops_delayed)

    # Activities

    async def _run_activity(self, activity: ActivityRow) -> None:
        try:
            if activity.deaths >= _SUSPICIOUS_DEATHS:
                async with self._alone:
                    await self._run_suspected_activity(activity)
            else:
                await self._complete(activity, await self._activities.run(activity))
        except (sqlite3.Error, OSError) as error:
            # The row stays ours; whoever takes it over runs it again.
            self._log.log(_CATEGORY, ERROR, f"A result of '{activity.name}' was lost: {error}")
        if self._unclaimed_activities and not self._activity_lane.waiting:
            await self._claim_activities()

    async def _run_suspected_activity(self, activity: ActivityRow) -> None:
        if activity.trials >= _MOST_TRIALS:
            why = f"its host process ended in each of {activity.trials} attempts to run it"
            self._log.log(_CATEGORY, ERROR, f"The activity '{activity.name}' is given up: {why}.")
            reason = f"Activity function '{activity.name}' failed: {why}"
            await self._complete(activity, self._activities.failed(activity, reason, ""))
            return
        await self._writer.submit(
            partial(work.mark_activity_trial, number=activity.number, owner=self.owner)
        )
        await self._complete(activity, await self._activities.run(activity))

    async def _complete(self, activity: ActivityRow, event: Any) -> None:
        was_ours = await self._writer.submit(
            partial(work.complete_activity, activity=activity, event=event, owner=self.owner)
        )
        if not was_ours:
            self._log.log(
                _CATEGORY,
                WARNING,
                f"{activity.instance_id}: a second result of '{activity.name}' was dropped.",
            )

    async def _claim_activities(self) -> None:
        if self._is_claiming or self._is_stopping:
            return
        self._is_claiming = True
        try:
            # As many again as may run: the lane never waits for the next look.
            most = self._activity_lane.room + self._options.activities
            claimed = await self._writer.submit(
                partial(work.claim_activities, owner=self.owner, most=most)
            )
        finally:
            self._is_claiming = False
        self._unclaimed_activities = len(claimed) == most
        for activity in claimed:
            self._activity_lane.add(activity)

    # Work that others left

    async def _collect(self) -> None:
        wakes, self._seen_message = await self._writer.submit(
            partial(work.foreign_messages, owner=self.owner, after=self._seen_message)
        )
        self.on_wakes(wakes)
        await self._claim_instances()
        if self._activity_lane.room:
            await self._claim_activities()
        due = await self._writer.submit(work.next_due)
        if due is not None:
            self._plan(due)
        self._on_change("")

    async def _claim_instances(self) -> None:
        room = self._orchestrator_lane.room
        if not room or self._is_stopping:
            self._unclaimed_instances = True
            return
        claimed = await self._writer.submit(
            partial(work.claim_instances, owner=self.owner, most=room)
        )
        self._unclaimed_instances = len(claimed) == room
        for instance_id in claimed:
            self._load(instance_id)

    async def _take_over(self) -> None:
        dead = await self._writer.submit(self._lease.take_over_dead)
        for owner in dead:
            self._log.log(_CATEGORY, WARNING, f"The work of {owner}, which has ended, is free.")
        await self._collect()

    async def _keep_beating(self) -> None:
        beats = 0
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                if not await self._writer.submit(self._lease.renew):
                    await self._begin_anew()
                await self._take_over()
                if beats % _PURGE_EVERY == 0:
                    await self.purge()
            except (sqlite3.Error, OSError) as error:
                self._log.log(_CATEGORY, ERROR, f"The task hub cannot be reached: {error}")
            beats += 1

    async def _begin_anew(self) -> None:
        """This process was silent for so long that others have its work. What it still runs will
        find that out when it commits."""
        self._log.log(_CATEGORY, WARNING, "The lease on this process' work was lost.")
        self._live.clear()
        self._cached = 0
        self._lease.start_anew()
        await self._writer.submit(self._lease.register)

    async def purge(self) -> None:
        """Deletes what ended longer ago than host.json allows."""
        after = self._options.purge_after
        if after is not None:
            before = to_micros(self._clock.now() - after)
            while await self._writer.submit(partial(queries.purge_finished, before=before)):
                continue

    # Delayed events

    def _plan(self, due: int) -> None:
        if self._due is None or due < self._due:
            self._due = due
            self._sleep_again()

    def _sleep_again(self) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()
            self._sleeper = None
        if self._due is not None and not self._is_stopping:
            self._sleeper = asyncio.create_task(self._sleep(self._due), name="durable timers")

    async def _sleep(self, due: int) -> None:
        when = from_micros(due)
        while True:
            await self._clock.sleep_until(when)
            now = to_micros(self._clock.now())
            if now >= due:
                break
        self._spawn(self._fire(now))

    async def _fire(self, now: int) -> None:
        due, self._due = self._due, None
        try:
            due = await self._writer.submit(partial(work.fire_due, now=now, owner=self.owner))
        except sqlite3.Error as error:
            self._log.log(_CATEGORY, ERROR, f"Durable timers could not be fired: {error}")
            await asyncio.sleep(1.0)
        if due is not None:
            self._plan(due)
