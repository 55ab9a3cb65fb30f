"""The broker is killed at any moment, again and again: nothing that it acknowledged is undone."""

import random
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

from funchost.servicebus.broker.clock import ManualBrokerClock, SystemBrokerClock
from funchost.servicebus.broker.interface import Broker
from tests.concurrency.broker_worker import namespace
from tests.support.broker import running, settled
from tests.support.broker_codec import body

ROOT = Path(__file__).resolve().parents[2]
KILLS = 10


class Record:
    """What the workers said, in order."""

    def __init__(self) -> None:
        self.sent: set[int] = set()
        self.asked: set[int] = set()
        self.done: set[int] = set()
        self.taken: Counter[int] = Counter()
        self.sessions: dict[int, list[int]] = defaultdict(list)
        self.highest = 0

    def note(self, line: str) -> None:
        word, *rest = line.split()
        if word == "open":
            return
        number = int(rest[0])
        self.highest = max(self.highest, number)
        match word:
            case "sent":
                self.sent.add(number)
            case "took":
                assert number not in self.done, f"{number} was completed and came again"
                assert int(rest[1]) >= self.taken[number], f"{number} lost a delivery: {line}"
                self.taken[number] += 1
            case "asked":
                self.asked.add(number)
            case "done":
                assert number not in self.done, f"{number} was completed twice"
                self.done.add(number)
                if number % 2:
                    self.sessions[number % 3].append(number)
            case _:
                raise AssertionError(line)


def run_and_kill(folder: Path, record: Record, chance: random.Random) -> None:
    """Kills the worker at the write of a random line, so at a random moment of its work."""
    first = record.highest + 1000
    command = [sys.executable, "-m", "tests.concurrency.broker_worker", str(folder), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for _ in range(chance.randint(1, 700)):
            line = worker.stdout.readline()
            assert line, "the worker ended by itself"
            record.note(line)
        worker.kill()
        # What it had said before it died counts as said; its last line may be torn.
        for line in worker.stdout:
            if line.endswith("\n"):
                record.note(line)


async def left(broker: Broker) -> list[int]:
    found: list[int] = []
    for path in ("q", "s"):
        place = 1
        while seen := await broker.peek(path, place, 1000):
            found += [int(body(each)) for each in seen]
            place = seen[-1].sequence_number + 1
    return found


async def test_no_acknowledged_message_is_lost_and_none_is_completed_twice(tmp_path: Path) -> None:
    record = Record()
    chance = random.Random(7)
    for _ in range(KILLS):
        run_and_kill(tmp_path, record, chance)
    async with running(
        tmp_path, namespace(), ManualBrokerClock(SystemBrokerClock().now())
    ) as broker:
        await settled(broker)
        remaining = await left(broker)
    assert len(remaining) == len(set(remaining)), "a message is there twice"
    assert record.sent - set(remaining) - record.asked == set(), "an acknowledged message is lost"
    assert record.done & set(remaining) == set(), "a completed message is still there"
    assert record.done
    assert all(numbers == sorted(numbers) for numbers in record.sessions.values())
    assert set(record.sessions) == {0, 1, 2}
