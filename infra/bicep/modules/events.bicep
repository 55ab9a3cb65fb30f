// Where Event Grid hears of files in media. media-events.bicep says whom it tells, once roles.bicep
// lets it.
param location string
param token string
param tags object
param mediaId string

resource uploads 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-media-${token}'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: mediaId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

output name string = uploads.name
output principalId string = uploads.identity.principalId
