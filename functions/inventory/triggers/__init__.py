"""Inventory's functions: what shoppers read, what the back office changes, what time asks for."""

from typing import TYPE_CHECKING

import azure.functions as func

from functions.inventory.service.browse import Browse
from functions.inventory.service.catalogue import Catalogue
from functions.inventory.service.imports import Imports
from functions.inventory.service.media import Media
from functions.inventory.service.returns import Returns
from functions.inventory.service.stock import Stock
from functions.inventory.service.stocktaking import Stocktaking
from functions.inventory.triggers import admin, browse, imports, messages, timers
from functions.inventory.triggers import media as media_routes
from functions.inventory.triggers import stocktaking as stocktaking_routes
from shared.blobs.uploads import FolderUploads
from shared.http.edge import Edge
from shared.kit.provider import Provider
from shared.messaging.timers import register_outbox

if TYPE_CHECKING:
    from shared.messaging.relay import Relay


def blueprint(
    edge: Edge,
    reader: Provider[Browse],
    catalogue: Provider[Catalogue],
    stock: Provider[Stock],
    stocktaking: Provider[Stocktaking],
    media: Provider[Media],
    deliveries: Provider[Imports],
    returns: Provider[Returns],
    uploads: FolderUploads | None,
    relay: "Provider[Relay]",
) -> func.Blueprint:
    api = edge.api("inventory")
    browse.register(api, reader)
    admin.register(api, catalogue, stock)
    stocktaking_routes.register(api, stocktaking)
    media_routes.register(api, media)
    imports.register(api, deliveries)
    if uploads is not None:
        imports.register_uploads(api, deliveries, uploads)
    imports.register_timers(api.blueprint, deliveries)
    messages.register_orders(api.blueprint, returns)
    messages.register_uploads(api.blueprint, media)
    timers.register(api.blueprint, stock, media)
    register_outbox(api.blueprint, "inventory", relay, lambda age: stock().forget_received(age))
    return api.blueprint
