// A subscription with its rules, as infra/servicebus.json shows it.
param namespaceName string
param topicName string
param subscription object

resource topic 'Microsoft.ServiceBus/namespaces/topics@2024-01-01' existing = {
  name: '${namespaceName}/${topicName}'
}

resource declared 'Microsoft.ServiceBus/namespaces/topics/subscriptions@2024-01-01' = {
  parent: topic
  name: subscription.Name
  properties: {
    deadLetteringOnMessageExpiration: subscription.Properties.DeadLetteringOnMessageExpiration
    deadLetteringOnFilterEvaluationExceptions: true
    defaultMessageTimeToLive: subscription.Properties.DefaultMessageTimeToLive
    lockDuration: subscription.Properties.LockDuration
    maxDeliveryCount: subscription.Properties.MaxDeliveryCount
    requiresSession: subscription.Properties.RequiresSession
  }
}

// Azure gives each subscription a rule $Default that lets everything pass; the first rule takes its
// place. A subscription without rules keeps it.
resource rules 'Microsoft.ServiceBus/namespaces/topics/subscriptions/rules@2024-01-01' = [for (rule, i) in subscription.?Rules ?? []: {
  parent: declared
  name: i == 0 ? '$Default' : rule.Name
  properties: {
    filterType: 'CorrelationFilter'
    correlationFilter: { label: rule.Properties.CorrelationFilter.Label }
  }
}]
