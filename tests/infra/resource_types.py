"""The resource types that the templates may use, each with its API version.

They were compared, property by property, with the type index of Azure/bicep-types-az (20 August
2026) by tests/infra/against_types.py. A new type or version comes in here once that finds no
difference.
"""

ALLOWED = {
    "Microsoft.ApiManagement 2024-05-01": (
        "service service/apis service/apis/policies service/backends service/diagnostics"
        " service/loggers service/namedValues service/policies service/products"
        " service/products/apis"
    ),
    "Microsoft.Authorization 2022-04-01": "roleAssignments",
    "Microsoft.Cache 2025-07-01": (
        "redisEnterprise redisEnterprise/databases"
        " redisEnterprise/databases/accessPolicyAssignments"
    ),
    "Microsoft.Cdn 2025-12-01": (
        "profiles profiles/afdEndpoints profiles/afdEndpoints/routes profiles/customDomains"
        " profiles/originGroups profiles/originGroups/origins profiles/ruleSets"
        " profiles/ruleSets/rules profiles/securityPolicies"
    ),
    "Microsoft.Communication 2025-05-01": (
        "communicationServices emailServices emailServices/domains"
    ),
    "Microsoft.Compute 2024-11-01": "virtualMachines",
    "Microsoft.Consumption 2024-08-01": "budgets",
    "Microsoft.DocumentDB 2025-04-15": (
        "databaseAccounts databaseAccounts/sqlDatabases databaseAccounts/sqlDatabases/containers"
        " databaseAccounts/sqlRoleAssignments"
    ),
    "Microsoft.DurableTask 2026-02-01": "schedulers schedulers/taskHubs",
    "Microsoft.EventGrid 2025-02-15": "systemTopics systemTopics/eventSubscriptions",
    "Microsoft.Insights 2018-03-01": "metricAlerts",
    "Microsoft.Insights 2020-02-02": "components",
    "Microsoft.Insights 2021-05-01-preview": "diagnosticSettings",
    "Microsoft.Insights 2023-01-01": "actionGroups",
    "Microsoft.Insights 2023-06-01": "workbooks",
    "Microsoft.Insights 2023-12-01": "scheduledQueryRules",
    "Microsoft.KeyVault 2024-11-01": "vaults",
    "Microsoft.ManagedIdentity 2024-11-30": "userAssignedIdentities",
    "Microsoft.Network 2024-06-01": "privateDnsZones privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network 2025-03-01": "FrontDoorWebApplicationFirewallPolicies",
    "Microsoft.Network 2025-05-01": (
        "natGateways networkInterfaces networkSecurityGroups privateEndpoints"
        " privateEndpoints/privateDnsZoneGroups publicIPAddresses virtualNetworks"
    ),
    "Microsoft.OperationalInsights 2025-02-01": "workspaces",
    "Microsoft.Resources 2025-04-01": "resourceGroups",
    "Microsoft.ServiceBus 2024-01-01": (
        "namespaces namespaces/networkRuleSets namespaces/queues namespaces/topics"
        " namespaces/topics/subscriptions namespaces/topics/subscriptions/rules"
    ),
    "Microsoft.Sql 2025-01-01": (
        "servers servers/administrators servers/auditingSettings servers/databases"
        " servers/databases/auditingSettings"
        " servers/databases/backupShortTermRetentionPolicies"
        " servers/databases/securityAlertPolicies servers/elasticPools servers/failoverGroups"
        " servers/firewallRules servers/securityAlertPolicies servers/virtualNetworkRules"
    ),
    "Microsoft.Storage 2025-06-01": (
        "storageAccounts storageAccounts/blobServices storageAccounts/blobServices/containers"
        " storageAccounts/managementPolicies"
    ),
    "Microsoft.Web 2025-03-01": "serverfarms sites sites/basicPublishingCredentialsPolicies",
}
"""By namespace and version: the types."""


def is_allowed(kind: str, version: str) -> bool:
    namespace, _, rest = kind.partition("/")
    return rest in ALLOWED.get(f"{namespace} {version}", "").split()
