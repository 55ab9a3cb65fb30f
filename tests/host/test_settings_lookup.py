"""App settings by name: `%NAME%` and connections. In process, since listeners use them later."""

import pytest

from funchost.settings import (
    UnresolvedSettingError,
    connection_setting,
    resolve_setting_names,
    setting,
)


def test_names_are_found_in_any_case_and_with_either_separator():
    environment = {"My__Name": "value"}
    assert setting("MY:NAME", environment) == "value"
    assert setting("my__name", environment) == "value"
    assert setting("other", environment) is None


def test_each_name_between_percent_signs_is_replaced():
    environment = {"Q": "queue", "N": "1"}
    assert resolve_setting_names("a-%Q%-%n%", environment) == "a-queue-1"
    assert resolve_setting_names("plain", environment) == "plain"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%NO%", "'%NO%' does not resolve to a value."),
        ("abc%Q", "The '%' at position 3 does not have a closing '%'."),
    ],
)
def test_what_cannot_be_replaced_is_told_in_the_hosts_words(text, message):
    with pytest.raises(UnresolvedSettingError) as raised:
        resolve_setting_names(text, {"Q": "queue"})
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SB": "plain"}, "plain"),
        ({"SB": "plain", "AzureWebJobsSB": "first"}, "first"),
        ({"SB": "plain", "ConnectionStrings:SB": "section"}, "section"),
        (
            {"SB__fullyQualifiedNamespace": "ns", "SB__clientId": "me"},
            {"fullyQualifiedNamespace": "ns", "clientId": "me"},
        ),
        ({"SBX": "other"}, None),
    ],
)
def test_a_connection_is_a_text_or_a_section(environment, expected):
    assert connection_setting("SB", environment) == expected
