// What wakes an operator; docs/operations.md says what to do about each.
param location string
param token string
param tags object
param workspaceId string
param serviceBusId string
param gatewayId string
param frontDoorProfileId string
param addresses array

var searches = [
  {
    name: 'slow'
    title: 'Shoppers wait: p95 above a second'
    severity: 2
    query: loadTextContent('../queries/slow.kql')
    window: 'PT15M'
  }
  {
    name: 'saga-failures'
    title: 'Checkouts or cancellations do not get on'
    severity: 1
    query: loadTextContent('../queries/saga-failures.kql')
    window: 'PT15M'
  }
  {
    name: 'payment-mismatch'
    title: 'Stripe and the ledger differ'
    severity: 0
    query: loadTextContent('../queries/payment-mismatch.kql')
    window: 'PT1H'
  }
  {
    name: 'needs-a-person'
    title: 'Something that no retry can mend'
    severity: 1
    query: loadTextContent('../queries/needs-a-person.kql')
    window: 'PT1H'
  }
]
var counted = [
  {
    name: 'dead-letters'
    title: 'Messages were given up'
    severity: 1
    resource: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'DeadletteredMessages'
    aggregation: 'Average'
    threshold: 0
    dimension: 'EntityName'
    values: ['*']
  }
  {
    name: 'server-errors'
    title: 'Shoppers see server errors'
    severity: 1
    resource: gatewayId
    namespace: 'Microsoft.ApiManagement/service'
    metric: 'Requests'
    aggregation: 'Total'
    threshold: 10
    dimension: 'GatewayResponseCodeCategory'
    values: ['5xx']
  }
  {
    name: 'unreachable'
    title: 'A fifth of all calls fail at Front Door'
    severity: 0
    resource: frontDoorProfileId
    namespace: 'Microsoft.Cdn/profiles'
    metric: 'Percentage5XX'
    aggregation: 'Average'
    threshold: 20
    dimension: 'Endpoint'
    values: ['*']
  }
]

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-shop-${token}'
  location: 'Global'
  tags: tags
  properties: {
    groupShortName: 'bookstore'
    enabled: true
    emailReceivers: [for (address, i) in addresses: {
      name: 'operator-${i}'
      emailAddress: address
      useCommonAlertSchema: true
    }]
  }
}

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for alert in counted: {
  name: '${alert.name}-${token}'
  location: 'global'
  tags: tags
  properties: {
    description: alert.title
    severity: alert.severity
    enabled: true
    scopes: [alert.resource]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: alert.name
          metricNamespace: alert.namespace
          metricName: alert.metric
          timeAggregation: alert.aggregation
          operator: 'GreaterThan'
          threshold: alert.threshold
          dimensions: [{ name: alert.dimension, operator: 'Include', values: alert.values }]
        }
      ]
    }
    actions: [{ actionGroupId: operators.id }]
  }
}]

resource searchAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for alert in searches: {
  name: '${alert.name}-${token}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: alert.title
    severity: alert.severity
    enabled: true
    // Tables that nothing has been written to yet are not known.
    skipQueryValidation: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: alert.window
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: alert.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [operators.id] }
  }
}]
