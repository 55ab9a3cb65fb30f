// The app, on Flex Consumption.
param location string
param token string
param tags object
param isPrivate bool
param zones bool

@description('memoryMB, the most instances, alwaysReady')
param sizes object
param subnetId string
param workspaceId string

@description('Of identities.bicep: appId, appClientId, logins.')
param identityId string
param identityClientId string
param logins object
param hostStorageName string
param deployments string

@description('Every setting of shared/config that holds no secret and no address of another module.')
param shop object
param insightsConnection string
param traceShare string
param sqlHost string
param cosmosEndpoint string
param cosmosDatabase string
param cosmosRegions string
param serviceBusHost string
param blobEndpoint string
param mailEndpoint string
param mailSender string

@description('Empty where there is no Redis; then each instance keeps its own cache.')
param redisUrl string

@description('Empty where the sagas are kept in the host\'s storage.')
param schedulerConnection string
param otlpEndpoint string
param publicBaseUrl string
param vaultUri string

var hub = 'shop'
var database = 'mssql+pyodbc://@${sqlHost}:1433/'
var signIn = '?driver=ODBC+Driver+18+for+SQL+Server&Encrypt=yes&authentication=ActiveDirectoryMsi&UID='
var secret = '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/'

var settings = {
  // The host's own
  AzureWebJobsStorage__accountName: hostStorageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AzureFunctionsJobHost__extensions__durableTask__hubName: hub
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_THREADPOOL_THREAD_COUNT: '16'
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  AZURE_CLIENT_ID: identityClientId
  OTEL_SERVICE_NAME: 'bookstore'
  OTEL_TRACES_SAMPLER: 'parentbased_traceidratio'
  OTEL_TRACES_SAMPLER_ARG: traceShare
  // The shop's, as shared/config names them
  PUBLIC_BASE_URL: publicBaseUrl
  CDN_BASE_URL: '${publicBaseUrl}/cdn'
  SHOP_CURRENCY: shop.currency
  SHOP_SENDER: string(shop.sender)
  SHOP_FUNCTION_KEYS: isPrivate ? 'off' : 'required'
  SHOP_SECRET: '${secret}shop-secret)'
  AUTH_ISSUER: shop.issuer
  AUTH_AUDIENCE: shop.audience
  AUTH_CLIENT_ID: shop.clientId
  AUTH_SCOPE: shop.scope
  SQL_INVENTORY: '${database}inventory${signIn}${logins.inventory.clientId}'
  SQL_PAYMENTS: '${database}payments${signIn}${logins.payments.clientId}'
  SQL_SHIPPING: '${database}shipping${signIn}${logins.shipping.clientId}'
  SQL_ORDERS: '${database}orders${signIn}${logins.orders.clientId}'
  SQL_NOTIFICATIONS: '${database}notifications${signIn}${logins.notifications.clientId}'
  CosmosConnection__accountEndpoint: cosmosEndpoint
  COSMOS_DATABASE: cosmosDatabase
  COSMOS_REGIONS: cosmosRegions
  ServiceBusConnection__fullyQualifiedNamespace: serviceBusHost
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: identityClientId
  BlobConnection__blobServiceUri: blobEndpoint
  STRIPE_SECRET_KEY: '${secret}stripe-secret-key)'
  STRIPE_PUBLISHABLE_KEY: shop.stripePublishableKey
  STRIPE_WEBHOOK_SECRET: '${secret}stripe-webhook-secret)'
  EASYPOST_API_KEY: '${secret}easypost-api-key)'
  EASYPOST_WEBHOOK_SECRET: '${secret}easypost-webhook-secret)'
  MAIL_ENDPOINT: mailEndpoint
  MAIL_FROM: mailSender
  MAIL_REPLY_TO: shop.mailReplyTo
  MAIL_STAFF: shop.mailStaff
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnection
}
var replica = isPrivate ? { SQL_INVENTORY_READ: '${database}inventory${signIn}${logins.inventory.clientId}&ApplicationIntent=ReadOnly' } : {}
var cache = empty(redisUrl) ? {} : { REDIS_URL: redisUrl }
var collector = empty(otlpEndpoint) ? {} : {
  OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint
  OTEL_EXPORTER_OTLP_HEADERS: '${secret}otlp-headers)'
}
var sagas = empty(schedulerConnection) ? {
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__maxQueuePollingInterval: '00:00:05'
} : {
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'azureManaged'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: '${schedulerConnection};TaskHub=${hub};Authentication=ManagedIdentity;ClientID=${identityClientId}'
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  // checkov:skip=CKV_AZURE_212:Flex Consumption adds instances by itself and has no number of workers
  // checkov:skip=CKV_AZURE_225:the private sizes are zone redundant; dev is the cheapest that runs
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: {
    reserved: true
    zoneRedundant: zones
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  // checkov:skip=CKV_AZURE_17:API Management signs in by network or key; a client certificate ends HTTP/2
  // checkov:skip=CKV_AZURE_212:Flex Consumption adds instances by itself and has no number of workers
  // checkov:skip=CKV_AZURE_222:Disabled in the private sizes; in dev a host key keeps others out
  name: 'func-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'shop' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
      '${logins.inventory.id}': {}
      '${logins.payments.id}': {}
      '${logins.shipping.id}': {}
      '${logins.orders.id}': {}
      '${logins.notifications.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    virtualNetworkSubnetId: subnetId
    keyVaultReferenceIdentity: identityId
    clientAffinityEnabled: false
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deployments
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: { name: 'python', version: '3.13' }
      scaleAndConcurrency: {
        instanceMemoryMB: sizes.memoryMB
        maximumInstanceCount: sizes.most
        alwaysReady: sizes.alwaysReady
        triggers: { http: { perInstanceConcurrency: 16 } }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ftpsState: 'Disabled'
      remoteDebuggingEnabled: false
      healthCheckPath: '/api/health/live'
      appSettings: [for setting in items(union(settings, replica, cache, collector, sagas)): {
        name: setting.key
        value: setting.value
      }]
    }
  }
}

resource noFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource metrics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: app
  name: 'metrics'
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = app.id
output name string = app.name
output origin string = 'https://${app.properties.defaultHostName}'
