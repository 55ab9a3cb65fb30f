// The ways in from the network, each with its name in the zone of its kind.
param location string
param tags object
param subnetId string

@description('For each endpoint: name, the id of what it leads to, and the private-link group.')
param endpoints array

@description('The private DNS zone of each group.')
param zoneNames object

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
  properties: {
    privateDnsZoneConfigs: [
      {
        name: way.group
        properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', zoneNames[way.group]) }
      }
    ]
  }
}]
