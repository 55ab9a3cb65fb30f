// The one public origin. Its address comes first, since the app and API Management must know it;
// front-door-routes.bicep says what it leads to.
param token string
param tags object
param sku string
param workspaceId string

resource profile 'Microsoft.Cdn/profiles@2025-12-01' = {
  name: 'afd-${token}'
  location: 'global'
  tags: tags
  sku: { name: sku }
  identity: { type: 'SystemAssigned' }
  properties: {
    // API Management's own time limit is shorter.
    originResponseTimeoutSeconds: 60
    // A guest's link opens his order by what stands in its query.
    logScrubbing: {
      state: 'Enabled'
      scrubbingRules: [{ matchVariable: 'QueryStringArgNames', selectorMatchOperator: 'EqualsAny', state: 'Enabled' }]
    }
  }
}

resource endpoint 'Microsoft.Cdn/profiles/afdEndpoints@2025-12-01' = {
  parent: profile
  name: 'shop-${token}'
  location: 'global'
  tags: tags
  properties: { enabledState: 'Enabled' }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: profile
  name: 'all'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
  }
}

output id string = profile.id
output name string = profile.name
output endpointName string = endpoint.name
output origin string = 'https://${endpoint.properties.hostName}'
output principalId string = profile.identity.principalId

@description('What Front Door sends as X-Azure-FDID; API Management takes calls from no other.')
output frontDoorId string = profile.properties.frontDoorId
