"""A size is private with all that makes it so; and the runner takes one job after the other."""

import json
import shutil
import subprocess
from copy import deepcopy
from typing import Any

import pytest
import yaml

from tests.infra.boundary_checks import differences
from tests.support.bicep import FOLDER

SIZES = json.loads((FOLDER / "sizes.json").read_text("utf-8"))
RUNNER = (FOLDER / "runner.yaml").read_text("utf-8")
NEEDED = {"private": True, "zones": True, "frontDoor": "Premium_AzureFrontDoor"}
"""Networks, private endpoints and managed rules are to be had in these tiers alone."""


def open_in(size: Any) -> list[str]:
    return [
        *differences(size, NEEDED),
        *differences(size["gateway"], {"sku": "StandardV2"}),
        *differences(size["serviceBus"], {"sku": "Premium"}),
        *(f"there is no {part}" for part in ("redis", "durable") if size[part] is None),
    ]


@pytest.mark.parametrize("name", ["standard", "scale"])
def test_a_private_size_has_what_makes_it_private(name: str) -> None:
    assert open_in(SIZES[name]) == []
    assert SIZES["dev"]["private"] is False


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("private",), False),
        (("zones",), False),
        (("redis",), None),
        (("frontDoor",), "Standard_AzureFrontDoor"),
        (("gateway", "sku"), "BasicV2"),
        (("serviceBus", "sku"), "Standard"),
    ],
)
def test_an_open_door_of_a_private_size_is_noticed(place: tuple[str, ...], value: Any) -> None:
    size = deepcopy(SIZES["standard"])
    inside = size
    for part in place[:-1]:
        inside = inside[part]
    inside[place[-1]] = value
    assert open_in(size) != []


def wrong_with_runner(text: str) -> list[str]:
    cloud = yaml.safe_load(text)
    once = next(f["content"] for f in cloud["write_files"] if f["path"].endswith("once.sh"))
    commands = [str(command) for command in cloud["runcmd"]]
    order = [
        next((i for i, command in enumerate(commands) if word in command), -1)
        for word in ("curl -fsSL", "sha256sum --check --strict", "tar -xzf", "enable --now runner")
    ]
    wrong = [] if -1 not in order and order == sorted(order) else ["an archive goes unchecked"]
    clean, config = once.find("rm -rf .runner "), once.find("./config.sh")
    if not 0 < clean < config or "_work" not in once[clean:config]:
        wrong.append("what a job left behind keeps the next from starting")
    if "--ephemeral" not in once:
        wrong.append("one registration takes more than one job")
    if "sudo" in str(cloud["users"]) or any("ssh" in str(user) for user in cloud["users"]):
        wrong.append("the jobs' user may be more than that")
    return wrong


def test_the_runner_runs_what_has_its_digest_and_starts_over_after_anything() -> None:
    assert wrong_with_runner(RUNNER) == []


def test_the_runners_script_is_a_script() -> None:
    once = next(
        file["content"]
        for file in yaml.safe_load(RUNNER)["write_files"]
        if file["path"].endswith("once.sh")
    )
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n"], input=once, text=True, check=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" | sha256sum --check --strict", ""),
        ("sha256sum --check --strict", "sha256sum"),
        ("rm -rf .runner ", "ls .runner "),
        (" _work\n", "\n"),
        (" --ephemeral", ""),
        ("    lock_passwd: true", "    lock_passwd: true\n    sudo: ALL=(ALL) NOPASSWD:ALL"),
    ],
)
def test_a_careless_runner_is_noticed(before: str, after: str) -> None:
    assert before in RUNNER
    assert wrong_with_runner(RUNNER.replace(before, after)) != []
