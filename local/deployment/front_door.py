"""Front Door's private way to API Management, which waits for somebody to approve it."""

from local.deployment.management import Azure

_VERSION = "2024-05-01"
APPROVED = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}


def approve(azure: Azure, gateway: str) -> int:
    """Approves what Front Door asked for, and nothing that others did; returns how many."""
    path = f"Microsoft.ApiManagement/service/{gateway}/privateEndpointConnections"
    count = 0
    for connection in azure.list(path, _VERSION):
        state = connection["properties"]["privateLinkServiceConnectionState"]
        asked = state.get("description") or ""
        if state["status"] == "Pending" and asked == "Front Door of the shop":
            name = connection["name"]
            body = {"id": connection["id"], **APPROVED}
            azure.put(f"{path}/{name}", _VERSION, body)
            count += 1
    return count
