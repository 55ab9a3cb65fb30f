"""Puts the durable API into a host: its addresses, its key, and whether there is a page."""

import os
from datetime import UTC, datetime
from ipaddress import ip_address

from funchost.auth import Keys
from funchost.clock import HostClock
from funchost.command import Command
from funchost.durable.api.extension import EXTENSION, DurableApi
from funchost.durable.api.links import Links, public_origin
from funchost.durable.api.page.app import DurablePage
from funchost.durable.interface import TaskHubs
from funchost.kinds import BindingKinds
from funchost.logs import HostLog
from funchost.settings import setting

__all__ = ["register_durable_api"]


def register_durable_api(
    kinds: BindingKinds,
    hubs: TaskHubs,
    command: Command,
    *,
    keys: Keys | None,
    clock: HostClock,
    log: HostLog,
) -> None:
    def links() -> Links:
        return Links(
            public_origin(command.base_url, os.environ),
            hubs.default_hub,
            code=None if keys is None else keys.system_key(EXTENSION),
        )

    def now() -> datetime:
        return clock.now().astimezone(UTC)

    api = DurableApi(hubs, links, log)
    api.register(kinds)
    if setting("AZURE_FUNCTIONS_ENVIRONMENT") == "Development" and _is_loopback(command.address):
        kinds.admin_pages["durable"] = DurablePage(hubs, now).answer


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address.lower() == "localhost"
