// The database of one service.
param location string
param serverName string
param name string
param tags object
param zones bool

@description('sku, tier, capacity, replicas')
param sizes object

@description('Empty where the database is in no pool.')
param poolId string
param workspaceId string

var pooled = !empty(poolId)

resource sqlDatabase 'Microsoft.Sql/servers/databases@2025-01-01' = {
  // checkov:skip=CKV_AZURE_26:it looks for a child in the resource, as ARM has it; `databaseWatched` below is that child
  // checkov:skip=CKV_AZURE_27:it looks for a child in the resource, as ARM has it; `databaseWatched` below is that child
  // checkov:skip=CKV_AZURE_229:true in the private sizes; the DTU sizes of dev know no zones
  name: '${serverName}/${name}'
  location: location
  tags: tags
  sku: pooled ? { name: 'ElasticPool', tier: sizes.tier } : { name: sizes.sku, tier: sizes.tier, capacity: sizes.capacity }
  properties: {
    elasticPoolId: pooled ? poolId : null
    highAvailabilityReplicaCount: sizes.tier == 'Hyperscale' ? sizes.replicas : null
    readScale: sizes.replicas > 0 ? 'Enabled' : 'Disabled'
    requestedBackupStorageRedundancy: zones ? 'GeoZone' : 'Local'
    zoneRedundant: zones
  }
}

resource databaseAudited 'Microsoft.Sql/servers/databases/auditingSettings@2025-01-01' = {
  parent: sqlDatabase
  name: 'default'
  properties: {
    state: 'Enabled'
    isAzureMonitorTargetEnabled: true
    retentionDays: 90
  }
}

resource databaseWatched 'Microsoft.Sql/servers/databases/securityAlertPolicies@2025-01-01' = {
  parent: sqlDatabase
  name: 'Default'
  properties: {
    state: 'Enabled'
    emailAccountAdmins: true
  }
}

resource kept 'Microsoft.Sql/servers/databases/backupShortTermRetentionPolicies@2025-01-01' = {
  parent: sqlDatabase
  name: 'default'
  properties: { retentionDays: zones ? 35 : 7 }
}

resource auditLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: sqlDatabase
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
    metrics: [{ category: 'Basic', enabled: true }]
  }
}

output id string = sqlDatabase.id
