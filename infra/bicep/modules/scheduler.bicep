// Durable Task Scheduler: what keeps the sagas. Without it they are kept in the host's storage.
param location string
param token string
param tags object

@description('sku and, where it is dedicated, units')
param sizes object

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' = {
  name: 'dts-${token}'
  location: location
  tags: tags
  properties: {
    sku: sizes.sku == 'Dedicated' ? { name: 'Dedicated', capacity: sizes.units } : { name: 'Consumption' }
    publicNetworkAccess: 'Disabled'
    ipAllowlist: []
  }
}

resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2026-02-01' = {
  parent: scheduler
  name: 'shop'
  properties: {}
}

output id string = scheduler.id
output name string = scheduler.name
output hub string = hub.name
output endpoint string = scheduler.properties.endpoint
