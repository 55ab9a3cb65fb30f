// The whole shop in one subscription: this file puts the modules together, and does nothing else.
// What the sizes are stands in sizes.json; docs/sizes.md says what each costs and holds.
targetScope = 'subscription'

@minLength(1)
@maxLength(20)
@description('Tells deployments in one subscription apart: dev, prod.')
param environmentName string

@description('The region of everything that has one.')
param location string

@description('The region that takes over: the second one of carts, and of SQL in the size scale.')
param secondLocation string

@allowed(['dev', 'standard', 'scale'])
@description('dev: the cheapest that runs, with public addresses. standard, scale: private.')
param size string = 'dev'

@description('Who deploys, and may fill the vaults and send the web shop\'s files.')
param deployerId string

@allowed(['User', 'ServicePrincipal'])
param deployerType string = 'User'

@description('A group of Entra that administers SQL, with all who deploy in it; empty: who deploys.')
param administratorId string = ''
param administratorName string

@description('In dev, the one address beside the app\'s network that the firewalls let in.')
param deployerAddress string = ''

@description('Where alerts and the budget\'s warnings go.')
param operatorAddresses array

@description('currency, issuer, audience, clientId, scope, sender, stripePublishableKey, mailReplyTo, mailStaff: docs/operations.md')
param shop object

@description('Where mails and their addressees are kept: Europe, UK, United States and so on.')
param mailDataLocation string

@description('The shop\'s own domain, https://..., once Front Door serves it; empty for Front Door\'s name.')
param publicBaseUrl string = ''

@description('An OTLP collector, such as https://api.honeycomb.io; empty for none.')
param otlpEndpoint string = ''

@description('In the subscription\'s currency, a month.')
param budget int

@description('The first day of the month in which the budget is made, such as 2026-12-01; it stays.')
param budgetStart string

@allowed(['Enabled', 'Disabled'])
@description('Set to Disabled, by a hook, once Front Door\'s private endpoint is approved.')
param gatewayPublicAccess string = 'Enabled'

@description('owner/name on GitHub, for the runner inside the network of the private sizes.')
param runnerRepository string = ''
param runnerPublicKey string = ''
param runnerVersion string = ''
param runnerDigest string = ''

