"""Where a Service Bus connection leads, from the app setting that a binding names."""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from funchost.settings import connection_setting

__all__ = [
    "Connection",
    "ConnectionSettingError",
    "find_connection",
    "local_connection_string",
    "local_ports",
    "parse_connection_string",
]

DEFAULT_AMQP_PORT = 5672
DEFAULT_SETTING = "ServiceBus"


class ConnectionSettingError(ValueError):
    """A connection's setting is missing or cannot be used. The text never holds a value."""


@dataclass(frozen=True)
class Connection:
    """`connection_string` is None for a connection by identity. `local_port` is set where the host
    itself may serve the connection: an emulator's, at a loopback address."""

    setting: str
    namespace: str
    connection_string: str | None = field(default=None, repr=False)
    local_port: int | None = None
    tenant_id: str | None = None
    client_id: str | None = None


def find_connection(name: str | None, environment: Mapping[str, str] = os.environ) -> Connection:
    """By the `connection` of a binding; None and the empty name mean `AzureWebJobsServiceBus`.
    Raises ConnectionSettingError in the words of the Service Bus extension."""
    setting = name or DEFAULT_SETTING
    value = connection_setting(setting, environment)
    if value is None:
        raise ConnectionSettingError(
            f"Service Bus connection '{setting}' does not exist. "
            "Make sure that it is a defined App Setting."
        )
    if isinstance(value, str):
        return parse_connection_string(setting, value)
    section = {key.lower(): text for key, text in value.items()}
    namespace = section.get("fullyqualifiednamespace", "").strip()
    if not namespace:
        raise ConnectionSettingError(
            "Connection should have an 'fullyQualifiedNamespace' property or be a string "
            f"representing a connection string (setting '{setting}')."
        )
    return Connection(
        setting,
        namespace,
        tenant_id=section.get("tenantid") or None,
        client_id=section.get("clientid") or None,
    )


def parse_connection_string(setting: str, text: str) -> Connection:
    """Raises ConnectionSettingError. An EntityPath is not looked at: bindings name their entity."""
    parts = {}
    for part in text.strip().strip(";").split(";"):
        key, separator, value = part.partition("=")
        if not separator:
            raise ConnectionSettingError(
                f"The connection string in '{setting}' is malformed: it must be a list of "
                "Name=Value, separated by semicolons."
            )
        parts[key.strip().lower()] = value.strip()
    _, separator, rest = parts.get("endpoint", "").partition("://")
    host, port = _split_authority(rest.partition("/")[0])
    if not separator or not host or port is False:
        raise ConnectionSettingError(
            f"The connection string in '{setting}' has no Endpoint of the form sb://HOST[:PORT]/."
        )
    # The SDK compares with this very spelling: `True` is not the emulator to it.
    is_emulator = parts.get("usedevelopmentemulator") == "true"
    local_port = (port or DEFAULT_AMQP_PORT) if is_emulator and _is_loopback(host) else None
    return Connection(setting, rest.partition("/")[0], text.strip(), local_port)


def local_connection_string(port: int) -> str:
    """Of a broker on this machine, which asks for no particular key."""
    return (
        f"Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=local;SharedAccessKey=local;"
        "UseDevelopmentEmulator=true"
    )


def local_ports(environment: Mapping[str, str] = os.environ) -> dict[int, str]:
    """The ports of all settings that are an emulator's connection string at a loopback address, and
    the name of one setting for each: an app that only sends through the SDK has no binding."""
    ports: dict[int, str] = {}
    for name, connection in _emulators(environment):
        if connection.local_port is not None:
            ports.setdefault(connection.local_port, name)
    return ports


def _emulators(environment: Mapping[str, str]) -> Iterator[tuple[str, Connection]]:
    for name, value in environment.items():
        if "UseDevelopmentEmulator=true" in value and "endpoint=sb://" in value.lower():
            try:
                yield name, parse_connection_string(name, value)
            except ConnectionSettingError:
                continue  # whoever uses it will be told


def _split_authority(authority: str) -> tuple[str, int | bool | None]:
    """Host and port; None without a port, False for one that is no port."""
    host, separator, port = authority.rpartition(":")
    if not separator or port.endswith("]"):
        return authority.strip("[]"), None
    if not port.isdecimal() or not 0 < int(port) <= 65535:
        return host, False
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
