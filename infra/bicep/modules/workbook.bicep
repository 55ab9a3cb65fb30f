// The operators' page: what comes in, how long it takes, what fails, what waits.
param location string
param tags object
param workspaceId string

resource shop 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'shop')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Bookstore'
    category: 'workbook'
    version: '1.0'
    sourceId: workspaceId
    serializedData: loadTextContent('../workbook.json')
  }
}
