"""The databases of all services: the setting that names each, and the migrations that shape it."""

from dataclasses import dataclass
from pathlib import Path

from functions.checkout.migrations import LOCATION as CHECKOUT
from functions.inventory.migrations import LOCATION as INVENTORY
from functions.notifications.migrations import LOCATION as NOTIFICATIONS
from functions.payments.migrations import LOCATION as PAYMENTS
from functions.shipping.migrations import LOCATION as SHIPPING
from shared.config.settings import Service


@dataclass(frozen=True, slots=True)
class Schema:
    service: Service
    setting: str
    migrations: Path


SCHEMAS = (
    Schema("inventory", "SQL_INVENTORY", INVENTORY),
    Schema("payments", "SQL_PAYMENTS", PAYMENTS),
    Schema("shipping", "SQL_SHIPPING", SHIPPING),
    Schema("checkout", "SQL_ORDERS", CHECKOUT),
    Schema("notifications", "SQL_NOTIFICATIONS", NOTIFICATIONS),
)
