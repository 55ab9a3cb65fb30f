"""What keeps the shop's boundaries: whose each right is, what Front Door and the gateway let
through, what is reached from the network alone, and that what fails is told.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from functions.inventory.media_model import MEDIA_UPLOADS, UPLOADS, subject_of
from local.api_document import PREFIXES
from tests.infra.checks import Check, Templates, resource_of
from tests.support.bicep import FOLDER, ROOT, Resource

APP = "modules/function-app.bicep"
ROUTES = "modules/front-door-routes.bicep"
GATEWAY = "modules/api-management.bicep"
ROLES = "modules/roles.bicep"
GUIDS = {
    "blobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "blobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "blobDataReader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "blobDelegator": "db58b8e5-c6ad-4a2a-8342-4190687cbf4a",
    "queueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "tableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "serviceBusSender": "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39",
    "serviceBusReceiver": "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0",
    "durableTaskContributor": "0ad04412-c4d5-4796-b79c-f76d14c8d402",
    "secretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
    "secretsOfficer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "metricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "emailOwner": "09976791-48a7-449e-bb21-39d1a415f350",
}
"""https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""
WHOSE = {
    "appAtHost": ("hostStorage", "appPrincipalId"),
    "appAtMedia": ("ownMedia[i]", "appPrincipalId"),
    "appSigns": ("mediaStorage", "appPrincipalId"),
    "appAtBus": ("bus", "appPrincipalId"),
    "appAtCarts": ("cosmos", "appPrincipalId"),
    "appAtCache": ("cache", "appPrincipalId"),
    "appAtSagas": ("sagas", "appPrincipalId"),
    "appReadsSecrets": ("vault", "appPrincipalId"),
    "appSendsMail": ("communication", "appPrincipalId"),
    "telemetry": ("insights", "principal"),
    "frontDoorReads": ("shownMedia[i]", "frontDoorPrincipalId"),
    "eventsAtQueue": ("mediaUploads", "eventsPrincipalId"),
    "deployerWritesPages": ("storefront", "deployerId"),
    "deployerWritesSecrets": ("filledVaults[i]", "deployerId"),
    "runnerReadsSecrets": ("runnerVault", "runnerPrincipalId"),
}
"""Of each assignment, where it holds and whose it is."""
PRINCIPALS = {
    "appPrincipalId": "identities.outputs.appPrincipalId",
    "gatewayPrincipalId": "identities.outputs.gatewayPrincipalId",
    "frontDoorPrincipalId": "frontDoor.outputs.principalId",
    "eventsPrincipalId": "events.outputs.principalId",
    "runnerPrincipalId": "chosen.private ? runner!.outputs.principalId : ''",
    "runnerVaultName": "chosen.private ? runnerVault!.outputs.name : ''",
    "vaultName": "vault.outputs.name",
    "deployerId": "deployerId",
}
WAYS = {
    "host-blob": ("storage.outputs.hostId", "blob"),
    "host-queue": ("storage.outputs.hostId", "queue"),
    "host-table": ("storage.outputs.hostId", "table"),
    "media": ("storage.outputs.mediaId", "blob"),
    "sql": ("sql.outputs.id", "sqlServer"),
    "sql-2": ("sql.outputs.partnerId", "sqlServer"),
    "cosmos": ("cosmos.outputs.id", "Sql"),
    "service-bus": ("serviceBus.outputs.id", "namespace"),
    "vault": ("vault.outputs.id", "vault"),
    "runner-vault": ("runnerVault!.outputs.id", "vault"),
    "redis": ("redis!.outputs.id", "redisEnterprise"),
    "scheduler": ("scheduler!.outputs.id", "scheduler"),
}
ZONES = {
    "blob": "'privatelink.blob.${environment().suffixes.storage}'",
    "queue": "'privatelink.queue.${environment().suffixes.storage}'",
    "table": "'privatelink.table.${environment().suffixes.storage}'",
    "sqlServer": "'privatelink${environment().suffixes.sqlServerHostname}'",
    "Sql": "privatelink.documents.azure.com",
    "namespace": "privatelink.servicebus.windows.net",
    "redisEnterprise": "privatelink.redis.azure.net",
    "vault": "privatelink.vaultcore.azure.net",
    "scheduler": "privatelink.durabletask.io",
    "sites": "privatelink.azurewebsites.net",
}
"""https://learn.microsoft.com/azure/private-link/private-endpoint-dns"""
METRICS = {
    ("Microsoft.ServiceBus/namespaces", "DeadletteredMessages", "EntityName"),
    ("Microsoft.ApiManagement/service", "Requests", "GatewayResponseCodeCategory"),
    ("Microsoft.Cdn/profiles", "Percentage5XX", "Endpoint"),
}
"""https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index"""
LOGS = {"GatewayLogs", "OperationalLogs", "AllMetrics", "Basic", "audit", "allLogs"}
"""Categories, and groups of them, that diagnostic settings may ask for."""


