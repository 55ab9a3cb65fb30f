"""azure.yaml and GitHub's workflows: their shape, their pins, and what they call.

The schema of workflows is SchemaStore's, as check-jsonschema brings it. Nobody publishes the one of
azure.yaml in a package, so what is used of it is checked here by hand.
"""

import re
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

import dev
from local.deployment.__main__ import STEPS
from tests.support.bicep import ROOT, load

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
HOOKS = {"preprovision": "prepare", "postprovision": "provisioned", "predeploy": "predeploy",
         "postdeploy": "deployed"}  # fmt: skip
AZD = yaml.safe_load((ROOT / "azure.yaml").read_text("utf-8"))


def wrong_in_azd(document: Any) -> list[str]:
    """What schemas/v1.0/azure.yaml.json of Azure/azure-dev would refuse, of what is used."""
    known = {"name", "requiredVersions", "infra", "services", "hooks"}
    wrong = [f"there is no {name}" for name in sorted(document.keys() - known)]
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*[a-z0-9]", str(document.get("name"))):
        wrong.append("name: lower-case letters, digits, hyphens")
    infra = document.get("infra", {})
    if infra.keys() != {"provider", "path", "module"} or infra["provider"] != "bicep":
        wrong.append("infra: provider, path, module")
    elif not (ROOT / infra["path"] / f"{infra['module']}.bicep").is_file():
        wrong.append("infra: no such template")
    for name, service in document.get("services", {}).items():
        if service != {
            "project": ".",
            "language": "python",
            "host": "function",
            "remoteBuild": True,
        }:
            wrong.append(f"{name}: not a Python function app that Azure builds")
    for name, hook in document.get("hooks", {}).items():
        for system, python in (("posix", "python3"), ("windows", "python")):
            told = hook.get(system, {})
            if told.keys() != {"shell", "run"} or told.get("shell") not in ("sh", "pwsh"):
                wrong.append(f"{name}: {system} needs shell and run")
            elif told["run"] != f"{python} dev.py deployment {HOOKS.get(name)}":
                wrong.append(f"{name}: {told['run']}")
    return wrong + [f"no hook {name}" for name in HOOKS.keys() - document.get("hooks", {}).keys()]


def test_azure_yaml_is_what_azd_reads() -> None:
    assert wrong_in_azd(AZD) == []
    assert STEPS.keys() >= set(HOOKS.values())
    assert "deployment" in dev.PROGRAMS
    app = load()["modules/function-app.bicep"].text
    assert all(f"'azd-service-name': '{name}'" in app for name in AZD["services"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("name",), "Book store"),
        (("hook",), {}),
        (("infra", "module"), "mainn"),
        (("services", "shop", "host"), "functionapp"),
        (("hooks", "predeploy", "posix", "run"), "python3 dev.py deployment predeployed"),
        (("hooks", "predeploy", "posix", "shell"), "bash"),
        (("hooks", "predeploy"), {}),
    ],
)
def test_a_wrong_azure_yaml_is_noticed(path: tuple[str, ...], value: Any) -> None:
    broken = deepcopy(AZD)
    place = broken
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert wrong_in_azd(broken) != []


def schema_refuses(file: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
    ]
    ran = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return ran.stdout if ran.returncode else ""


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_has_the_shape_of_one(file: Path) -> None:
    assert schema_refuses(file) == ""


def test_a_workflow_of_another_shape_is_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "check.yml"
    text = WORKFLOWS[0].read_text("utf-8")
    broken.write_text(text.replace("runs-on:", "runs-in:", 1), "utf-8")
    assert "runs-" in schema_refuses(broken)


