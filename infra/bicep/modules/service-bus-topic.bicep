// A topic with its subscriptions, as infra/servicebus.json shows it.
param namespaceName string
param topic object

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName
}

resource declared 'Microsoft.ServiceBus/namespaces/topics@2024-01-01' = {
  parent: namespace
  name: topic.Name
  properties: {
    defaultMessageTimeToLive: topic.Properties.DefaultMessageTimeToLive
    duplicateDetectionHistoryTimeWindow: topic.Properties.DuplicateDetectionHistoryTimeWindow
    requiresDuplicateDetection: topic.Properties.RequiresDuplicateDetection
  }
}

module subscriptions 'service-bus-subscription.bicep' = [for subscription in topic.Subscriptions: {
  name: 'subscription-${topic.Name}-${subscription.Name}'
  params: {
    namespaceName: namespaceName
    topicName: declared.name
    subscription: subscription
  }
}]