_HOST_KEY = "{ 'x-functions-key': ['{{function-key}}'] }"


def rights(templates: Templates) -> list[str]:
    """Each right is the role, the place and the identity that it is meant to be."""
    template = templates[ROLES]
    wrong = [] if template.variables["roles"] == GUIDS else ["roles are other roles"]
    for resource in template.resources:
        if resource.existing or resource.symbol not in WHOSE:
            continue
        place, whose = WHOSE[resource.symbol]
        body = resource.body
        if body.get("scope", body.get("parent")) != place:
            wrong.append(f"{resource.symbol} holds for {body.get('scope', body.get('parent'))}")
        properties = body["properties"]
        found = properties.get("principalId", properties.get("user", {}).get("objectId"))
        if found != whose:
            wrong.append(f"{resource.symbol} is {found}'s")
    wrong += differences(
        template.variables,
        {
            "ownContainers": ["public", "uploads", "imports"],
            "shownContainers": ["public", "storefront"],
            "publishers": ["appPrincipalId", "gatewayPrincipalId"],
        },
    )
    carts = resource_of(templates, ROLES, "appAtCarts").body["properties"]
    if not carts["roleDefinitionId"].endswith("/00000000-0000-0000-0000-000000000002'"):
        wrong.append("the app has another role at Cosmos DB")
    named = {r.symbol: r.body.get("name") for r in template.resources if r.existing}
    wrong += differences(
        named,
        {
            "vault": "vaultName",
            "runnerVault": "empty(runnerVaultName) ? 'none' : runnerVaultName",
            "mediaUploads": MEDIA_UPLOADS,
            "storefront": "storefront",
        },
    )
    given = next(m.params for m in templates["main.bicep"].modules if m.symbol == "roles")
    return wrong + differences(given, PRINCIPALS)


def ways(templates: Templates) -> list[str]:
    """All that is private has a way in, with its name in the zone of its kind."""
    main = templates["main.bicep"]
    listed = [*main.variables["everyWay"], *main.variables["secondWay"]]
    found = {way["name"]: (way["id"], way["group"]) for way in listed}
    wrong = [] if found == WAYS else [f"ways: {sorted(set(found.items()) ^ set(WAYS.items()))}"]
    if {*main.variables["ownGroups"], "sites"} != ZONES.keys():
        wrong.append("the groups of the ways have no zones, or zones no ways")
    wrong += differences(templates["modules/private-endpoints.bicep"].variables["zoneNames"], ZONES)
    app = next(module for module in main.modules if module.symbol == "wayToApp")
    if app.params["endpoints"] != [{"name": "app", "id": "app.outputs.id", "group": "sites"}]:
        wrong.append("the app has no way")
    if any(
        f" {name} 'modules/private-endpoints.bicep' = if (chosen.private)" not in main.text
        for name in ("ways", "wayToApp")
    ):
        wrong.append("ways are made where nothing is private, or not where it is")
    return wrong


def subnets(templates: Templates) -> list[str]:
    network = templates["modules/network.bicep"]
    (rule,) = resource_of(templates, network.file, "inward").body["properties"]["securityRules"]
    wrong = differences(
        rule["properties"],
        {
            "direction": "Inbound",
            "access": "Deny",
            "protocol": "*",
            "sourceAddressPrefix": "Internet",
            "destinationPortRange": "*",
        },
    )
    delegated = {}
    for subnet in resource_of(templates, network.file, "network").body["properties"]["subnets"]:
        properties = subnet["properties"]
        delegated[subnet["name"]] = [
            one["properties"]["serviceName"] for one in properties.get("delegations", [])
        ]
        if properties.get("networkSecurityGroup") != {"id": "inward.id"}:
            wrong.append(f"the subnet {subnet['name']} lets the internet in")
        if subnet["name"] != "endpoints" and properties.get("natGateway") != "outward":
            wrong.append(f"the subnet {subnet['name']} has no way out")
    return wrong + differences(
        delegated,
        {
            "app": ["Microsoft.App/environments"],
            "gateway": ["Microsoft.Web/serverFarms"],
            "endpoints": [],
            "runner": [],
        },
    )


