// Two accounts: what the host and its deployments need, and the shop's media.
param location string
param token string
param tags object
param sku string
param isPrivate bool

@description('Where the back office is, whose pages send feeds of books to signed addresses.')
param publicOrigin string
param appSubnetId string
param deployerAddress string

var mediaContainers = ['public', 'uploads', 'imports', 'storefront']
var deployer = empty(deployerAddress) ? [] : [{ value: deployerAddress, action: 'Allow' }]

resource host 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  // checkov:skip=CKV_AZURE_43:it is sthost and 13 letters and digits of uniqueString
  // checkov:skip=CKV_AZURE_206:LRS in the size dev alone, where nothing is kept that matters
  name: 'sthost${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'AzureServices'
      virtualNetworkRules: isPrivate ? [] : [{ id: appSubnetId, action: 'Allow' }]
      ipRules: deployer
    }
  }
}

resource hostBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: host
  name: 'default'
}

resource deployments 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: hostBlobs
  name: 'deployments'
  properties: { publicAccess: 'None' }
}

// Front Door reads from it, and booksellers put files into it by addresses that are signed for
// minutes, both over the internet. So its address is public in every size; without an identity of
// Entra, or such an address, it answers nobody.
resource media 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  // checkov:skip=CKV_AZURE_35:Front Door has no fixed addresses that a firewall could name
  // checkov:skip=CKV_AZURE_43:it is stmedia and 13 letters and digits of uniqueString
  // checkov:skip=CKV_AZURE_59:Front Door and signed uploads come over the internet, by identity
  // checkov:skip=CKV_AZURE_206:LRS in the size dev alone, where nothing is kept that matters
  name: 'stmedia${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    publicNetworkAccess: 'Enabled'
    networkAcls: { defaultAction: 'Allow', bypass: 'AzureServices' }
  }
}

resource mediaBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: media
  name: 'default'
  properties: {
    isVersioningEnabled: true
    cors: {
      corsRules: [
        {
          allowedOrigins: [publicOrigin]
          allowedMethods: ['PUT']
          allowedHeaders: ['content-type', 'x-ms-*']
          exposedHeaders: []
          maxAgeInSeconds: 600
        }
      ]
    }
    deleteRetentionPolicy: { enabled: true, days: 14 }
    containerDeleteRetentionPolicy: { enabled: true, days: 14 }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [for name in mediaContainers: {
  parent: mediaBlobs
  name: name
  properties: { publicAccess: 'None' }
}]

resource tidying 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: media
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'forget-old-versions-and-imports'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'] }
            actions: { version: { delete: { daysAfterCreationGreaterThan: 30 } } }
          }
        }
      ]
    }
  }
}

output hostId string = host.id
output hostName string = host.name
output deployments string = '${host.properties.primaryEndpoints.blob}${deployments.name}'
output mediaId string = media.id
output mediaName string = media.name
output mediaEndpoint string = media.properties.primaryEndpoints.blob
