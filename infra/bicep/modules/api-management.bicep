// The gateway: three APIs of one OpenAPI document (the shop's, the administrators', the webhooks of
// third parties), each in a product of its own, with its policy and a backend that opens its circuit
// when the app fails.
param location string
param token string
param tags object
param isPrivate bool

@description('sku, units')
param sizes object

@description('Disabled only once Front Door\'s private endpoint is approved.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string
param subnetId string
param identityId string
param identityClientId string
param publisherName string
param publisherAddress string
param appName string
param appOrigin string
param publicOrigin string
param frontDoorId string
param issuer string
param audience string
param insightsId string
param insightsConnection string
param workspaceId string

// python3 dev.py openapi writes the documents, before each deployment and before each test.
var apis = [
  {
    name: 'shop'
    title: 'Shop'
    path: 'api'
    description: 'Books, carts, checkouts and orders.'
    document: loadJsonContent('../../apim/openapi/shop.json')
    policy: loadTextContent('../../apim/policies/shop.xml')
  }
  {
    name: 'admin'
    title: 'Administration'
    path: 'api/v1/admin'
    description: 'The catalogue, stock, imports and refunds; each call needs a role.'
    document: loadJsonContent('../../apim/openapi/admin.json')
    policy: loadTextContent('../../apim/policies/admin.xml')
  }
  {
    name: 'webhooks'
    title: 'Webhooks'
    path: 'api/v1/webhooks'
    description: 'What Stripe and the carrier call, signed by them.'
    document: loadJsonContent('../../apim/openapi/webhooks.json')
    policy: loadTextContent('../../apim/policies/webhooks.xml')
  }
]
var plainValues = {
  'auth-issuer': issuer
  'auth-audience': audience
  'front-door-id': frontDoorId
  'public-origin': publicOrigin
}

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' = {
  // checkov:skip=CKV_AZURE_107:the private sizes are in the network; Basic v2 of dev cannot be
  // checkov:skip=CKV_AZURE_174:Disabled is refused before Front Door's endpoint is approved; a hook does both
  name: 'apim-${token}'
  location: location
  tags: tags
  sku: { name: sizes.sku, capacity: sizes.units }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    publisherName: publisherName
    publisherEmail: publisherAddress
    publicNetworkAccess: isPrivate ? publicNetworkAccess : 'Enabled'
    virtualNetworkType: isPrivate ? 'External' : 'None'
    virtualNetworkConfiguration: isPrivate ? { subnetResourceId: subnetId } : null
    customProperties: {
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols.Tls10': 'false'
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols.Tls11': 'false'
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Protocols.Ssl30': 'false'
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls10': 'false'
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Tls11': 'false'
      'Microsoft.WindowsAzure.ApiManagement.Gateway.Security.Backend.Protocols.Ssl30': 'false'
    }
  }
}

resource values 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = [for item in items(plainValues): {
  parent: service
  name: item.key
  properties: {
    displayName: item.key
    value: item.value
    secret: false
  }
}]

// Where the network does not keep others from the app, its host key does. Azure makes it; it goes
// from there into API Management, and nowhere else.
resource functionKey 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = if (!isPrivate) {
  parent: service
  name: 'function-key'
  properties: {
    displayName: 'function-key'
    secret: true
    value: listKeys('${app.id}/host/default', '2025-03-01').functionKeys.default
  }
}

resource backends 'Microsoft.ApiManagement/service/backends@2024-05-01' = [for api in apis: {
  parent: service
  name: api.name
  dependsOn: [functionKey]
  properties: {
    title: api.title
    protocol: 'http'
    url: '${appOrigin}/${api.path}'
    credentials: isPrivate ? {} : { header: { 'x-functions-key': ['{{function-key}}'] } }
    tls: { validateCertificateChain: true, validateCertificateName: true }
    circuitBreaker: {
      rules: [
        {
          name: 'failing'
          failureCondition: {
            count: 20
            interval: 'PT30S'
            statusCodeRanges: [{ min: 502, max: 504 }]
            errorReasons: ['Timeout', 'BackendConnectionFailure']
          }
          tripDuration: 'PT15S'
          acceptRetryAfter: true
        }
      ]
    }
  }
}]

resource everywhere 'Microsoft.ApiManagement/service/policies@2024-05-01' = {
  parent: service
  name: 'policy'
  dependsOn: [values]
  properties: {
    format: 'xml'
    value: loadTextContent('../../apim/policies/all.xml')
  }
}

resource imported 'Microsoft.ApiManagement/service/apis@2024-05-01' = [for api in apis: {
  parent: service
  name: api.name
  properties: {
    displayName: api.title
    description: api.description
    path: api.path
    protocols: ['https']
    subscriptionRequired: false
    format: 'openapi+json'
    value: string(api.document)
  }
}]

resource policies 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = [for (api, i) in apis: {
  parent: imported[i]
  name: 'policy'
  dependsOn: [values, backends]
  properties: {
    format: 'xml'
    value: api.policy
  }
}]

resource products 'Microsoft.ApiManagement/service/products@2024-05-01' = [for api in apis: {
  parent: service
  name: api.name
  properties: {
    displayName: api.title
    description: api.description
    subscriptionRequired: false
    state: 'published'
  }
}]

resource offered 'Microsoft.ApiManagement/service/products/apis@2024-05-01' = [for (api, i) in apis: {
  parent: products[i]
  name: api.name
  dependsOn: [imported]
}]

// A guest's link opens his order by what stands in its query; no log shows one.
var withoutQueries = {
  request: { dataMasking: { queryParams: [{ mode: 'Hide', value: '*' }] } }
}

resource logger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: 'insights'
  properties: {
    loggerType: 'applicationInsights'
    resourceId: insightsId
    credentials: { connectionString: insightsConnection, identityClientId: identityClientId }
  }
}

resource traces 'Microsoft.ApiManagement/service/diagnostics@2024-05-01' = {
  parent: service
  name: 'applicationinsights'
  properties: {
    loggerId: logger.id
    alwaysLog: 'allErrors'
    httpCorrelationProtocol: 'W3C'
    verbosity: 'error'
    metrics: true
    sampling: { samplingType: 'fixed', percentage: 10 }
    frontend: withoutQueries
    backend: withoutQueries
  }
}

resource logLogger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: 'azuremonitor'
  properties: { loggerType: 'azureMonitor' }
}

resource logged 'Microsoft.ApiManagement/service/diagnostics@2024-05-01' = {
  parent: service
  name: 'azuremonitor'
  properties: {
    loggerId: logLogger.id
    alwaysLog: 'allErrors'
    verbosity: 'error'
    sampling: { samplingType: 'fixed', percentage: 100 }
    frontend: withoutQueries
    backend: withoutQueries
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: service
  name: 'gateway'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'GatewayLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = service.id
output name string = service.name
output host string = replace(service.properties.gatewayUrl, 'https://', '')
