"""What `dev.py run` refuses, each with one sentence and before anything is touched."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from shared.kit.files import lock
from tests.conftest import ROOT
from tests.support.ports import free_ports


def run(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "local.serve", "--no-covers", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("step", [0, 1])
def test_a_taken_port_is_named(tmp_path: Path, step: int) -> None:
    port = free_ports(2)
    with socket.create_server(("127.0.0.1", port + step)):
        answer = run(f"--port={port}", f"--state={tmp_path / 'state'}")
    assert answer.returncode == 2
    assert answer.stderr.startswith(f"Port {port + step}, for the shop")
    assert not (tmp_path / "state").exists()


def test_a_folder_that_another_shop_uses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_text("{}")
    with (tmp_path / "shop.lock").open("w") as handle:
        lock(handle)
        answer = run(f"--port={free_ports(2)}", f"--state={tmp_path}", "--fresh")
    assert answer.returncode == 2
    assert answer.stderr.startswith("Another shop uses")
    assert (tmp_path / "shop.json").read_text() == "{}"


def test_fresh_throws_away_nothing_but_a_shops_state(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    answer = run(f"--port={free_ports(2)}", f"--state={tmp_path}", "--fresh")
    assert answer.returncode == 2
    assert "is not a shop's state folder" in answer.stderr
    assert (tmp_path / "letters.txt").read_text() == "dear"


@pytest.mark.parametrize("option", ["--workers=0", "--workers=-1", "--port=0", "--port=abc"])
def test_a_wrong_number_is_refused_at_once(tmp_path: Path, option: str) -> None:
    answer = run(option, f"--state={tmp_path / 'state'}")
    assert answer.returncode == 2
    assert not (tmp_path / "state").exists()


def test_a_state_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = run(f"--port={free_ports(2)}", f"--state={tmp_path / 'file'}")
    assert answer.returncode == 2
    assert "cannot be a folder for the shop's state" in answer.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interrupt_while_it_starts_ends_it_with_a_sentence(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with subprocess.Popen(
        [sys.executable, "-m", "local.serve", f"--port={free_ports(2)}", f"--state={state}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the schema is there, the books are being put in
        process.send_signal(signal.SIGINT)
        try:
            _, complaints = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert complaints == "Stopped; run it again to go on.\n"
