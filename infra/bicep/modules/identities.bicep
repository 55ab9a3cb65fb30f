// Who the shop is: one identity for everything, one for each database, so that a service's sign-in
// opens its own database alone, and one for API Management.
param location string
param token string
param tags object

var databases = ['inventory', 'payments', 'shipping', 'orders', 'notifications']

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-shop-${token}'
  location: location
  tags: tags
}

resource gateway 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-gateway-${token}'
  location: location
  tags: tags
}

resource logins 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = [for name in databases: {
  name: 'id-${name}-${token}'
  location: location
  tags: tags
}]

output appId string = app.id
output appClientId string = app.properties.clientId
output appPrincipalId string = app.properties.principalId
output gatewayId string = gateway.id
output gatewayClientId string = gateway.properties.clientId
output gatewayPrincipalId string = gateway.properties.principalId
output databases array = databases

@description('Of each database: the identity, by resource id, client id and name.')
output logins object = {
  inventory: { id: logins[0].id, clientId: logins[0].properties.clientId, name: logins[0].name }
  payments: { id: logins[1].id, clientId: logins[1].properties.clientId, name: logins[1].name }
  shipping: { id: logins[2].id, clientId: logins[2].properties.clientId, name: logins[2].name }
  orders: { id: logins[3].id, clientId: logins[3].properties.clientId, name: logins[3].name }
  notifications: { id: logins[4].id, clientId: logins[4].properties.clientId, name: logins[4].name }
}
