// A server of Azure SQL, signed in to by Entra alone.
// Its symbols are like no other file's: checkov knows them by name alone, whatever file they are in.
param location string
param name string
param tags object
param isPrivate bool
param administratorId string
param administratorName string
param administratorType string
param appSubnetId string
param deployerAddress string

resource sqlServer 'Microsoft.Sql/servers@2025-01-01' = {
  // checkov:skip=CKV_AZURE_113:Disabled in the private sizes; in dev a firewall lets in the app and the deployer
  name: name
  location: location
  tags: tags
  properties: {
    administrators: {
      administratorType: 'ActiveDirectory'
      azureADOnlyAuthentication: true
      login: administratorName
      sid: administratorId
      tenantId: subscription().tenantId
      principalType: administratorType
    }
    minimalTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

// Who is in `administrators` above counts when the server is made; from then on this does, so that a
// person and a workflow can deploy in turn.
resource sqlAdministrator 'Microsoft.Sql/servers/administrators@2025-01-01' = {
  parent: sqlServer
  name: 'ActiveDirectory'
  properties: {
    administratorType: 'ActiveDirectory'
    login: administratorName
    sid: administratorId
    tenantId: subscription().tenantId
  }
}

resource serverAudited 'Microsoft.Sql/servers/auditingSettings@2025-01-01' = {
  parent: sqlServer
  name: 'default'
  properties: {
    state: 'Enabled'
    isAzureMonitorTargetEnabled: true
    retentionDays: 90
  }
}

resource serverWatched 'Microsoft.Sql/servers/securityAlertPolicies@2025-01-01' = {
  parent: sqlServer
  name: 'Default'
  properties: {
    state: 'Enabled'
    emailAccountAdmins: true
  }
}

resource fromApp 'Microsoft.Sql/servers/virtualNetworkRules@2025-01-01' = if (!isPrivate) {
  parent: sqlServer
  name: 'app'
  properties: { virtualNetworkSubnetId: appSubnetId }
}

resource fromDeployer 'Microsoft.Sql/servers/firewallRules@2025-01-01' = if (!isPrivate && !empty(deployerAddress)) {
  parent: sqlServer
  name: 'deployer'
  properties: {
    startIpAddress: deployerAddress
    endIpAddress: deployerAddress
  }
}

output id string = sqlServer.id
output name string = sqlServer.name
output host string = sqlServer.properties.fullyQualifiedDomainName
