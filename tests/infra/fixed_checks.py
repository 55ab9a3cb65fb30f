"""What was decided and stands in one line of a template: doors that are shut, what goes where. Who
changes such a line changes it here too, and says why.
"""

import re
from typing import Any

from tests.infra.boundary_checks import differences
from tests.infra.checks import Check, Templates, resource_of
from tests.support.bicep import ROOT

_STORAGE = "modules/storage.bicep"
_SQL = "modules/sql-server.bicep"
_BUS = "modules/service-bus.bicep"
_NETWORK = "modules/network.bicep"
_FIREWALL = "networkAcls.defaultAction"
_NO_QUERIES = {
    "state": "Enabled",
    "scrubbingRules": [
        {
            "matchVariable": "QueryStringArgNames",
            "selectorMatchOperator": "EqualsAny",
            "state": "Enabled",
        }
    ],
}
FIXED: dict[tuple[str, str], dict[str, Any]] = {
    (_STORAGE, "host"): {
        _FIREWALL: "Deny",
        "networkAcls.virtualNetworkRules": (
            "isPrivate ? [] : [{ id: appSubnetId, action: 'Allow' }]"
        ),
        "networkAcls.ipRules": "deployer",
        "allowCrossTenantReplication": False,
    },
    (_STORAGE, "media"): {"allowCrossTenantReplication": False},
    (_STORAGE, "deployments"): {"publicAccess": "None"},
    (_STORAGE, "containers"): {"publicAccess": "None"},
    (_STORAGE, "mediaBlobs"): {
        "isVersioningEnabled": True,
        "deleteRetentionPolicy": {"enabled": True, "days": 14},
        "containerDeleteRetentionPolicy": {"enabled": True, "days": 14},
    },
    ("modules/key-vault.bicep", "vault"): {
        _FIREWALL: "Deny",
        "networkAcls.bypass": "None",
        "enablePurgeProtection": True,
        "softDeleteRetentionInDays": 90,
    },
    ("modules/cosmos.bicep", "account"): {
        "enableMultipleWriteLocations": False,
        "isVirtualNetworkFilterEnabled": "!isPrivate",
        "networkAclBypass": "None",
        "virtualNetworkRules": (
            "isPrivate ? [] : [{ id: appSubnetId, ignoreMissingVNetServiceEndpoint: false }]"
        ),
        "ipRules": (
            "isPrivate || empty(deployerAddress) ? [] : [{ ipAddressOrRange: deployerAddress }]"
        ),
        "backupPolicy.type": "Continuous",
    },
    (_SQL, "fromDeployer"): {
        "startIpAddress": "deployerAddress",
        "endIpAddress": "deployerAddress",
    },
    (_SQL, "fromApp"): {"virtualNetworkSubnetId": "appSubnetId"},
    (_SQL, "sqlAdministrator"): {"sid": "administratorId", "tenantId": "subscription().tenantId"},
    (_SQL, "serverAudited"): {"state": "Enabled", "isAzureMonitorTargetEnabled": True},
    ("modules/sql-database.bicep", "databaseAudited"): {
        "state": "Enabled",
        "isAzureMonitorTargetEnabled": True,
    },
    ("modules/sql-database.bicep", "kept"): {"retentionDays": "zones ? 35 : 7"},
    ("modules/sql.bicep", "group"): {"readWriteEndpoint.failoverPolicy": "Manual"},
    (_BUS, "firewall"): {
        "publicNetworkAccess": "Disabled",
        "defaultAction": "Deny",
        "trustedServiceAccessEnabled": True,
    },
    ("modules/scheduler.bicep", "scheduler"): {"ipAllowlist": []},
    ("modules/redis.bicep", "database"): {
        "port": 10000,
        "clusteringPolicy": "EnterpriseCluster",
        "evictionPolicy": "AllKeysLRU",
    },
    ("modules/runner.bicep", "machine"): {
        "osProfile.allowExtensionOperations": False,
        "securityProfile.encryptionAtHost": True,
        "osProfile.customData": "base64(script)",
    },
    ("modules/budget.bicep", "budget"): {
        "notifications.spent.enabled": True,
        "notifications.spent.contactEmails": "addresses",
        "notifications.foreseen.enabled": True,
        "notifications.foreseen.contactEmails": "addresses",
    },
    ("modules/monitoring.bicep", "workspace"): {"workspaceCapping.dailyQuotaGb": "logs.dailyGB"},
    ("modules/front-door.bicep", "profile"): {"logScrubbing": _NO_QUERIES},
    ("modules/front-door-routes.bicep", "firewall"): {"policySettings.logScrubbing": _NO_QUERIES},
    ("modules/api-management.bicep", "traces"): {
        "frontend": "withoutQueries",
        "backend": "withoutQueries",
    },
    ("modules/api-management.bicep", "logged"): {
        "frontend": "withoutQueries",
        "backend": "withoutQueries",
    },
    ("modules/mail.bicep", "domain"): {"userEngagementTracking": "Disabled"},
    ("modules/alerts.bicep", "searchAlerts"): {"windowSize": "alert.window"},
    ("modules/function-app.bicep", "app"): {
        "functionAppConfig.scaleAndConcurrency.maximumInstanceCount": "sizes.most",
        "functionAppConfig.scaleAndConcurrency.alwaysReady": "sizes.alwaysReady",
    },
}
"""Of a resource's properties."""
TEXTS = {
    _SQL: ("fromDeployer 'Microsoft.Sql/servers/firewallRules@2025-01-01' = if (!isPrivate && ",
           "fromApp 'Microsoft.Sql/servers/virtualNetworkRules@2025-01-01' = if (!isPrivate) {"),
    _NETWORK: ("serviceEndpoints: isPrivate ? [] : endpoints",
               "defaultOutboundAccess: !isPrivate"),
    "modules/service-bus-subscription.bicep": ("name: i == 0 ? '$Default' : rule.Name",),
    "modules/front-door-routes.bicep": ("sharedPrivateLinkResource: premium ? {",
                                        "groupId: 'Gateway'", "privateLink: { id: gatewayId }"),
    "modules/api-management.bicep": (
        "{ dataMasking: { queryParams: [{ mode: 'Hide', value: '*' }] } }",
    ),
    "modules/function-app.bicep": (
        "'${schedulerConnection};TaskHub=${hub};Authentication=ManagedIdentity;"
        "ClientID=${identityClientId}'",
    ),
}  # fmt: skip
ENDPOINTS = {"Microsoft.Storage", "Microsoft.Sql", "Microsoft.AzureCosmosDB", "Microsoft.KeyVault"}
"""Of dev's subnet, since what lies behind firewalls there lets in by subnet."""
EVERYWHERE = {
    "location": "location", "token": "token", "tags": "tags", "isPrivate": "chosen.private",
    "zones": "chosen.zones", "workspaceId": "monitoring.outputs.workspaceId",
    "appSubnetId": "network.outputs.appSubnetId", "secondLocation": "secondLocation",
    "publicOrigin": "frontOrigin", "issuer": "shop.issuer", "audience": "shop.audience",
    "insightsConnection": "monitoring.outputs.insightsConnection",
}  # fmt: skip
"""What main.bicep gives for a parameter of this name, whatever the module."""
GIVEN = {
    "app": {
        "subnetId": "network.outputs.appSubnetId",
        "identityId": "identities.outputs.appId",
        "identityClientId": "identities.outputs.appClientId",
        "logins": "identities.outputs.logins",
        "deployments": "storage.outputs.deployments",
        "vaultUri": "vault.outputs.uri",
        "publicBaseUrl": "frontOrigin",
        "sizes": "chosen.app",
        "blobEndpoint": "storage.outputs.mediaEndpoint",
    },
    "gateway": {
        "subnetId": "network.outputs.gatewaySubnetId",
        "identityId": "identities.outputs.gatewayId",
        "identityClientId": "identities.outputs.gatewayClientId",
        "publicNetworkAccess": "gatewayPublicAccess",
        "frontDoorId": "frontDoor.outputs.frontDoorId",
        "appOrigin": "app.outputs.origin",
        "sizes": "chosen.gateway",
    },
    "routes": {
        "mediaHost": "replace(replace(storage.outputs.mediaEndpoint, 'https://', ''), '/', '')",
        "gatewayHost": "gateway.outputs.host",
        "gatewayId": "gateway.outputs.id",
        "sku": "chosen.frontDoor",
        "ownDomain": "replace(publicBaseUrl, 'https://', '')",
    },
    "vault": {
        "subnetIds": "chosen.private ? [] : [network.outputs.appSubnetId]",
        "deployerAddress": "chosen.private ? '' : deployerAddress",
    },
    "runnerVault": {"subnetIds": [], "deployerAddress": ""},
    "runner": {
        "subnetId": "network.outputs.runnerSubnetId",
        "vaultUri": "runnerVault!.outputs.uri",
        "digest": "runnerDigest",
    },
    "ways": {"subnetId": "network.outputs.endpointSubnetId", "networkId": "network.outputs.id"},
    "wayToApp": {"subnetId": "network.outputs.endpointSubnetId", "networkId": "network.outputs.id"},
    "storage": {"sku": "chosen.storageSku", "deployerAddress": "deployerAddress"},
    "sql": {"sizes": "chosen.sql", "databases": "identities.outputs.databases"},
    "cosmos": {"sizes": "chosen.cosmos"},
    "serviceBus": {"sizes": "chosen.serviceBus"},
    "mediaEvents": {"queueId": "serviceBus.outputs.mediaQueueId"},
    "events": {"mediaId": "storage.outputs.mediaId"},
    "alerts": {
        "serviceBusId": "serviceBus.outputs.id",
        "gatewayId": "gateway.outputs.id",
        "frontDoorProfileId": "frontDoor.outputs.id",
        "addresses": "operatorAddresses",
    },
    "spending": {"addresses": "operatorAddresses", "amount": "budget"},
}
OUTPUTS = {
    "SHOP_IS_PRIVATE": "chosen.private",
    "PUBLIC_BASE_URL": "frontOrigin",
    "NEEDED_SECRETS": "secrets",
    "SQL_SERVER_HOST": "sql.outputs.host",
    "SQL_LOGINS": "identities.outputs.logins",
    "KEY_VAULT_NAME": "vault.outputs.name",
    "MEDIA_ACCOUNT_NAME": "storage.outputs.mediaName",
}


