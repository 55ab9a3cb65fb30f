// Event Grid tells the queue `media-uploads` of each cover that was sent in, by its own identity. The
// app announces them too: whichever comes first does the work, and the other finds it done.
param topicName string
param queueId string

resource uploads 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource covers 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: uploads
  name: 'covers'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: { resourceId: queueId }
      }
    }
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/uploads/blobs/covers/'
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
}
