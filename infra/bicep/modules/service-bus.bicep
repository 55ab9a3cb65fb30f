// Every queue, topic, subscription and rule of infra/servicebus.json, which the local host's broker
// reads too.
param location string
param token string
param tags object
param isPrivate bool

@description('sku and, in Premium, units')
param sizes object
param workspaceId string

var declared = loadJsonContent('../../servicebus.json')
var entities = declared.UserConfig.Namespaces[0]

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: 'sb-${token}'
  location: location
  tags: tags
  sku: sizes.sku == 'Premium' ? { name: 'Premium', tier: 'Premium', capacity: sizes.units } : { name: 'Standard', tier: 'Standard' }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

// Event Grid delivers over Microsoft's own network, as a service that is trusted.
resource firewall 'Microsoft.ServiceBus/namespaces/networkRuleSets@2024-01-01' = if (isPrivate) {
  parent: namespace
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: true
  }
}

resource queues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [for queue in entities.Queues: {
  parent: namespace
  name: queue.Name
  properties: {
    deadLetteringOnMessageExpiration: queue.Properties.DeadLetteringOnMessageExpiration
    defaultMessageTimeToLive: queue.Properties.DefaultMessageTimeToLive
    duplicateDetectionHistoryTimeWindow: queue.Properties.DuplicateDetectionHistoryTimeWindow
    lockDuration: queue.Properties.LockDuration
    maxDeliveryCount: queue.Properties.MaxDeliveryCount
    requiresDuplicateDetection: queue.Properties.RequiresDuplicateDetection
    requiresSession: queue.Properties.RequiresSession
  }
}]

module topics 'service-bus-topic.bicep' = [for topic in entities.Topics: {
  name: 'topic-${topic.Name}'
  params: {
    namespaceName: namespace.name
    topic: topic
  }
}]

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'operations'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'OperationalLogs', enabled: true }]
  }
}

output id string = namespace.id
output name string = namespace.name
output host string = '${namespace.name}.servicebus.windows.net'
output mediaQueueId string = resourceId('Microsoft.ServiceBus/namespaces/queues', namespace.name, 'media-uploads')
