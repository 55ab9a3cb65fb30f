// Who may do what, all of it: the least that works. The rights inside the SQL databases are none of
// Azure's roles; a hook of the deployment grants them.
param appPrincipalId string
param frontDoorPrincipalId string
param eventsPrincipalId string
param gatewayPrincipalId string
param deployerId string
param deployerType string

@description('Empty in dev, which has no runner.')
param runnerPrincipalId string
param runnerVaultName string
param hostStorageName string
param mediaStorageName string
param serviceBusName string
param cosmosName string
param vaultName string
param communicationName string
param insightsName string

@description('Empty where there is none.')
param redisName string
param schedulerName string

var roles = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  blobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  blobDelegator: 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  serviceBusSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
  serviceBusReceiver: '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
  durableTaskContributor: '0ad04412-c4d5-4796-b79c-f76d14c8d402'
  secretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
  secretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  emailOwner: '09976791-48a7-449e-bb21-39d1a415f350'
}
var hostRoles = [roles.blobDataOwner, roles.queueDataContributor, roles.tableDataContributor]
var busRoles = [roles.serviceBusSender, roles.serviceBusReceiver]
var ownContainers = ['public', 'uploads', 'imports']
var shownContainers = ['public', 'storefront']
var publishers = [appPrincipalId, gatewayPrincipalId]
var vaults = empty(runnerVaultName) ? [vaultName] : [vaultName, runnerVaultName]

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

resource mediaStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: mediaStorageName
}

resource mediaBlobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' existing = {
  parent: mediaStorage
  name: 'default'
}

resource ownMedia 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = [for name in ownContainers: {
  parent: mediaBlobs
  name: name
}]

resource shownMedia 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = [for name in shownContainers: {
  parent: mediaBlobs
  name: name
}]

resource storefront 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' existing = {
  parent: mediaBlobs
  name: 'storefront'
}

resource bus 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: serviceBusName
}

resource mediaUploads 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = {
  parent: bus
  name: 'media-uploads'
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' existing = {
  name: cosmosName
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

// What is not there has a name all the same: Azure looks at names before it looks at conditions.
resource runnerVault 'Microsoft.KeyVault/vaults@2024-11-01' existing = if (!empty(runnerVaultName)) {
  name: empty(runnerVaultName) ? 'none' : runnerVaultName
}

resource filledVaults 'Microsoft.KeyVault/vaults@2024-11-01' existing = [for name in vaults: {
  name: name
}]

resource communication 'Microsoft.Communication/communicationServices@2025-05-01' existing = {
  name: communicationName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource redis 'Microsoft.Cache/redisEnterprise@2025-07-01' existing = if (!empty(redisName)) {
  name: empty(redisName) ? 'none' : redisName
}

resource cache 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' existing = if (!empty(redisName)) {
  parent: redis
  name: 'default'
}

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' existing = if (!empty(schedulerName)) {
  name: empty(schedulerName) ? 'none' : schedulerName
}

resource sagas 'Microsoft.DurableTask/schedulers/taskHubs@2026-02-01' existing = if (!empty(schedulerName)) {
  parent: scheduler
  name: 'shop'
}

// The host: its keys, leases and packages, its diagnostics, and the sagas where they are kept there.
resource appAtHost 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in hostRoles: {
  scope: hostStorage
  name: guid(hostStorage.id, appPrincipalId, role)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
  }
}]

resource appAtMedia 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in ownContainers: {
  scope: ownMedia[i]
  name: guid(mediaStorage.id, name, appPrincipalId, roles.blobDataContributor)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}]

// Keys that sign upload addresses are asked of the account.
resource appSigns 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: mediaStorage
  name: guid(mediaStorage.id, appPrincipalId, roles.blobDelegator)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDelegator)
  }
}

resource frontDoorReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in shownContainers: {
  scope: shownMedia[i]
  name: guid(mediaStorage.id, name, frontDoorPrincipalId, roles.blobDataReader)
  properties: {
    principalId: frontDoorPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataReader)
  }
}]

resource deployerWritesPages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storefront
  name: guid(mediaStorage.id, 'storefront', deployerId, roles.blobDataContributor)
  properties: {
    principalId: deployerId
    principalType: deployerType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

resource appAtBus 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in busRoles: {
  scope: bus
  name: guid(bus.id, appPrincipalId, role)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
  }
}]

resource eventsAtQueue 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: mediaUploads
  name: guid(mediaUploads.id, eventsPrincipalId, roles.serviceBusSender)
  properties: {
    principalId: eventsPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusSender)
  }
}

// Cosmos DB's own kind of role; ...0002 reads and writes data and changes nothing else.
resource appAtCarts 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-04-15' = {
  parent: cosmos
  name: guid(cosmos.id, appPrincipalId, 'carts')
  properties: {
    principalId: appPrincipalId
    roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'
    scope: '${cosmos.id}/dbs/bookstore/colls/carts'
  }
}

resource appAtCache 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = if (!empty(redisName)) {
  parent: cache
  name: 'shop'
  properties: {
    accessPolicyName: 'default'
    user: { objectId: appPrincipalId }
  }
}

resource appAtSagas 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(schedulerName)) {
  scope: sagas
  name: guid(sagas.id, appPrincipalId, roles.durableTaskContributor)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.durableTaskContributor)
  }
}

resource appReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, appPrincipalId, roles.secretsUser)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.secretsUser)
  }
}

resource deployerWritesSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (name, i) in vaults: {
  scope: filledVaults[i]
  name: guid(resourceGroup().id, name, deployerId, roles.secretsOfficer)
  properties: {
    principalId: deployerId
    principalType: deployerType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.secretsOfficer)
  }
}]

// The runner finds its registration in a vault of its own, and none of the shop's secrets.
resource runnerReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(runnerVaultName)) {
  scope: runnerVault
  name: guid(runnerVault.id, 'runner', roles.secretsUser)
  properties: {
    principalId: runnerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.secretsUser)
  }
}

resource appSendsMail 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: communication
  name: guid(communication.id, appPrincipalId, roles.emailOwner)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.emailOwner)
  }
}

resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for principal in publishers: {
  scope: insights
  name: guid(insights.id, principal, roles.metricsPublisher)
  properties: {
    principalId: principal
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.metricsPublisher)
  }
}]
