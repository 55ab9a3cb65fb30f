"""Kills hosts at random moments while messages are sent and handled, and counts what came of it.

Two hosts share one state folder; one of them is killed with -9 and started again, over and over. A
producer in a process of its own notes every message whose send was acknowledged; the functions note
every message that they see. In the end each acknowledged message must have been seen, each session
in order, and the dead letters must be exactly the poison ones.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "CrashReport", "connection_string", "free_port", "run_with_kills"]

ROOT = Path(__file__).resolve().parents[1]
_HOSTS = 2
_SESSIONS = 6
_POISON_EVERY = 40
_MAXIMUM_DELIVERIES = 30
"""Well above the number of kills that one message can meet, so that only poison gets there."""
_PATIENCE_SECONDS = 120.0
_APP = """
import os
import azure.functions as func

app = func.FunctionApp()
log = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(*words):
    os.write(log, (" ".join(map(str, words)) + "\\n").encode())

@app.service_bus_queue_trigger(arg_name="m", queue_name="plain", connection="SB")
async def plain(m: func.ServiceBusMessage) -> None:
    note("plain", m.get_body().decode())
    if m.get_body().startswith(b"poison"):
        raise ValueError("poison")

@app.service_bus_queue_trigger(arg_name="m", queue_name="ordered", connection="SB",
                               is_sessions_enabled=True)
def ordered(m: func.ServiceBusMessage) -> None:
    note("ordered", m.session_id, m.get_body().decode())
