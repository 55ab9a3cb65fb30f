// The network. In the open size it costs nothing: service endpoints let the app's subnet through the
// firewalls. In the private ones a NAT gateway leads out, to Stripe, the carrier and Entra, and
// private endpoints lead to everything else.
param location string
param token string
param tags object
param isPrivate bool

var endpoints = [
  { service: 'Microsoft.Storage' }
  { service: 'Microsoft.Sql' }
  { service: 'Microsoft.AzureCosmosDB' }
  { service: 'Microsoft.KeyVault' }
]

resource inward 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-inward-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'from-the-network-alone'
        properties: {
          priority: 4000
          direction: 'Inbound'
          access: 'Deny'
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource outlet 'Microsoft.Network/publicIPAddresses@2025-05-01' = if (isPrivate) {
  name: 'pip-nat-${token}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

resource nat 'Microsoft.Network/natGateways@2025-05-01' = if (isPrivate) {
  name: 'nat-${token}'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: {
    idleTimeoutInMinutes: 10
    publicIpAddresses: [{ id: outlet.id }]
  }
}

var outward = isPrivate ? { id: nat.id } : null

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.40.0.0/22'] }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: '10.40.0.0/24'
          networkSecurityGroup: { id: inward.id }
          natGateway: outward
          defaultOutboundAccess: !isPrivate
          serviceEndpoints: isPrivate ? [] : endpoints
          delegations: [
            {
              name: 'flex-consumption'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'gateway'
        properties: {
          addressPrefix: '10.40.1.0/26'
          networkSecurityGroup: { id: inward.id }
          natGateway: outward
          defaultOutboundAccess: !isPrivate
          delegations: [
            {
              name: 'api-management'
              properties: { serviceName: 'Microsoft.Web/serverFarms' }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.40.1.64/26'
          networkSecurityGroup: { id: inward.id }
          defaultOutboundAccess: false
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
      {
        name: 'runner'
        properties: {
          addressPrefix: '10.40.1.128/28'
          networkSecurityGroup: { id: inward.id }
          natGateway: outward
          defaultOutboundAccess: false
        }
      }
    ]
  }
}

output appSubnetId string = '${network.id}/subnets/app'
output gatewaySubnetId string = '${network.id}/subnets/gateway'
output endpointSubnetId string = '${network.id}/subnets/endpoints'
output runnerSubnetId string = '${network.id}/subnets/runner'
output id string = network.id
