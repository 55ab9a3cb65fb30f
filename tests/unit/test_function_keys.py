"""Where no network keeps others from the app, the host's key does."""

import json
from pathlib import Path

import pytest

from shared.config import Settings, SettingsError
from wiring import create_app

SAMPLE = Path(__file__).resolve().parents[2] / "local.settings.sample.json"


def levels(**more: str) -> dict[str, str]:
    """The level that each HTTP function asks for, by its name."""
    values: dict[str, str] = json.loads(SAMPLE.read_text("utf-8"))["Values"]
    app = create_app(Settings.from_env({**values, **more}))
    triggers = {str(f.get_function_name()): f.get_trigger() for f in app.get_functions()}
    return {
        name: trigger.get_dict_repr()["authLevel"].name
        for name, trigger in triggers.items()
        if trigger is not None and trigger.get_binding_name() == "httpTrigger"
    }


def test_no_key_is_asked_for_unless_an_operator_says_so() -> None:
    assert set(levels().values()) == {"ANONYMOUS"}


def test_a_key_opens_everything_but_what_the_platform_asks() -> None:
    asked = levels(SHOP_FUNCTION_KEYS="required")
    assert {name for name, level in asked.items() if level == "ANONYMOUS"} == {"ops_live"}
    assert {level for name, level in asked.items() if name != "ops_live"} == {"FUNCTION"}


def test_it_is_one_of_two_words() -> None:
    with pytest.raises(SettingsError, match="SHOP_FUNCTION_KEYS"):
        levels(SHOP_FUNCTION_KEYS="yes")
