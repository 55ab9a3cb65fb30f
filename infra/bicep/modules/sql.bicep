// Azure SQL: one database for each service, signed in to by Entra alone. The statements that create
// the databases' users are no template's matter: a hook of the deployment runs them.
param location string
param secondLocation string
param token string
param tags object
param isPrivate bool
param zones bool
param databases array

@description('pool, inventory, others: sku, tier, capacity, replicas; failover')
param sizes object
param administratorId string
param administratorName string
param administratorType string
param appSubnetId string
param deployerAddress string
param workspaceId string

var pooled = sizes.pool != null
var administrators = {
  administratorType: 'ActiveDirectory'
  azureADOnlyAuthentication: true
  login: administratorName
  sid: administratorId
  tenantId: subscription().tenantId
  principalType: administratorType
}

resource server 'Microsoft.Sql/servers@2025-01-01' = {
  name: 'sql-${token}'
  location: location
  tags: tags
  properties: {
    administrators: administrators
    minimalTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

resource audited 'Microsoft.Sql/servers/auditingSettings@2025-01-01' = {
  parent: server
  name: 'default'
  properties: {
    state: 'Enabled'
    isAzureMonitorTargetEnabled: true
    retentionDays: 90
  }
}

resource watched 'Microsoft.Sql/servers/securityAlertPolicies@2025-01-01' = {
  parent: server
  name: 'Default'
  properties: {
    state: 'Enabled'
    emailAccountAdmins: true
  }
}

resource fromApp 'Microsoft.Sql/servers/virtualNetworkRules@2025-01-01' = if (!isPrivate) {
  parent: server
  name: 'app'
  properties: { virtualNetworkSubnetId: appSubnetId }
}

resource fromDeployer 'Microsoft.Sql/servers/firewallRules@2025-01-01' = if (!isPrivate && !empty(deployerAddress)) {
  parent: server
  name: 'deployer'
  properties: {
    startIpAddress: deployerAddress
    endIpAddress: deployerAddress
  }
}

resource pool 'Microsoft.Sql/servers/elasticPools@2025-01-01' = if (pooled) {
  parent: server
  name: 'pool'
  location: location
  tags: tags
  sku: {
    name: pooled ? sizes.pool.sku : 'GP_Gen5'
    tier: pooled ? sizes.pool.tier : 'GeneralPurpose'
    capacity: pooled ? sizes.pool.capacity : 2
  }
  properties: { zoneRedundant: zones }
}

resource database 'Microsoft.Sql/servers/databases@2025-01-01' = [for name in databases: {
  // checkov:skip=CKV_AZURE_224:a ledger of SQL Server's kind cannot be emptied, and customers may be forgotten
  parent: server
  name: name
  location: location
  tags: tags
  sku: name != 'inventory' && pooled ? { name: 'ElasticPool', tier: sizes.others.tier } : {
    name: name == 'inventory' ? sizes.inventory.sku : sizes.others.sku
    tier: name == 'inventory' ? sizes.inventory.tier : sizes.others.tier
    capacity: name == 'inventory' ? sizes.inventory.capacity : sizes.others.capacity
  }
  properties: {
    elasticPoolId: name != 'inventory' && pooled ? pool.id : null
    highAvailabilityReplicaCount: name == 'inventory' ? sizes.inventory.replicas : sizes.others.replicas
    readScale: name == 'inventory' && sizes.inventory.replicas > 0 ? 'Enabled' : 'Disabled'
    requestedBackupStorageRedundancy: zones ? 'GeoZone' : 'Local'
    zoneRedundant: zones
  }
}]

resource databaseAudited 'Microsoft.Sql/servers/databases/auditingSettings@2025-01-01' = [for (name, i) in databases: {
  parent: database[i]
  name: 'default'
  properties: {
    state: 'Enabled'
    isAzureMonitorTargetEnabled: true
    retentionDays: 90
  }
}]

resource databaseWatched 'Microsoft.Sql/servers/databases/securityAlertPolicies@2025-01-01' = [for (name, i) in databases: {
  parent: database[i]
  name: 'Default'
  properties: {
    state: 'Enabled'
    emailAccountAdmins: true
  }
}]

resource kept 'Microsoft.Sql/servers/databases/backupShortTermRetentionPolicies@2025-01-01' = [for (name, i) in databases: {
  parent: database[i]
  name: 'default'
  properties: { retentionDays: zones ? 35 : 7 }
}]

resource auditLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = [for (name, i) in databases: {
  scope: database[i]
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
    metrics: [{ category: 'Basic', enabled: true }]
  }
}]

resource partner 'Microsoft.Sql/servers@2025-01-01' = if (sizes.failover) {
  name: 'sql-${token}-2'
  location: secondLocation
  tags: tags
  properties: {
    administrators: administrators
    minimalTlsVersion: '1.2'
    publicNetworkAccess: 'Disabled'
  }
}

resource partnerAudited 'Microsoft.Sql/servers/auditingSettings@2025-01-01' = if (sizes.failover) {
  parent: partner
  name: 'default'
  properties: {
    state: 'Enabled'
    isAzureMonitorTargetEnabled: true
    retentionDays: 90
  }
}

resource partnerWatched 'Microsoft.Sql/servers/securityAlertPolicies@2025-01-01' = if (sizes.failover) {
  parent: partner
  name: 'Default'
  properties: {
    state: 'Enabled'
    emailAccountAdmins: true
  }
}

// Money moves in these databases: a person decides when a region is given up.
resource group 'Microsoft.Sql/servers/failoverGroups@2025-01-01' = if (sizes.failover) {
  parent: server
  name: 'sql-${token}-shop'
  properties: {
    readWriteEndpoint: { failoverPolicy: 'Manual' }
    readOnlyEndpoint: { failoverPolicy: 'Disabled' }
    partnerServers: [{ id: partner.id }]
    databases: [for (name, i) in databases: database[i].id]
  }
}

output id string = server.id
output name string = server.name
output partnerId string = sizes.failover ? partner.id : ''

@description('What connections are made to: the failover group, where there is one.')
output host string = sizes.failover ? 'sql-${token}-shop${environment().suffixes.sqlServerHostname}' : server.properties.fullyQualifiedDomainName
