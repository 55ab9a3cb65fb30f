"""The namespace as the official Service Bus emulator takes it, for docker-compose.yml.

The emulator knows one name for a namespace and lets no message live for more than an hour; all else
is as deployed. https://learn.microsoft.com/azure/service-bus-messaging/overview-emulator
`python -m local.emulators.service_bus` writes the file anew after infra/servicebus.json changed.
"""

import json
import sys
from pathlib import Path
from typing import Any

DEPLOYED = Path(__file__).resolve().parents[2] / "infra/servicebus.json"
EMULATED = DEPLOYED.with_name("servicebus.emulator.json")
_NAMESPACE = "sbemulatorns"
_LIFETIME = "DefaultMessageTimeToLive"


def emulated(deployed: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(json.dumps(deployed))
    [namespace] = config["UserConfig"]["Namespaces"]
    namespace["Name"] = _NAMESPACE
    config["UserConfig"]["Logging"] = {"Type": "Console"}
    topics = namespace["Topics"]
    subscriptions = [one for topic in topics for one in topic["Subscriptions"]]
    for entity in (*namespace["Queues"], *topics, *subscriptions):
        if _LIFETIME in entity["Properties"]:
            entity["Properties"][_LIFETIME] = "PT1H"
    return config


def main() -> int:
    config = emulated(json.loads(DEPLOYED.read_text("utf-8")))
    EMULATED.write_text(f"{json.dumps(config, indent=2)}\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
