// The ways from the network to what is private, each with its name in the zone of its kind.
param location string
param tags object
param networkId string
param subnetId string

@description('The private-link groups of the endpoints, each once; each has a zone of names.')
param groups array

@description('For each endpoint: name, the id of what it leads to, and the private-link group.')
param endpoints array

var zoneNames = {
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  queue: 'privatelink.queue.${environment().suffixes.storage}'
  table: 'privatelink.table.${environment().suffixes.storage}'
  sqlServer: 'privatelink${environment().suffixes.sqlServerHostname}'
  Sql: 'privatelink.documents.azure.com'
  namespace: 'privatelink.servicebus.windows.net'
  redisEnterprise: 'privatelink.redis.azure.net'
  vault: 'privatelink.vaultcore.azure.net'
  scheduler: 'privatelink.durabletask.io'
  sites: 'privatelink.azurewebsites.net'
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for group in groups: {
  name: zoneNames[group]
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (group, i) in groups: {
  parent: zones[i]
  name: 'shop'
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: { id: networkId }
  }
}]

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = [for way in endpoints: {
  name: 'pe-${way.name}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: way.name
        properties: {
          privateLinkServiceId: way.id
          groupIds: [way.group]
        }
      }
    ]
  }
}]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [for (way, i) in endpoints: {
  parent: endpoint[i]
  name: 'default'
  dependsOn: [zones]
  properties: {
    privateDnsZoneConfigs: [
      {
        name: way.group
        properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zoneNames[way.group]) }
      }
    ]
  }
}]