"""
_HOST_JSON = {
    "version": "2.0",
    "extensions": {"serviceBus": {"maxConcurrentCalls": 16, "sessionIdleTimeout": "00:00:00.2"}},
    "logging": {"logLevel": {"Function": "Error"}},
}
_PROPERTIES = {"LockDuration": "PT3S", "MaxDeliveryCount": _MAXIMUM_DELIVERIES}
_ENTITIES = {
    "UserConfig": {
        "Namespaces": [
            {
                "Name": "crash",
                "Queues": [
                    {"Name": "plain", "Properties": _PROPERTIES},
                    {"Name": "ordered", "Properties": {**_PROPERTIES, "RequiresSession": True}},
                ],
                "Topics": [],
            }
        ],
        "Logging": {"Type": "File"},
    }
}


@dataclass(frozen=True)
class CrashReport:
    """`lost` were acknowledged and never seen; `disordered` are sessions of which a message was
    seen after a later one; `wrongly_dead` and `not_dead` compare the dead letters with the
    poison."""

    kills: int
    acknowledged: int
    seen: int
    lost: list[str]
    disordered: list[str]
    wrongly_dead: list[str]
    not_dead: list[str]

    @property
    def is_sound(self) -> bool:
        return not (self.lost or self.disordered or self.wrongly_dead or self.not_dead)


def run_with_kills(folder: Path, kills: int, seed: int) -> CrashReport:
    """Raises AssertionError when hosts do not come up or the queues do not empty."""
    return _CrashRun(folder, random.Random(seed)).run(kills)


class _CrashRun:
    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance
        self._port = free_port()
        self._app = folder / "app"
        self._app.mkdir(parents=True)
        (self._app / "function_app.py").write_text(_APP, "utf-8")
        (self._app / "host.json").write_text(json.dumps(_HOST_JSON), "utf-8")
        (self._app / "servicebus.json").write_text(json.dumps(_ENTITIES), "utf-8")
        self._started = 0

    def run(self, kills: int) -> CrashReport:
        with contextlib.ExitStack() as stack:
            hosts = [self._start_host(stack) for _ in range(_HOSTS)]
            _wait_until(lambda: _is_listening(self._port), "no host came up")
            producer = self._start_producer(stack)
            _wait_until(lambda: self._lines("acknowledged"), "nothing could be sent")
            for _ in range(kills):
                # From before the next host is up to well after it has taken over.
                time.sleep(self._chance.uniform(0.2, 4.0))
                victim = self._chance.randrange(_HOSTS)
                hosts[victim].kill()
                hosts[victim].wait()
                hosts[victim] = self._start_host(stack)
            producer.send_signal(signal.SIGTERM)
            producer.wait(_PATIENCE_SECONDS)
            acknowledged, poison = self._acknowledged()
            _wait_until(
                lambda: acknowledged <= self._seen_names(),
                "some messages are never seen",
                quiet=True,
            )
            dead = self._dead_letters(len(poison))
        return self._report(kills, acknowledged, poison, dead)

    def _report(
        self, kills: int, acknowledged: set[str], poison: set[str], dead: set[str]
    ) -> CrashReport:
        lines = self._lines("seen")
        disordered = []
        for session in range(_SESSIONS):
            prefix = f"ordered s{session} "
            numbers = [int(line.rpartition(" ")[2]) for line in lines if line.startswith(prefix)]
            if numbers != sorted(numbers):
                disordered.append(f"s{session}: {numbers}")
        names = {line for line in lines if "poison" in line}
        return CrashReport(
            kills,
            len(acknowledged),
            len(lines),
            lost=sorted(acknowledged - set(lines)),
            disordered=disordered,
            wrongly_dead=sorted(dead - names),
            not_dead=sorted(poison - dead),
        )

    def _start_host(self, stack: contextlib.ExitStack) -> "subprocess.Popen[bytes]":
        self._started += 1
        log = stack.enter_context((self._folder / f"host{self._started}.log").open("wb"))
        words = ["--app-dir", str(self._app), "--state", str(self._folder / "state")]
        process = subprocess.Popen(
            [sys.executable, "-m", "funchost", "start", "--port", "0", *words],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SB": connection_string(self._port),
                "SEEN": str(self._folder / "seen"),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(_end, process)
        return process

    def _start_producer(self, stack: contextlib.ExitStack) -> "subprocess.Popen[bytes]":
        log = stack.enter_context((self._folder / "producer.log").open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.servicebus_crash", str(self._port), str(self._folder)],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(_end, process)
        return process

    def _acknowledged(self) -> tuple[set[str], set[str]]:
        names = set(self._lines("acknowledged"))
        return names, {name for name in names if "poison" in name}

    def _seen_names(self) -> set[str]:
        return set(self._lines("seen"))

    def _lines(self, name: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / name).read_text("utf-8").splitlines()
        return []

    def _dead_letters(self, expected: int) -> set[str]:
        """All of them, by a process of their own, once there are as many as expected."""
        found: set[str] = set()

        def is_complete() -> bool:
            nonlocal found
            text = subprocess.run(
                [sys.executable, "-m", "bench.servicebus_crash", str(self._port), "dead"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            found = {f"plain {name}" for name in text.split()}
            return len(found) >= expected

        _wait_until(is_complete, "the poison is not all dead", quiet=True)
        return found


def _produce(port: int, folder: Path) -> None:
    """Sends until SIGTERM. A send whose outcome is unknown is repeated before the next one."""
    from azure.servicebus import ServiceBusClient, ServiceBusMessage
    from azure.servicebus.exceptions import ServiceBusError

    ends = False

    def end(_number: int, _frame: object) -> None:
        nonlocal ends
        ends = True

    signal.signal(signal.SIGTERM, end)
    client: Any = None
    number = 0
    with (folder / "acknowledged").open("a", buffering=1, encoding="utf-8") as acknowledged:
        while not ends:
            number += 1
            kind = "poison" if number % _POISON_EVERY == 0 else "good"
            plain = [f"{kind}-{number}"] + [f"good-{number}-{more}" for more in range(4)]
            ordered = [
                ServiceBusMessage(str(number), session_id=f"s{session}")
                for session in range(_SESSIONS)
            ]
            batches = {"plain": [ServiceBusMessage(name) for name in plain], "ordered": ordered}
            for queue, messages in batches.items():
                while True:
                    try:
                        if client is None:
                            client = ServiceBusClient.from_connection_string(
                                connection_string(port), retry_total=0
                            )
                            senders = {name: client.get_queue_sender(name) for name in batches}
                        senders[queue].send_messages(messages, timeout=10)
                        break
                    except (ServiceBusError, OSError, ValueError):
                        client = None
                        time.sleep(0.05)
            names = [f"plain {name}" for name in plain]
            names += [f"ordered s{session} {number}" for session in range(_SESSIONS)]
            acknowledged.write("".join(f"{name}\n" for name in names))


def _print_dead(port: int) -> None:
    from azure.servicebus import ServiceBusClient, ServiceBusSubQueue

    with ServiceBusClient.from_connection_string(connection_string(port)) as client:
        for queue in ("plain", "ordered"):
            with client.get_queue_receiver(queue, sub_queue=ServiceBusSubQueue.DEAD_LETTER) as dead:
                start = 1
                while messages := dead.peek_messages(250, sequence_number=start):
                    for message in messages:
                        print(b"".join(message.body).decode())
                    start = (messages[-1].sequence_number or 0) + 1


def connection_string(port: int) -> str:
    return (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=bench;SharedAccessKey=bench;"
        "UseDevelopmentEmulator=true;"
    )


def free_port() -> int:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
        return port


def _is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _wait_until(condition: Any, failure: str, *, quiet: bool = False) -> None:
    """`quiet`: a wait that was in vain shows in the report."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            if quiet:
                return
            raise AssertionError(failure)
        time.sleep(0.1)


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


if __name__ == "__main__":
    if sys.argv[2] == "dead":
        _print_dead(int(sys.argv[1]))
    else:
        _produce(int(sys.argv[1]), Path(sys.argv[2]))
