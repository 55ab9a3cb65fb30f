// Secrets of third parties. Their values never pass through a template: the deployment's hooks put
// them in, by the names that `secrets` in main.bicep lists.
param location string
param name string
param tags object

@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string
param subnetIds array
param deployerAddress string
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  // checkov:skip=CKV_AZURE_189:main.bicep says Disabled in the private sizes; dev has a firewall
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      defaultAction: 'Deny'
      bypass: 'None'
      virtualNetworkRules: [for id in subnetIds: { id: id }]
      ipRules: empty(deployerAddress) ? [] : [{ value: deployerAddress }]
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