def edge(templates: Templates) -> list[str]:
    """Front Door leads to three places, caches files alone, and has its firewall before all."""
    template = templates[ROUTES]
    wrong = []
    files = [(f["name"], f["patterns"], f["path"]) for f in template.variables["files"]]
    if files != [("storefront", ["/*"], "/storefront"), ("media", ["/cdn/*"], "/public")]:
        wrong.append(f"files: {files}")
    for symbol, group in (("fileRoutes", "blobs.id"), ("apiRoute", "gateway.id")):
        route = resource_of(templates, ROUTES, symbol).body["properties"]
        wrong += differences(
            route,
            {
                "originGroup": {"id": group},
                "httpsRedirect": "Enabled",
                "forwardingProtocol": "HttpsOnly",
                "linkToDefaultDomain": "Enabled",
                "customDomains": "domains",
            },
        )
        if ("cacheConfiguration" in route) != (symbol == "fileRoutes"):
            wrong.append(f"{symbol}: what is cached?")
    api = resource_of(templates, ROUTES, "apiRoute").body["properties"]
    wrong += differences(api, {"patternsToMatch": ["/api/*"]})
    for origin in ("blobOrigin", "gatewayOrigin"):
        checked = resource_of(templates, ROUTES, origin).body["properties"]
        wrong += differences(checked, {"enforceCertificateNameCheck": True})
    blobs = resource_of(templates, ROUTES, "blobs").body["properties"]
    wrong += differences(blobs["authentication"], {"type": "SystemAssignedIdentity"})
    firewall = resource_of(templates, ROUTES, "firewall").body["properties"]
    wrong += differences(
        firewall["policySettings"], {"enabledState": "Enabled", "mode": "Prevention"}
    )
    (rule,) = firewall["customRules"]["rules"]
    wrong += differences(
        rule,
        {
            "enabledState": "Enabled",
            "ruleType": "RateLimitRule",
            "action": "Block",
            "rateLimitDurationInMinutes": 1,
            "rateLimitThreshold": "callsPerMinute",
        },
    )
    wrong += differences(
        rule["matchConditions"][0],
        {"operator": "Contains", "matchValue": ["/api/"], "transforms": ["UrlDecode", "Lowercase"]},
    )
    if not str(firewall["managedRules"]["managedRuleSets"]).startswith("premium ?"):
        wrong.append("Premium has no managed rules")
    guarded = resource_of(templates, ROUTES, "guarded").body["properties"]["parameters"]
    expected = {"domains": "concat([{ id: endpoint.id }], domains)", "patternsToMatch": ["/*"]}
    return wrong if guarded["associations"] == [expected] else [*wrong, "a way past the firewall"]


def gateway(templates: Templates) -> list[str]:
    """Each API has its own document, policy, prefix and backend; what holds for all is set."""
    template = templates[GATEWAY]
    wrong = []
    folder = "../../apim"
    for api in template.variables["apis"]:
        name = api["name"]
        wrong += differences(
            api,
            {
                "path": PREFIXES.get(name, "").lstrip("/"),
                "document": f"loadJsonContent('{folder}/openapi/{name}.json')",
                "policy": f"loadTextContent('{folder}/policies/{name}.xml')",
            },
        )
    wrong += differences(
        template.variables["plainValues"],
        {
            "auth-issuer": "issuer",
            "auth-audience": "audience",
            "front-door-id": "frontDoorId",
            "public-origin": "publicOrigin",
        },
    )
    bodies = {r.symbol: r.body for r in template.resources if not r.existing}
    wrong += differences(
        _properties(bodies, "everywhere"),
        {
            "format": "xml",
            "value": f"loadTextContent('{folder}/policies/all.xml')",
        },
    )
    wrong += differences(_properties(bodies, "policies"), {"format": "xml", "value": "api.policy"})
    if bodies.get("policies", {}).get("parent") != "imported[i]":
        wrong.append("the policies are no API's")
    wrong += differences(
        _properties(bodies, "imported"),
        {"path": "api.path", "protocols": ["https"], "value": "string(api.document)"},
    )
    wrong += differences(
        _properties(bodies, "backends"),
        {
            "url": "'${appOrigin}/${api.path}'",
            "credentials": f"isPrivate ? {{}} : {{ header: {_HOST_KEY} }}",
            "tls": {"validateCertificateChain": True, "validateCertificateName": True},
        },
    )
    key = next(r for r in template.resources if r.symbol == "functionKey")
    if key.body["properties"].get("secret") is not True or "= if (!isPrivate)" not in key.text:
        wrong.append("the host key is shown, or asked for where there is none")
    return wrong


