"""Where a connection leads, by the setting that a binding names."""

import pytest

from funchost.servicebus.connections import (
    ConnectionSettingError,
    find_connection,
    local_ports,
)

KEY = "SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0"
EMULATOR = f"Endpoint=sb://127.0.0.1:7073;{KEY};UseDevelopmentEmulator=true;"


def find(value, name="SB", **more):
    return find_connection(name, {"SB": value, **more})


def test_a_connection_string_of_azure_is_nobody_s_local_port():
    connection = find(f"Endpoint=sb://shop.servicebus.windows.net/;{KEY}")
    assert connection.namespace == "shop.servicebus.windows.net"
    assert connection.local_port is None


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        ("sb://127.0.0.1:7073", 7073),
        ("sb://localhost:7073/", 7073),
        ("sb://localhost", 5672),
        ("sb://[::1]:7073", 7073),
        ("sb://127.8.8.8:1", 1),
        ("sb://emulator:5672", None),
        ("sb://192.168.0.1", None),
    ],
)
def test_an_emulator_s_connection_is_local_where_its_address_is(endpoint, port):
    found = find(f"Endpoint={endpoint};{KEY};UseDevelopmentEmulator=true")
    assert found.local_port == port


def test_the_emulator_is_what_the_sdk_takes_for_it():
    assert find(f"Endpoint=sb://127.0.0.1;{KEY};UseDevelopmentEmulator=True").local_port is None


def test_a_name_with_the_prefix_goes_first_and_no_name_means_the_default():
    other = EMULATOR.replace("7073", "7074")
    assert find(EMULATOR, AzureWebJobsSB=other).local_port == 7074
    assert find_connection(None, {"AzureWebJobsServiceBus": EMULATOR}).local_port == 7073


def test_an_identity_has_a_namespace_and_no_secret():
    settings = {"SB__fullyQualifiedNamespace": "shop.servicebus.windows.net", "SB__clientId": "c"}
    connection = find_connection("SB", settings)
    assert connection.namespace == "shop.servicebus.windows.net"
    assert (connection.connection_string, connection.client_id) == (None, "c")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Service Bus connection 'SB' does not exist. Make sure that it is a defined App"),
        ({"SB__queue": "q"}, "Connection should have an 'fullyQualifiedNamespace' property or be"),
        ({"SB": "nonsense"}, "The connection string in 'SB' is malformed"),
        ({"SB": KEY}, "The connection string in 'SB' has no Endpoint"),
        ({"SB": f"Endpoint=sb://h:x;{KEY}"}, "The connection string in 'SB' has no Endpoint"),
        ({"SB": f"Endpoint=sb://h:70000;{KEY}"}, "The connection string in 'SB' has no Endpoint"),
    ],
)
def test_what_is_wrong_with_a_connection_is_said_without_its_value(settings, sentence):
    with pytest.raises(ConnectionSettingError) as raised:
        find_connection("SB", settings)
    assert str(raised.value).startswith(sentence)
    assert "c2VjcmV0" not in str(raised.value)


def test_a_connection_never_shows_its_secret():
    assert "c2VjcmV0" not in repr(find(EMULATOR))


def test_all_local_emulators_among_the_settings_are_found():
    other = EMULATOR.replace("7073", "7074")
    away = EMULATOR.replace("127.0.0.1", "emulator")
    settings = {"A": EMULATOR, "B": EMULATOR, "C": other, "D": away, "E": "x", "PATH": "/bin"}
    assert local_ports(settings) == {7073: "A", 7074: "C"}
