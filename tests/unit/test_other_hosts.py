"""`local.settings.json` as an earlier version, or its owner, left it."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.environment import SANDBOX_KEYS, embedded
from local.other_hosts import UnreadableSettingsError, complete

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))
KEYS = {name: f"own-sandbox-{name}" for name in SANDBOX_KEYS}


def settings(folder: Path, **values: str) -> Path:
    file = folder / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": values, "Host": {"CORS": "*"}}))
    return file


def completed(file: Path) -> dict[str, Any]:
    complete(file, SAMPLE, KEYS)
    values: dict[str, Any] = json.loads(file.read_text())["Values"]
    return values


def test_a_new_file_is_the_sample_with_the_state_folders_keys(tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    assert completed(file) == SAMPLE["Values"] | KEYS
    assert file.stat().st_mode & 0o077 == 0, "it holds keys"


def test_an_old_file_gets_what_it_lacks_and_keeps_what_it_has(tmp_path: Path) -> None:
    file = settings(tmp_path, SQL_INVENTORY="sqlite:///mine.db", MY_OWN="x", sql_orders="sqlite://")
    file.chmod(0o640)
    added = complete(file, SAMPLE, KEYS)
    content = json.loads(file.read_text())
    assert content["Values"] == {
        **{name: value for name, value in (SAMPLE["Values"] | KEYS).items() if name in added},
        "SQL_INVENTORY": "sqlite:///mine.db",
        "MY_OWN": "x",
        "sql_orders": "sqlite://",
    }
    assert {*added} == {*SAMPLE["Values"]} - {"SQL_INVENTORY", "SQL_ORDERS"}
    assert (content["Host"], file.stat().st_mode & 0o777) == ({"CORS": "*"}, 0o640)
    before = file.stat().st_mtime_ns
    assert complete(file, SAMPLE, KEYS) == []
    assert file.stat().st_mtime_ns == before


def test_keys_of_a_sandbox_that_was_thrown_away_are_replaced_and_ones_own_kept(
    tmp_path: Path,
) -> None:
    file = settings(
        tmp_path, SHOP_SECRET="sandbox-old", STRIPE_SECRET_KEY="sk_test_mine",
        STRIPE_PUBLISHABLE_KEY="pk_test_sandbox, written here",
    )  # fmt: skip
    values = completed(file)
    assert values["SHOP_SECRET"] == KEYS["SHOP_SECRET"]
    assert values["STRIPE_PUBLISHABLE_KEY"] == KEYS["STRIPE_PUBLISHABLE_KEY"]
    assert values["STRIPE_SECRET_KEY"] == "sk_test_mine"


def test_what_the_owner_chose_otherwise_is_not_added(tmp_path: Path) -> None:
    values = completed(
        settings(
            tmp_path,
            STRIPE_SECRET_KEY="sk_test_mine",
            CosmosConnection__accountEndpoint="https://cosmos.test",
            ServiceBusConnection__fullyQualifiedNamespace="bus.test",
        )
    )
    assert not {"STRIPE_API_BASE", "DOCUMENTS_FILE", "ServiceBusConnection"} & {*values}


@pytest.mark.parametrize(
    ("address", "key", "own", "sandbox"),
    [
        ("STRIPE_API_BASE", "STRIPE_SECRET_KEY", "sk_test_mine", "http://127.0.0.1:7072"),
        ("EASYPOST_API_BASE", "EASYPOST_API_KEY", "EZTKmine", "http://127.0.0.1:7072/carrier/v2"),
    ],
)
def test_with_a_key_of_a_third_partys_own_a_shop_talks_to_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    key: str,
    own: str,
    sandbox: str,
) -> None:
    for name in SAMPLE["Values"]:
        monkeypatch.delenv(name, raising=False)
    assert embedded(tmp_path, 7071)[address] == sandbox
    monkeypatch.setenv(key, own)
    assert address not in embedded(tmp_path, 7071)
    monkeypatch.setenv(address, "http://127.0.0.1:9")
    assert embedded(tmp_path, 7071)[address] == "http://127.0.0.1:9"
    file = tmp_path / "local.settings.json"
    assert address not in complete(file, SAMPLE, {**KEYS, key: own})


@pytest.mark.parametrize(
    "content",
    ["{", "[1]", "null", '{"Values": 1}', '{"Values": {"A": 1}}',
     '{"IsEncrypted": true, "Values": {}}'],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(content)
    with pytest.raises(UnreadableSettingsError, match=r"local\.settings\.json"):
        complete(file, SAMPLE, KEYS)
    assert file.read_text() == content
