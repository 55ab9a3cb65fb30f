"""`dev.py import`: what it takes, what it says, and what a kill costs."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.importer import main
from tests.conftest import ROOT
from tests.support.import_desk import HEADER, rows


@pytest.fixture
def shop_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("SQL_INVENTORY", "SHOP_CLOCK_FILE", "BLOB_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    yield tmp_path / "state"
    for name in os.environ.keys() - before.keys():
        del os.environ[name]


def test_the_command_takes_a_file_in_and_prints_what_it_refused(
    shop_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "feed.csv"
    file.write_text(HEADER + rows(1, 4) + "x,Bad,A,1,1\n")
    report = tmp_path / "report.txt"
    command = [str(file), "--state", str(shop_settings), "--report", str(report)]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "line 5  x: isbn x is not an ISBN" in shown
    assert "3 added, 0 changed, 0 unchanged, 0 withdrawn, 1 refused" in shown
    assert report.read_text("utf-8") == shown
    assert main(command) == 0
    assert "0 added, 0 changed, 3 unchanged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["--set", "price=cheap"], 2, "is not a price"),
        (["--set", "colour=red"], 2, "colour cannot be set"),
        (["--set", "price"], 2, "--set 'price' must be written as FIELD=VALUE"),
        (["--map", "price"], 2, "--map 'price' must be written as FIELD=COLUMN"),
        (["--report", "no/such/folder/report.txt"], 2, "report.txt: No such file"),
        (["--map", "colour=red"], 2, "knows no colour"),
        (["--map", "price=Preis"], 1, "no column Preis"),
        ([], 1, "is an Excel workbook"),
    ],
)
def test_the_command_says_what_is_wrong(
    arguments: list[str],
    code: int,
    reason: str,
    shop_settings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "feed.csv"
    file.write_bytes(b"PK\x03\x04" if not arguments else (HEADER + rows(1, 2)).encode())
    assert main([str(file), "--state", str(shop_settings), *arguments]) == code
    shown = capsys.readouterr()
    assert reason in shown.out + shown.err
    assert "Value error" not in shown.err


def test_a_file_that_is_not_there_begins_no_shop_and_another_says_that_it_does(
    shop_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "feed.csv"
    command = [str(file), "--state", str(shop_settings)]
    assert main(command) == 2
    assert capsys.readouterr().err == f"{file}: No such file or directory\n"
    assert not shop_settings.exists()
    file.write_text(HEADER + rows(1, 2))
    begun = f"There is no shop in {shop_settings.resolve()} yet; one is begun there."
    assert main([*command, "--set", "categories=FIC004000"]) == 0
    shown = capsys.readouterr()
    assert begun in shown.err
    assert "not one of this shop" not in shown.out
    assert main(command) == 0
    assert begun not in capsys.readouterr().err


def test_the_command_wants_a_file_that_can_be_read_twice(
    shop_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    for path in (pipe, tmp_path, Path("/dev/zero")):
        assert main([str(path), "--state", str(shop_settings)]) == 2
        assert "is a folder, a pipe or a device" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_told_before_anything_is_taken_in(
    shop_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "feed.csv"
    file.write_text(HEADER + rows(1, 2), "utf-8")
    command = [str(file), "--state", str(shop_settings), "--report"]
    for report, reason in (
        (tmp_path, "Is a directory"),
        (tmp_path / "none" / "report", "No such file"),
        (tmp_path / "none" / ".." / "feed.csv", "No such file"),
        (tmp_path / "." / "feed.csv", "names the very file"),
    ):
        assert main([*command, str(report)]) == 2
        assert reason in capsys.readouterr().err
    assert file.read_text("utf-8") == HEADER + rows(1, 2)
    former = tmp_path / "former"
    former.write_text("what it said", "utf-8")
    for wrong in (["--map", "colour=red"], ["--set", "price=cheap"]):
        assert main([*command, str(former), *wrong]) == 2
        assert former.read_text("utf-8") == "what it said"
    assert main(command[:-1]) == 0
    assert "1 added" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="names are text there")
def test_a_file_whose_name_is_no_text_is_taken_in(
    shop_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / os.fsdecode(b"caf\xe9\x1b[2J.csv")
    file.write_text(HEADER + rows(1, 2), "utf-8")
    assert main([str(file), "--state", str(shop_settings)]) == 0
    assert "caf\ufffd\ufffd[2J.csv: 1 records" in capsys.readouterr().out


def test_a_file_that_has_another_name_by_now_is_reported_under_it(
    shop_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = tmp_path / "first.csv"
    first.write_text(HEADER + rows(1, 2), "utf-8")
    assert main([str(first), "--state", str(shop_settings)]) == 0
    second = first.rename(tmp_path / "second.csv")
    assert main([str(second), "--state", str(shop_settings)]) == 0
    said = capsys.readouterr().out
    assert said.index("first.csv: 1 records") < said.index("second.csv: 1 records")


def test_a_command_that_was_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "feed.csv"
    file.write_text(HEADER + rows(1, 3_500))
    state = tmp_path / "state"
    command = [sys.executable, "-m", "local.importer", str(file), "--state", str(state)]
    environment = {**os.environ, "SQL_INVENTORY": "", "SHOP_CLOCK_FILE": ""}
    killed = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    while _taken_in(state) == 0 and killed.poll() is None:
        os.sched_yield()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert _taken_in(state) % 1000 == 0
    again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert again.returncode == 0
    assert "goes on where it stopped" in again.stderr
    assert "3499 added, 0 changed, 0 unchanged, 0 withdrawn, 0 refused" in again.stdout
    assert _taken_in(state) == 3499


def _taken_in(state: Path) -> int:
    file = state / "inventory.db"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        try:
            count: int = connection.execute("SELECT COUNT(*) FROM editions").fetchone()[0]
        except sqlite3.OperationalError:
            return 0
    return count
