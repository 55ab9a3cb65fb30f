"""Commands whose output nobody reads to its end: `python3 dev.py help | head -1`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = """
from funchost.pipes import run_quietly

def lines():
    for number in range(100_000):
        print(number)
    return 0

raise SystemExit(run_quietly(lines))
"""


def unread(*command: str) -> tuple[int, str]:
    """The exit code, and what is complained of, when the reader left before the first line."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": ""},  # argparse passes over what it cannot write
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("-c", LINES),
        ("dev.py", "help"),
        ("-m", "bench", "--help"),
        ("-m", "funchost", "--help"),
        ("-m", "funchost", "bus", "--help"),
        ("-m", "funchost", "durable", "list", "--help"),
        ("-m", "local.importer", "--help"),
        ("-m", "local.token", "--help"),
        ("-m", "local.tour", "--help"),
    ],
    ids=lambda command: " ".join(command)[:30].strip(),
)
def test_a_command_whose_reader_has_left_ends_without_a_word(command: tuple[str, ...]) -> None:
    assert unread(*command) == (141, "")


def test_what_is_read_to_its_end_ends_well() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LINES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == "99999"
