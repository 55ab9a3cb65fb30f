// Azure Communication Services sends the mails. The domain that Azure manages sends a few dozen an
// hour; for more, add one of your own (docs/sizes.md).
param token string
param tags object
param dataLocation string

resource service 'Microsoft.Communication/emailServices@2025-05-01' = {
  name: 'mail-${token}'
  location: 'global'
  tags: tags
  properties: { dataLocation: dataLocation }
}

resource domain 'Microsoft.Communication/emailServices/domains@2025-05-01' = {
  parent: service
  name: 'AzureManagedDomain'
  location: 'global'
  tags: tags
  properties: {
    domainManagement: 'AzureManaged'
    userEngagementTracking: 'Disabled'
  }
}

resource communication 'Microsoft.Communication/communicationServices@2025-05-01' = {
  name: 'acs-${token}'
  location: 'global'
  tags: tags
  properties: {
    dataLocation: dataLocation
    linkedDomains: [domain.id]
    disableLocalAuth: true
  }
}

output name string = communication.name
output endpoint string = 'https://${communication.properties.hostName}'
output sender string = 'Bookstore <DoNotReply@${domain.properties.fromSenderDomain}>'
