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
from funchost.durable.activity_work import ActivityWork
from funchost.durable.decisions import FailedExecution, TerminatedExecution
from funchost.durable.delays import DelayedEvents
from funchost.durable.entities import EntityRunner
from funchost.durable.events import EventType, to_micros
from funchost.durable.functions import DurableKind, FunctionTable
from funchost.durable.lanes import Lane
from funchost.durable.lease import RENEW_SECONDS, Lease
from funchost.durable.live import LiveInstance
from funchost.durable.options import DurableOptions
from funchost.durable.orchestrations import Aborted, OrchestrationRunner
from funchost.durable.store import instances, queries, work
from funchost.durable.store.records import (
    EpisodeCommit,
    LeaseLostError,
    LoadedInstance,
    Wake,
)
from funchost.durable.store.writer import Transaction, Writer
from funchost.durable.suspects import MOST_TRIALS, SUSPICIOUS_DEATHS, death_sentence
from funchost.durable.versions import version_problem
from funchost.kinds import Invoke
from funchost.logs import ERROR, WARNING, HostLog
from funchost.spans import HostSpans

__all__ = ["Engine"]

_CATEGORY = "Host.Triggers.DurableTask"
_MOST_ABORTS = 5
_LONGEST_BACKOFF_SECONDS = 30.0
_SHORT_EPISODE_SECONDS = 0.02
_LONGEST_REST_SECONDS = 0.25
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
        spans: HostSpans | None = None,
    ) -> None:
        self._writer = writer
        self._lease = lease
        self._options = options
        self._functions = functions
        self._clock = clock
        self._log = log
        self._on_change = on_change
        self._backoff_seconds = backoff_seconds
        # Held by whoever is suspected of killing its process.
        self._alone = asyncio.Lock()
        self._orchestrations = OrchestrationRunner(options, functions, invoke, clock.now, spans)
        self._entities = EntityRunner(
            options, invoke, clock.now, partial(log.log, _CATEGORY, ERROR)
        )
        self._activities = ActivityWork(
            writer,
            ActivityRunner(options, functions, invoke, clock.now, log),
            options.activities,
            log,
            lambda: lease.owner,
            self._alone,
        )
        self._delayed = DelayedEvents(writer, clock, log, lambda: lease.owner)
        self._orchestrator_lane = Lane(options.orchestrators, self._run_orchestration)
        self._entity_lane = Lane(options.entities, self._run_entity)
        self._live: OrderedDict[str, LiveInstance] = OrderedDict()
        self._loading: set[str] = set()
        self._cached = 0
        self._beat: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._seen_message = 0
        self._is_stopping = False
        # Whether there may be instances in the store that wait for room here.
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
        self._writer.catch_up = self._catch_up
        await self._writer.submit(self._lease.register)
        await self._take_over()
        await self._delayed.start()
        self._beat = asyncio.create_task(self._keep_beating(), name="durable lease")

    async def stop(self) -> None:
        """Begins nothing more; returns when running functions have ended, their results and
        episodes are committed, and what is left is free for others."""
        self._is_stopping = True
        if self._beat is not None:
            self._beat.cancel()
        await self._delayed.stop()
        await asyncio.gather(
            self._activities.stop(), self._orchestrator_lane.drain(), self._entity_lane.drain()
        )
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._writer.submit(self._lease.release)
        self._writer.catch_up = None
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
        if live.rest is not None:
            if len(live.mailbox) < live.open_activities:
                return
            live.rest.cancel()
            live.rest = None
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
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            if live.deaths >= SUSPICIOUS_DEATHS:
                async with self._alone:
                    await self._run_suspect(live, episode)
            else:
                await self._commit(live, await episode(live))
            live.aborts = 0
            self._rest(live, loop.time() - begun)
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
            loop.call_later(delay, self._again, live)
        else:
            self._again(live)

    def _rest(self, live: LiveInstance, seconds: float) -> None:
        """While results of a large fan-out come in, each run replays all of it: the next one waits
        as long as the last one took, or until nothing more is missing."""
        if live.open_activities > 1 and seconds > _SHORT_EPISODE_SECONDS:
            live.rest = asyncio.get_running_loop().call_later(
                min(seconds, _LONGEST_REST_SECONDS), self._rested, live
            )

    def _rested(self, live: LiveInstance) -> None:
        live.rest = None
        if self._live.get(live.id) is live:
            self._schedule(live)

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
        if live.trials >= MOST_TRIALS:
            why = death_sentence(live.trials)
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
        problem = self._functions.problem(DurableKind.ORCHESTRATOR, live.name)
        if problem is None:
            problem = version_problem(self._options, live.version)
            if problem is not None and self._options.fails_other_versions:
                return self._given_up(live, problem)
        if hosted is not None and problem is None:
            commit = await self._orchestrations.run(live, hosted)
            if commit is None:
                await self._drop_stale(live)
            return commit
        for message in live.mailbox.values():
            if message.event.type is EventType.EXECUTION_TERMINATED:
                reason = message.event.members["reason"]
                return self._orchestrations.conclude(live, TerminatedExecution(reason))
        await self._park(live, problem)
        return None

    async def _entity_episode(self, live: LiveInstance) -> EpisodeCommit | None:
        name = live.name[1:]
        hosted = self._functions.find(DurableKind.ENTITY, name)
        if hosted is None:
            await self._park(live, self._functions.problem(DurableKind.ENTITY, name))
            return None
        commit = await self._entities.run(live, hosted)
        if commit is None:
            live.is_parked = True  # until the holder of the lock says something
        return commit

    async def _park(self, live: LiveInstance, problem: str | None) -> None:
        """Its function is not there: what waits goes on waiting, and says why."""
        live.is_parked = True
        await self._tell(live, problem)

    async def _tell(self, live: LiveInstance, problem: str | None) -> None:
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
        room = 0 if self._is_stopping else self._activities.room
        ours, running = await self._writer.submit(
            partial(instances.commit_episode, commit=commit, owner=self.owner, room=room)
        )
        for number in commit.consumed:
            live.mailbox.pop(number, None)
        self._apply(live, commit)
        self._activities.add(ours, left=len(commit.activities) - len(ours))
        for late in commit.delayed:
            self._delayed.plan(late.due)
        if commit.problem is not None and commit.problem != live.problem:
            self._log.log(_CATEGORY, ERROR, f"{live.id}: {commit.problem}")
        live.problem = commit.problem
        if running:
            names = ", ".join(f"'{child}'" for child in running)
            await self._tell(live, f"The sub-orchestration {names} runs already: not started.")
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
        live.count_activities(commit.events if commit.history_from else live.history)
        live.has_delayed = bool(commit.delayed) or (live.has_delayed and not commit.drops_delayed)

    # Work that others left

    async def _collect(self) -> None:
        # At once, for they are committed together then.
        *_, due = await asyncio.gather(
            self._writer.submit(self._catch_up),
            self._claim_instances(),
            self._activities.claim(),
            self._writer.submit(work.next_due),
        )
        self._delayed.plan(due)
        self._on_change("")

    def _catch_up(self, transaction: Transaction) -> None:
        """In the writer's thread. Messages have to be known in the order of their commits, whoever
        made these."""
        wakes, self._seen_message = work.foreign_messages(
            transaction, self.owner, self._seen_message
        )
        transaction.wakes += wakes

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