def wrong_in_workflow(text: str) -> list[str]:
    wrong = []
    for uses in re.findall(r"uses: (.*)", text):
        if uses.startswith("./"):
            if not (ROOT / uses).is_file():
                wrong.append(f"there is no {uses}")
        elif not PINNED.fullmatch(uses):
            wrong.append(f"{uses} is not pinned by its commit")
    document = yaml.safe_load(text)
    started_by = document[True]  # YAML 1.1 reads `on` so
    if {"pull_request_target", "workflow_run"} & set(started_by):
        wrong.append("a stranger's change runs with our rights")
    if "pull_request" in started_by and re.search(r"secrets\.|secrets: inherit", text):
        wrong.append("a pull request sees secrets")
    if document["permissions"] != {"contents": "read"}:
        wrong.append("a job gets more than it asks for")
    for name, job in document["jobs"].items():
        steps = job.get("steps", [])
        if {*job.get("permissions", {}).items()} - {("contents", "read"), ("id-token", "write")}:
            wrong.append(f"{name}: more rights than to read and to sign in")
        wrong += [
            f"{name}: the checkout keeps its token"
            for step in steps
            if "actions/checkout@" in step.get("uses", "")
            and step.get("with", {}).get("persist-credentials") is not False
        ]
        if "uses" not in job and not job.get("timeout-minutes"):
            wrong.append(f"{name}: may run for ever")
        signs_in = any("azd auth login" in step.get("run", "") for step in steps)
        if signs_in and not (job["permissions"].get("id-token") and job.get("environment")):
            wrong.append(f"{name}: signs in without a token of its environment")
        wrong += [
            f"{name}: an expression inside of a script"
            for step in steps
            if "${{" in step.get("run", "")
        ]
        for called in re.findall(
            r"python3 dev\.py (\w+)", "\n".join(s.get("run", "") for s in steps)
        ):
            if called not in dev.PROGRAMS | dev.CHECK:
                wrong.append(f"{name}: dev.py has no {called}")
    for script in re.findall(r"run: (\.ci/\S+)", text):
        if not (ROOT / script).stat().st_mode & 0o100:
            wrong.append(f"{script} cannot be run")
    return wrong


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_is_pinned_and_asks_for_no_more_than_it_needs(file: Path) -> None:
    assert wrong_in_workflow(file.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7"),
        ("permissions:\n  contents: read", "permissions:\n  contents: write"),
        ("    timeout-minutes: 30\n", ""),
        ("      id-token: write\n", ""),
        ("    environment: what-if\n", ""),
        ("python3 dev.py check", "python3 dev.py lint"),
        ("  pull_request:\n", "  pull_request_target:\n"),
        ("${{ vars.SHOP_PARAMETERS }}", "${{ secrets.SHOP_PARAMETERS }}"),
        ("      id-token: write\n", "      id-token: write\n      actions: write\n"),
        ("persist-credentials: false", "persist-credentials: true"),
        ('--client-id "$AZURE_CLIENT_ID"', "--client-id ${{ vars.AZURE_CLIENT_ID }}"),
    ],
)
def test_a_careless_workflow_is_noticed(before: str, after: str) -> None:
    text = (ROOT / ".github/workflows/check.yml").read_text("utf-8")
    assert before in text
    assert wrong_in_workflow(text.replace(before, after)) != []


def test_prod_waits_for_dev_and_a_person_and_secrets_go_to_one_step() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text("utf-8"))["jobs"]
    assert jobs["prod"]["needs"] == "dev"
    # After dev went well, or where a person asked for prod alone, with dev left out.
    assert jobs["prod"]["if"] == (
        "always() && inputs.environment != 'dev' && (needs.dev.result == 'success' ||"
        " (needs.dev.result == 'skipped' && inputs.environment == 'prod'))"
    )
    assert [job["with"]["environment"] for job in jobs.values()] == ["dev", "prod"]
    one = yaml.safe_load((ROOT / ".github/workflows/deploy-one.yml").read_text("utf-8"))["jobs"]
    assert one["deploy"]["environment"] == "${{ inputs.environment }}"
    assert one["deploy"]["needs"] == "test"
    with_secrets = [step for step in one["deploy"]["steps"] if "secrets." in str(step.get("env"))]
    assert [step["run"] for step in with_secrets] == ["azd provision --no-prompt"]


def test_parameters_of_an_environment_go_to_azd_line_by_line(tmp_path: Path) -> None:
    azd = tmp_path / "azd"
    azd.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\n')
    azd.chmod(0o755)
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run(
        [bash, str(ROOT / ".ci/azd-environment")],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "AZURE_ENV_NAME": "dev",
            "PARAMETERS": "SHOP_SIZE=dev\n# a remark\n\nAUTH_ISSUER=https://login/?a=b\n",
        },
        check=True,
    )
    assert (tmp_path / "calls").read_text().splitlines() == [
        "env select dev",
        "env set SHOP_SIZE dev",
        "env set AUTH_ISSUER https://login/?a=b",
    ]