def decided(templates: Templates) -> list[str]:
    wrong = []
    for (file, symbol), wanted in FIXED.items():
        properties = resource_of(templates, file, symbol).body["properties"]
        found = {path: _at(properties, path) for path in wanted}
        wrong += [f"{file}: {symbol}: {one}" for one in differences(found, wanted)]
    for file, texts in TEXTS.items():
        text = templates[file].text
        wrong += [f"{file} does not say {one}" for one in texts if one not in text]
    endpoints = {one["service"] for one in templates[_NETWORK].variables["endpoints"]}
    return wrong if endpoints == ENDPOINTS else [*wrong, f"service endpoints: {endpoints}"]


def wiring(templates: Templates) -> list[str]:
    """main.bicep gives each module what is meant for it."""
    main = templates["main.bicep"]
    wrong = []
    for module in main.modules:
        usual = {name: EVERYWHERE[name] for name in module.params.keys() & EVERYWHERE.keys()}
        wanted = {**usual, **GIVEN.get(module.symbol, {})}
        wrong += [f"{module.symbol}: {one}" for one in differences(module.params, wanted)]
    for template in templates.values():
        if template is not main:
            for module in template.modules:
                same = {
                    name: name for name in module.params.keys() & {"isPrivate", "tags", "zones"}
                }
                found = differences(module.params, same)
                wrong += [f"{template.file}: {module.symbol}: {one}" for one in found]
    return wrong


def handed_on(templates: Templates) -> list[str]:
    """The hooks find what they read, and each login is that of its own database."""
    outputs = templates["main.bicep"].outputs
    wrong = differences(outputs, OUTPUTS)
    hooks = (ROOT / "local" / "deployment" / "__main__.py").read_text("utf-8")
    read = set(re.findall(r"environment\[[\"']([A-Z_]+)[\"']\]", hooks))
    wrong += [
        f"no output {name}" for name in sorted(read - outputs.keys() - {"AZURE_SUBSCRIPTION_ID"})
    ]
    identities = templates["modules/identities.bicep"]
    for i, name in enumerate(identities.variables["databases"]):
        one = f"logins[{i}]"
        said = f"{name}: {{ id: {one}.id, clientId: {one}.properties.clientId, name: {one}.name }}"
        if said not in identities.outputs["logins"]:
            wrong.append(f"the login of {name} is another's")
    return wrong


def _at(properties: Any, path: str) -> Any:
    for name in path.split("."):
        properties = properties.get(name) if isinstance(properties, dict) else None
    return properties


DECISIONS: tuple[Check, ...] = (decided, wiring, handed_on)
