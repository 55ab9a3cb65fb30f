// Azure SQL: one database for each service. The statements that create the databases' users are no
// template's matter: a hook of the deployment runs them.
param location string
param secondLocation string
param token string
param tags object
param isPrivate bool
param zones bool
param databases array

@description('pool, or null; inventory, others: sku, tier, capacity, replicas; failover')
param sizes object
param administratorId string
param administratorName string
param administratorType string
param appSubnetId string
param deployerAddress string
param workspaceId string

var pooled = sizes.pool != null

// Written out in children's names: checkov takes an `existing` server for one without auditing.
var serverName = 'sql-${token}'
var groupName = 'sql-${token}-shop'

module server 'sql-server.bicep' = {
  name: 'sql-server'
  params: {
    location: location
    name: serverName
    tags: tags
    isPrivate: isPrivate
    administratorId: administratorId
    administratorName: administratorName
    administratorType: administratorType
    appSubnetId: appSubnetId
    deployerAddress: deployerAddress
  }
}

resource pool 'Microsoft.Sql/servers/elasticPools@2025-01-01' = if (pooled) {
  name: '${serverName}/pool'
  location: location
  tags: tags
  dependsOn: [server]
  sku: {
    name: sizes.pool.?sku ?? 'GP_Gen5'
    tier: sizes.pool.?tier ?? 'GeneralPurpose'
    capacity: sizes.pool.?capacity ?? 2
  }
  properties: { zoneRedundant: zones }
}

module database 'sql-database.bicep' = [for name in databases: {
  name: 'sql-${name}'
  params: {
    location: location
    serverName: server.outputs.name
    name: name
    tags: tags
    zones: zones
    sizes: name == 'inventory' ? sizes.inventory : sizes.others
    poolId: pooled && name != 'inventory' ? pool.id : ''
    workspaceId: workspaceId
  }
}]

module partner 'sql-server.bicep' = if (sizes.failover) {
  name: 'sql-server-2'
  params: {
    location: secondLocation
    name: 'sql-${token}-2'
    tags: tags
    isPrivate: isPrivate
    administratorId: administratorId
    administratorName: administratorName
    administratorType: administratorType
    appSubnetId: appSubnetId
    deployerAddress: deployerAddress
  }
}

// Money moves in these databases: a person decides when a region is given up.
resource group 'Microsoft.Sql/servers/failoverGroups@2025-01-01' = if (sizes.failover) {
  name: '${serverName}/${groupName}'
  dependsOn: [server]
  properties: {
    readWriteEndpoint: { failoverPolicy: 'Manual' }
    readOnlyEndpoint: { failoverPolicy: 'Disabled' }
    partnerServers: [{ id: partner!.outputs.id }]
    databases: [for (name, i) in databases: database[i].outputs.id]
  }
}

output id string = server.outputs.id
output partnerId string = sizes.failover ? partner!.outputs.id : ''

@description('What connections are made to: the failover group, where there is one.')
output host string = sizes.failover ? '${groupName}${environment().suffixes.sqlServerHostname}' : server.outputs.host