def app_shape(templates: Templates) -> list[str]:
    """What the app is, and who may call it; which secrets it reads are those that hooks put in."""
    template = templates[APP]
    app = resource_of(templates, APP, "app")
    settings = template.variables["settings"]
    wrong = differences(settings, {"SHOP_FUNCTION_KEYS": "isPrivate ? 'off' : 'required'"})
    config = app.body["properties"]["functionAppConfig"]
    wrong += differences(config["runtime"], {"name": "python", "version": "3.13"})
    wrong += differences(
        config["deployment"]["storage"], {"type": "blobContainer", "value": "deployments"}
    )
    wrong += differences(
        app.body["properties"],
        {"virtualNetworkSubnetId": "subnetId", "keyVaultReferenceIdentity": "identityId"},
    )
    wrong += differences(
        app.body["properties"]["siteConfig"], {"healthCheckPath": "/api/health/live"}
    )
    for name in templates["modules/identities.bicep"].variables["databases"]:
        if f"'${{logins.{name}.id}}': {{}}" not in app.text:
            wrong.append(f"the app does not have the identity of {name}")
    if template.variables["secret"] != "'@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/'":
        wrong.append("secrets are read elsewhere")
    read = set(re.findall(r"'\$\{secret\}([\w-]+)\)'", template.text))
    known = {*templates["main.bicep"].variables["knownSecrets"], "otlp-headers"}
    return wrong + [f"the secret {name} is read or kept alone" for name in sorted(read ^ known)]


def alarms(templates: Templates) -> list[str]:
    """Each alert is on, asks for what there is, and wakes somebody; each query is some alert's."""
    file = "modules/alerts.bicep"
    template = templates[file]
    wrong = []
    for alert in template.variables["counted"]:
        if (alert["namespace"], alert["metric"], alert["dimension"]) not in METRICS:
            wrong.append(f"{alert['name']} counts {alert['metric']} by {alert['dimension']}")
    asked = {str(alert["query"]) for alert in template.variables["searches"]}
    kept = {f"loadTextContent('../queries/{q.name}')" for q in (FOLDER / "queries").glob("*.kql")}
    if asked != kept:
        wrong.append(f"queries: {sorted(asked ^ kept)}")
    for symbol, told in (
        ("metricAlerts", [{"actionGroupId": "operators.id"}]),
        ("searchAlerts", {"actionGroups": ["operators.id"]}),
    ):
        wrong += differences(
            resource_of(templates, file, symbol).body["properties"],
            {"enabled": True, "actions": told, "severity": "alert.severity"},
        )
    group = resource_of(templates, file, "operators").body["properties"]
    wrong += differences(group, {"enabled": True})
    if "for (address, i) in addresses" not in str(group["emailReceivers"]):
        wrong.append("nobody is told")
    for other, resource in _all(templates):
        if resource.kind == "Microsoft.Insights/diagnosticSettings":
            named = re.findall(r"category(?:Group)?: '(\w+)'", resource.text)
            wrong += [f"{other}: there are no logs {name}" for name in named if name not in LOGS]
    return wrong


def covers(templates: Templates) -> list[str]:
    """Event Grid tells of what the code expects, in a queue whose messages need no session."""
    event = resource_of(templates, "modules/media-events.bicep", "covers").body["properties"]
    wrong = differences(
        event["filter"],
        {
            "subjectBeginsWith": subject_of(UPLOADS, "covers/"),
            "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        },
    )
    wrong += differences(event, {"eventDeliverySchema": "CloudEventSchemaV1_0"})
    wrong += differences(
        event["deliveryWithResourceIdentity"]["destination"], {"endpointType": "ServiceBusQueue"}
    )
    queue = templates["modules/service-bus.bicep"].outputs["mediaQueueId"]
    if not queue.endswith(f"'{MEDIA_UPLOADS}')"):
        wrong.append(f"events go to {queue}")
    said = json.loads((ROOT / "infra" / "servicebus.json").read_text("utf-8"))
    (found,) = [
        one["Properties"]
        for one in said["UserConfig"]["Namespaces"][0]["Queues"]
        if one["Name"] == MEDIA_UPLOADS
    ]
    return wrong + differences(found, {"RequiresSession": False})


def differences(found: Any, wanted: dict[str, Any]) -> list[str]:
    """Differences; an expression equals its text."""
    return [
        f"{name} is {found.get(name)}" for name, value in wanted.items() if found.get(name) != value
    ]


def _properties(bodies: dict[str, Any], symbol: str) -> dict[str, Any]:
    found: dict[str, Any] = bodies.get(symbol, {}).get("properties", {})
    return found


def _all(templates: Templates) -> Iterator[tuple[str, Resource]]:
    for template in templates.values():
        for resource in template.resources:
            yield template.file, resource


BOUNDARIES: tuple[Check, ...] = (
    rights,
    ways,
    subnets,
    edge,
    gateway,
    app_shape,
    alarms,
    covers,
)
