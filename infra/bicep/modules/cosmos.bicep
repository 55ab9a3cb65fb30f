// Carts. One region takes writes in every size: a cart's ETag guards it within a region, and two
// that write would lose a line where the same cart is changed in both.
param location string
param secondLocation string
param token string
param tags object
param isPrivate bool
param zones bool

@description('serverless, or the most request units a second')
param sizes object
param appSubnetId string
param deployerAddress string

var home = { locationName: location, failoverPriority: 0, isZoneRedundant: zones }
var away = { locationName: secondLocation, failoverPriority: 1, isZoneRedundant: false }

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' = {
  // checkov:skip=CKV_AZURE_101:Disabled in the private sizes; in dev a firewall lets in the app and the deployer
  name: 'cosmos-${token}'
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    locations: sizes.serverless ? [home] : [home, away]
    enableMultipleWriteLocations: false
    enableAutomaticFailover: !sizes.serverless
    consistencyPolicy: { defaultConsistencyLevel: 'Session' }
    capabilities: sizes.serverless ? [{ name: 'EnableServerless' }] : []
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAclBypass: 'None'
    isVirtualNetworkFilterEnabled: !isPrivate
    virtualNetworkRules: isPrivate ? [] : [{ id: appSubnetId, ignoreMissingVNetServiceEndpoint: false }]
    ipRules: isPrivate || empty(deployerAddress) ? [] : [{ ipAddressOrRange: deployerAddress }]
    backupPolicy: {
      type: 'Continuous'
      continuousModeProperties: { tier: 'Continuous7Days' }
    }
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-04-15' = {
  parent: account
  name: 'bookstore'
  properties: {
    resource: { id: 'bookstore' }
  }
}

resource carts 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-04-15' = {
  parent: database
  name: 'carts'
  properties: {
    resource: {
      id: 'carts'
      partitionKey: { paths: ['/id'], kind: 'Hash', version: 2 }
      // On, without a default: each cart carries its own.
      defaultTtl: -1
      // Carts are read by their id alone.
      indexingPolicy: {
        indexingMode: 'consistent'
        automatic: true
        includedPaths: []
        excludedPaths: [{ path: '/*' }]
      }
    }
    options: sizes.serverless ? {} : { autoscaleSettings: { maxThroughput: sizes.most } }
  }
}

output id string = account.id
output name string = account.name
output endpoint string = account.properties.documentEndpoint
output database string = database.name
output container string = carts.name
output regions string = sizes.serverless ? location : '${location},${secondLocation}'
