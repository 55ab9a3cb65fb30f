"""docker-compose.yml, as far as it can be checked without Docker."""

import json
from pathlib import Path
from typing import Any

import yaml

from local.emulators.service_bus import DEPLOYED, EMULATED, emulated
from shared.messaging.consuming import DELIVERIES

ROOT = Path(__file__).resolve().parents[2]
EMULATORS = {
    "azurite": "mcr.microsoft.com/azure-storage/azurite",
    "sqlserver": "mcr.microsoft.com/mssql/server",
    "servicebus": "mcr.microsoft.com/azure-messaging/servicebus-emulator",
    "cosmos": "mcr.microsoft.com/cosmosdb/linux/azure-cosmos-emulator",
    "redis": "redis",
    "telemetry": "mcr.microsoft.com/dotnet/aspire-dashboard",
}


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return content


def deployed() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DEPLOYED.read_text("utf-8"))
    return content


def test_the_official_emulators_run_from_tagged_images() -> None:
    images = {name: one["image"].rpartition(":") for name, one in compose()["services"].items()}
    assert {name: image for name, (image, _, _) in images.items()} == EMULATORS
    assert all(tag for _, _, tag in images.values())


def test_nothing_listens_beyond_this_machine_and_no_port_is_taken_twice() -> None:
    ports = [port for one in compose()["services"].values() for port in one["ports"]]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    published = [port.split(":")[1] for port in ports]
    assert len(published) == len(set(published))


def test_volumes_and_dependencies_are_declared_and_files_exist() -> None:
    content = compose()
    for service in content["services"].values():
        assert set(service.get("depends_on", {})) <= content["services"].keys()
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in content["volumes"] or (ROOT / source).is_file()


def test_the_service_bus_emulator_has_the_entities_that_are_deployed() -> None:
    """`python -m local.emulators.service_bus` writes it anew."""
    assert json.loads(EMULATED.read_text("utf-8")) == emulated(deployed())
    volumes = compose()["services"]["servicebus"]["volumes"]
    assert [one.partition(":")[0] for one in volumes] == [f"./{EMULATED.relative_to(ROOT)}"]


def test_the_last_delivery_is_known_to_who_counts_dead_letters() -> None:
    [namespace] = deployed()["UserConfig"]["Namespaces"]
    received = [*namespace["Queues"]]
    received += [one for topic in namespace["Topics"] for one in topic["Subscriptions"]]
    assert {one["Properties"]["MaxDeliveryCount"] for one in received} == {DELIVERIES}
