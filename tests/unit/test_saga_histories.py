"""Instances that run when a new version of the app is deployed go on under its code.

Histories of every way that a saga took are replayed with the SDK's own executor at each point at
which an instance may be then. Where a test fails here, the saga has to keep its old code and get
the new one under a new name; `tests/histories/record.py` records that one's histories.
"""

import inspect
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from functions.checkout import saga
from functions.checkout.triggers.sagas import ACTIVITIES
from tests.support.histories import FOLDER, History

FILES = sorted(FOLDER.glob("*.json"))
HISTORIES = [History.of(file) for file in FILES]


def versions(module: ModuleType) -> dict[str, Any]:
    return {name: code for name, code in vars(module).items() if re.search(r"_v\d+$", name)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_instance_goes_on_as_its_history_did(file: Path) -> None:
    history = History.of(file)
    assert history.differences(versions(saga)[history.orchestrator]) == []


def test_every_version_has_histories_and_every_activity_stands_in_one() -> None:
    assert {history.orchestrator for history in HISTORIES} == {*versions(saga)}
    called = {
        event.members["name"]
        for history in HISTORIES
        for event in history.events
        if event.type.name == "TASK_SCHEDULED"
    }
    assert called == {f"checkout_{name}" for name in ACTIVITIES}


def test_activities_are_given_the_orders_id_and_nothing_else() -> None:
    for history in HISTORIES:
        order_id = history.instance_id.removeprefix("cancel-")
        given = history.inputs(versions(saga)[history.orchestrator])
        assert {json.loads(one or "null") for one in given} <= {order_id, json.dumps(order_id)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"checkout_reserve"', '"checkout_hold"'),
        ("yield context.task_any([wake, limit])", "yield wake"),
        ("limit.cancel()", "pass"),
        ("_RENEWED_EVERY = timedelta(minutes=5)", "_RENEWED_EVERY = timedelta(minutes=6)"),
        ("timedelta(seconds=1), ", "timedelta(seconds=2), "),
        ("asked = yield",
         'yield from _insist(context, "checkout_audit", order_id)\n    asked = yield'),
        ('if decided == "confirming":', 'if decided == "confirmed":'),
        ('    return decided\n\n\ndef cancel_v1', '    return "closed"\n\n\ndef cancel_v1'),
        ('WAKE = "wake"', 'WAKE = "woken"'),
        ('while decided == "waiting":\n        pause', 'while decided == "never":\n        pause'),
        ('pause = min(pause * 2, _LONGEST_PAUSE)', 'raise'),
    ],
)  # fmt: skip
def test_a_change_that_running_instances_would_not_survive_is_found(
    before: str, after: str
) -> None:
    source = inspect.getsource(saga)
    assert source.count(before) == 1
    changed = ModuleType("changed")
    exec(source.replace(before, after), vars(changed))  # noqa: S102
    assert any(
        history.differences(versions(changed)[history.orchestrator]) for history in HISTORIES
    )


def test_new_names_inside_are_no_change() -> None:
    """The control: what is compared is what the saga does."""
    renamed = ModuleType("renamed")
    source = inspect.getsource(saga).replace("_insist", "_try_on").replace("decided", "word")
    exec(source, vars(renamed))  # noqa: S102
    assert not any(
        history.differences(versions(renamed)[history.orchestrator]) for history in HISTORIES
    )