var sizes = loadJsonContent('sizes.json')
var chosen = sizes[size]
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var frontOrigin = empty(publicBaseUrl) ? frontDoor.outputs.origin : publicBaseUrl
var knownSecrets = ['shop-secret', 'stripe-secret-key', 'stripe-webhook-secret', 'easypost-api-key', 'easypost-webhook-secret']
var secrets = empty(otlpEndpoint) ? knownSecrets : concat(knownSecrets, ['otlp-headers'])

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identities 'modules/identities.bicep' = {
  scope: group
  name: 'identities'
  params: {
    location: location
    token: token
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  name: 'monitoring'
  params: {
    location: location
    token: token
    tags: tags
    logs: chosen.logs
  }
}

module network 'modules/network.bicep' = {
  scope: group
  name: 'network'
  params: {
    location: location
    token: token
    tags: tags
    isPrivate: chosen.private
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  name: 'storage'
  params: {
    location: location
    token: token
    tags: tags
    sku: chosen.storageSku
    isPrivate: chosen.private
    publicOrigin: frontOrigin
    appSubnetId: network.outputs.appSubnetId
    deployerAddress: deployerAddress
  }
}

module vault 'modules/key-vault.bicep' = {
  scope: group
  name: 'vault'
  params: {
    location: location
    name: 'kv-${token}'
    tags: tags
    publicNetworkAccess: chosen.private ? 'Disabled' : 'Enabled'
    subnetIds: chosen.private ? [] : [network.outputs.appSubnetId]
    deployerAddress: chosen.private ? '' : deployerAddress
    workspaceId: monitoring.outputs.workspaceId
  }
}

module sql 'modules/sql.bicep' = {
  scope: group
  name: 'sql'
  params: {
    location: location
    secondLocation: secondLocation
    token: token
    tags: tags
    isPrivate: chosen.private
    zones: chosen.zones
    databases: identities.outputs.databases
    sizes: chosen.sql
    administratorId: empty(administratorId) ? deployerId : administratorId
    administratorName: administratorName
    administratorType: !empty(administratorId) ? 'Group' : deployerType == 'User' ? 'User' : 'Application'
    appSubnetId: network.outputs.appSubnetId
    deployerAddress: deployerAddress
    workspaceId: monitoring.outputs.workspaceId
  }
}

module cosmos 'modules/cosmos.bicep' = {
  scope: group
  name: 'cosmos'
  params: {
    location: location
    secondLocation: secondLocation
    token: token
    tags: tags
    isPrivate: chosen.private
    zones: chosen.zones
    sizes: chosen.cosmos
    appSubnetId: network.outputs.appSubnetId
    deployerAddress: deployerAddress
  }
}

module serviceBus 'modules/service-bus.bicep' = {
  scope: group
  name: 'service-bus'
  params: {
    location: location
    token: token
    tags: tags
    isPrivate: chosen.private
    sizes: chosen.serviceBus
    workspaceId: monitoring.outputs.workspaceId
  }
}

module redis 'modules/redis.bicep' = if (chosen.redis != null) {
  scope: group
  name: 'redis'
  params: {
    location: location
    token: token
    tags: tags
    sku: chosen.redis ?? ''
  }
}

module scheduler 'modules/scheduler.bicep' = if (chosen.durable != null) {
  scope: group
  name: 'scheduler'
  params: {
    location: location
    token: token
    tags: tags
    sizes: chosen.durable ?? {}
  }
}

module mail 'modules/mail.bicep' = {
  scope: group
  name: 'mail'
  params: {
    token: token
    tags: tags
    dataLocation: mailDataLocation
  }
}

module events 'modules/events.bicep' = {
  scope: group
  name: 'events'
  params: {
    location: location
    token: token
    tags: tags
    mediaId: storage.outputs.mediaId
  }
}

module mediaEvents 'modules/media-events.bicep' = {
  scope: group
  name: 'media-events'
  dependsOn: [roles]
  params: {
    topicName: events.outputs.name
    queueId: serviceBus.outputs.mediaQueueId
  }
}

module frontDoor 'modules/front-door.bicep' = {
  scope: group
  name: 'front-door'
  params: {
    token: token
    tags: tags
    sku: chosen.frontDoor
    workspaceId: monitoring.outputs.workspaceId
  }
}

// After the roles and the private ways: a host that cannot read its storage does not start.
module app 'modules/function-app.bicep' = {
  scope: group
  name: 'app'
  dependsOn: [roles, ways]
  params: {
    location: location
    token: token
    tags: tags
    isPrivate: chosen.private
    zones: chosen.zones
    sizes: chosen.app
    subnetId: network.outputs.appSubnetId
    workspaceId: monitoring.outputs.workspaceId
    identityId: identities.outputs.appId
    identityClientId: identities.outputs.appClientId
    logins: identities.outputs.logins
    hostStorageName: storage.outputs.hostName
    deployments: storage.outputs.deployments
    shop: shop
    insightsConnection: monitoring.outputs.insightsConnection
    traceShare: chosen.logs.traceShare
    sqlHost: sql.outputs.host
    cosmosEndpoint: cosmos.outputs.endpoint
    cosmosDatabase: cosmos.outputs.database
    cosmosRegions: cosmos.outputs.regions
    serviceBusHost: serviceBus.outputs.host
    blobEndpoint: storage.outputs.mediaEndpoint
    mailEndpoint: mail.outputs.endpoint
    mailSender: mail.outputs.sender
    redisUrl: chosen.redis == null ? '' : 'rediss://${identities.outputs.appPrincipalId}@${redis!.outputs.address}'
    schedulerConnection: chosen.durable == null ? '' : 'Endpoint=${scheduler!.outputs.endpoint}'
    otlpEndpoint: otlpEndpoint
    publicBaseUrl: frontOrigin
    vaultUri: vault.outputs.uri
  }
}

module gateway 'modules/api-management.bicep' = {
  scope: group
  name: 'gateway'
  params: {
    location: location
    token: token
    tags: tags
    isPrivate: chosen.private
    sizes: chosen.gateway
    publicNetworkAccess: gatewayPublicAccess
    subnetId: network.outputs.gatewaySubnetId
    identityId: identities.outputs.gatewayId
    identityClientId: identities.outputs.gatewayClientId
    publisherName: 'Bookstore'
    publisherAddress: operatorAddresses[0]
    appName: app.outputs.name
    appOrigin: app.outputs.origin
    publicOrigin: frontOrigin
    frontDoorId: frontDoor.outputs.frontDoorId
    issuer: shop.issuer
    audience: shop.audience
    insightsId: monitoring.outputs.insightsId
    insightsConnection: monitoring.outputs.insightsConnection
    workspaceId: monitoring.outputs.workspaceId
  }
}

module routes 'modules/front-door-routes.bicep' = {
  scope: group
  name: 'routes'
  params: {
    location: location
    token: token
    tags: tags
    sku: chosen.frontDoor
    profileName: frontDoor.outputs.name
    endpointName: frontDoor.outputs.endpointName
    mediaHost: replace(replace(storage.outputs.mediaEndpoint, 'https://', ''), '/', '')
    gatewayHost: gateway.outputs.host
    gatewayId: gateway.outputs.id
    publicOrigin: frontOrigin
    ownDomain: replace(publicBaseUrl, 'https://', '')
    issuer: shop.issuer
  }
}

var everyWay = [
  { name: 'host-blob', id: storage.outputs.hostId, group: 'blob' }
  { name: 'host-queue', id: storage.outputs.hostId, group: 'queue' }
  { name: 'host-table', id: storage.outputs.hostId, group: 'table' }
  { name: 'media', id: storage.outputs.mediaId, group: 'blob' }
  { name: 'sql', id: sql.outputs.id, group: 'sqlServer' }
  { name: 'cosmos', id: cosmos.outputs.id, group: 'Sql' }
  { name: 'service-bus', id: serviceBus.outputs.id, group: 'namespace' }
  { name: 'vault', id: vault.outputs.id, group: 'vault' }
  { name: 'runner-vault', id: runnerVault!.outputs.id, group: 'vault' }
  { name: 'redis', id: redis!.outputs.id, group: 'redisEnterprise' }
  { name: 'scheduler', id: scheduler!.outputs.id, group: 'scheduler' }
]
var secondWay = [{ name: 'sql-2', id: sql.outputs.partnerId, group: 'sqlServer' }]
var ownGroups = ['blob', 'queue', 'table', 'sqlServer', 'Sql', 'namespace', 'redisEnterprise', 'vault', 'scheduler']

module ways 'modules/private-endpoints.bicep' = if (chosen.private) {
  scope: group
  name: 'private-endpoints'
  params: {
    location: location
    tags: tags
    subnetId: network.outputs.endpointSubnetId
    networkId: network.outputs.id
    groups: ownGroups
    endpoints: concat(everyWay, chosen.sql.failover ? secondWay : [])
  }
}

module wayToApp 'modules/private-endpoints.bicep' = if (chosen.private) {
  scope: group
  name: 'private-endpoint-of-the-app'
  params: {
    location: location
    tags: tags
    subnetId: network.outputs.endpointSubnetId
    networkId: network.outputs.id
    groups: ['sites']
    endpoints: [{ name: 'app', id: app.outputs.id, group: 'sites' }]
  }
}

module runnerVault 'modules/key-vault.bicep' = if (chosen.private) {
  scope: group
  name: 'runner-vault'
  params: {
    location: location
    name: 'kvr-${token}'
    tags: tags
    publicNetworkAccess: 'Disabled'
    subnetIds: []
    deployerAddress: ''
    workspaceId: monitoring.outputs.workspaceId
  }
}

module runner 'modules/runner.bicep' = if (chosen.private) {
  scope: group
  name: 'runner'
  params: {
    location: location
    token: token
    tags: tags
    subnetId: network.outputs.runnerSubnetId
    vaultUri: runnerVault!.outputs.uri
    repository: runnerRepository
    publicKey: runnerPublicKey
    version: runnerVersion
    digest: runnerDigest
  }
}

module roles 'modules/roles.bicep' = {
  scope: group
  name: 'roles'
  params: {
    appPrincipalId: identities.outputs.appPrincipalId
    frontDoorPrincipalId: frontDoor.outputs.principalId
    eventsPrincipalId: events.outputs.principalId
    gatewayPrincipalId: identities.outputs.gatewayPrincipalId
    deployerId: deployerId
    deployerType: deployerType
    runnerPrincipalId: chosen.private ? runner!.outputs.principalId : ''
    runnerVaultName: chosen.private ? runnerVault!.outputs.name : ''
    hostStorageName: storage.outputs.hostName
    mediaStorageName: storage.outputs.mediaName
    serviceBusName: serviceBus.outputs.name
    cosmosName: cosmos.outputs.name
    vaultName: vault.outputs.name
    communicationName: mail.outputs.name
    insightsName: monitoring.outputs.insightsName
    redisName: chosen.redis == null ? '' : redis!.outputs.name
    schedulerName: chosen.durable == null ? '' : scheduler!.outputs.name
  }
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  name: 'alerts'
  params: {
    location: location
    token: token
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    serviceBusId: serviceBus.outputs.id
    gatewayId: gateway.outputs.id
    frontDoorProfileId: frontDoor.outputs.id
    addresses: operatorAddresses
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  name: 'workbook'
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
  }
}

module spending 'modules/budget.bicep' = {
  scope: group
  name: 'spending'
  params: {
    token: token
    amount: budget
    startDate: budgetStart
    addresses: operatorAddresses
  }
}

// What azd and the hooks of the deployment need to know; nothing of it opens anything.
output AZURE_RESOURCE_GROUP string = group.name
output SHOP_SIZE string = size
output SHOP_IS_PRIVATE bool = chosen.private
output PUBLIC_BASE_URL string = frontOrigin
output PUBLIC_DOMAIN_PROOF string = routes.outputs.domainProof
output FRONT_DOOR_HOST string = replace(frontDoor.outputs.origin, 'https://', '')
output FUNCTION_APP_NAME string = app.outputs.name
output APP_ORIGIN string = app.outputs.origin
output API_MANAGEMENT_NAME string = gateway.outputs.name
output GATEWAY_ORIGIN string = 'https://${gateway.outputs.host}'
output MEDIA_ACCOUNT_NAME string = storage.outputs.mediaName
output KEY_VAULT_NAME string = vault.outputs.name
output RUNNER_VAULT_NAME string = chosen.private ? runnerVault!.outputs.name : ''
output NEEDED_SECRETS array = secrets
output SQL_SERVER_HOST string = sql.outputs.host
output SQL_LOGINS object = identities.outputs.logins
