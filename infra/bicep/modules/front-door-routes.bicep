// Where the one public origin leads: / to the web shop's files, /cdn/* to covers and samples, /api/*
// to API Management; and the firewall before all of them.
param location string
param token string
param tags object
param sku string
param profileName string
param endpointName string
param mediaHost string
param gatewayHost string
param gatewayId string
param publicOrigin string

@description('The host of the shop\'s own domain; empty for Front Door\'s name.')
param ownDomain string
param issuer string

@description('Calls that one address may send in a minute.')
param callsPerMinute int = 1500

var premium = sku == 'Premium_AzureFrontDoor'
var files = [
  { name: 'storefront', patterns: ['/*'], path: '/storefront', rules: true }
  { name: 'media', patterns: ['/cdn/*'], path: '/public', rules: false }
]

// The web shop's headers are those of the local host, with Azure's addresses in them: a page calls
// this origin, the sign-in, Stripe, and, to send a feed of books, the media account.
var siteHeaders = loadJsonContent('../../site-headers.json')
var issuerOrigin = 'https://${split(issuer, '/')[2]}'
var elsewhere = '${issuerOrigin} https://api.stripe.com https://${mediaHost}'

resource profile 'Microsoft.Cdn/profiles@2025-12-01' existing = {
  name: profileName
}

resource endpoint 'Microsoft.Cdn/profiles/afdEndpoints@2025-12-01' existing = {
  parent: profile
  name: endpointName
}

resource blobs 'Microsoft.Cdn/profiles/originGroups@2025-12-01' = {
  parent: profile
  name: 'blobs'
  properties: {
    loadBalancingSettings: { sampleSize: 4, successfulSamplesRequired: 3 }
    // By its own identity, so that no container is open to all.
    authentication: {
      type: 'SystemAssignedIdentity'
      scope: 'https://storage.azure.com/.default'
    }
  }
}

resource blobOrigin 'Microsoft.Cdn/profiles/originGroups/origins@2025-12-01' = {
  parent: blobs
  name: 'media'
  properties: {
    hostName: mediaHost
    originHostHeader: mediaHost
    httpsPort: 443
    enforceCertificateNameCheck: true
  }
}

resource gateway 'Microsoft.Cdn/profiles/originGroups@2025-12-01' = {
  parent: profile
  name: 'gateway'
  properties: {
    loadBalancingSettings: { sampleSize: 4, successfulSamplesRequired: 3 }
    healthProbeSettings: {
      probePath: '/status-0123456789abcdef'
      probeProtocol: 'Https'
      probeRequestType: 'GET'
      probeIntervalInSeconds: 60
    }
  }
}

// In Premium by a private endpoint, which a hook of the deployment approves at API Management.
resource gatewayOrigin 'Microsoft.Cdn/profiles/originGroups/origins@2025-12-01' = {
  parent: gateway
  name: 'api-management'
  properties: {
    hostName: gatewayHost
    originHostHeader: gatewayHost
    httpsPort: 443
    enforceCertificateNameCheck: true
    sharedPrivateLinkResource: premium ? {
      privateLink: { id: gatewayId }
      groupId: 'Gateway'
      privateLinkLocation: location
      requestMessage: 'Front Door of the shop'
    } : null
  }
}

// Its certificate is made once a record in DNS proves the domain (docs/operations.md, A domain).
resource domain 'Microsoft.Cdn/profiles/customDomains@2025-12-01' = if (!empty(ownDomain)) {
  parent: profile
  name: empty(ownDomain) ? 'none' : replace(ownDomain, '.', '-')
  properties: {
    hostName: ownDomain
    tlsSettings: { certificateType: 'ManagedCertificate' }
  }
}

var domains = empty(ownDomain) ? [] : [{ id: domain.id }]

resource pages 'Microsoft.Cdn/profiles/ruleSets@2025-12-01' = {
  parent: profile
  name: 'pages'
}

resource strictTransport 'Microsoft.Cdn/profiles/ruleSets/rules@2025-12-01' = {
  parent: pages
  name: 'strictTransport'
  properties: {
    order: 1
    actions: [
      {
        name: 'ModifyResponseHeader'
        parameters: {
          typeName: 'DeliveryRuleHeaderActionParameters'
          headerAction: 'Overwrite'
          headerName: 'Strict-Transport-Security'
          value: 'max-age=31536000; includeSubDomains'
        }
      }
      {
        name: 'ModifyResponseHeader'
        parameters: {
          typeName: 'DeliveryRuleHeaderActionParameters'
          headerAction: 'Overwrite'
          headerName: 'X-Content-Type-Options'
          value: 'nosniff'
        }
      }
    ]
  }
}

resource pageHeaders 'Microsoft.Cdn/profiles/ruleSets/rules@2025-12-01' = {
  parent: pages
  name: 'pageHeaders'
  properties: {
    order: 2
    actions: [for header in items(siteHeaders): {
      name: 'ModifyResponseHeader'
      parameters: {
        typeName: 'DeliveryRuleHeaderActionParameters'
        headerAction: 'Overwrite'
        headerName: header.key
        value: replace(replace(header.value, '{cdn}', publicOrigin), '{elsewhere}', elsewhere)
      }
    }]
  }
}

// The `type` of a problem document leads to what the documentation says of it.
resource problemPage 'Microsoft.Cdn/profiles/ruleSets/rules@2025-12-01' = {
  parent: pages
  name: 'problemPage'
  properties: {
    order: 3
    matchProcessingBehavior: 'Stop'
    conditions: [
      {
        name: 'UrlPath'
        parameters: {
          typeName: 'DeliveryRuleUrlPathMatchConditionParameters'
          operator: 'BeginsWith'
          matchValues: ['problems/']
          transforms: []
        }
      }
    ]
    actions: [
      {
        name: 'UrlRedirect'
        parameters: {
          typeName: 'DeliveryRuleUrlRedirectActionParameters'
          redirectType: 'Found'
          destinationProtocol: 'Https'
          customPath: '/api/docs'
          customFragment: 'problem-{url_path:seg1}'
        }
      }
    ]
  }
}

resource staffPage 'Microsoft.Cdn/profiles/ruleSets/rules@2025-12-01' = {
  parent: pages
  name: 'staffPage'
  properties: {
    order: 4
    matchProcessingBehavior: 'Stop'
    conditions: [
      {
        name: 'UrlPath'
        parameters: {
          typeName: 'DeliveryRuleUrlPathMatchConditionParameters'
          operator: 'Equal'
          matchValues: ['staff', 'staff/']
          transforms: []
        }
      }
    ]
    actions: [
      {
        name: 'UrlRewrite'
        parameters: {
          typeName: 'DeliveryRuleUrlRewriteActionParameters'
          sourcePattern: '/'
          destination: '/staff/index.html'
          preserveUnmatchedPath: false
        }
      }
    ]
  }
}

resource firstPage 'Microsoft.Cdn/profiles/ruleSets/rules@2025-12-01' = {
  parent: pages
  name: 'firstPage'
  properties: {
    order: 5
    conditions: [
      {
        name: 'UrlFileExtension'
        parameters: {
          typeName: 'DeliveryRuleUrlFileExtensionMatchConditionParameters'
          operator: 'LessThan'
          matchValues: ['1']
          transforms: []
        }
      }
    ]
    actions: [
      {
        name: 'UrlRewrite'
        parameters: {
          typeName: 'DeliveryRuleUrlRewriteActionParameters'
          sourcePattern: '/'
          destination: '/index.html'
          preserveUnmatchedPath: false
        }
      }
    ]
  }
}

resource fileRoutes 'Microsoft.Cdn/profiles/afdEndpoints/routes@2025-12-01' = [for route in files: {
  parent: endpoint
  name: route.name
  dependsOn: [blobOrigin, strictTransport, pageHeaders, problemPage, staffPage, firstPage]
  properties: {
    originGroup: { id: blobs.id }
    originPath: route.path
    customDomains: domains
    patternsToMatch: route.patterns
    ruleSets: route.rules ? [{ id: pages.id }] : []
    supportedProtocols: ['Http', 'Https']
    httpsRedirect: 'Enabled'
    forwardingProtocol: 'HttpsOnly'
    linkToDefaultDomain: 'Enabled'
    cacheConfiguration: {
      queryStringCachingBehavior: 'IgnoreQueryString'
      compressionSettings: {
        isCompressionEnabled: true
        contentTypesToCompress: ['text/html', 'text/css', 'text/javascript', 'application/json', 'image/svg+xml']
      }
    }
  }
}]

// Never cached: prices, stock and carts are in what it answers.
resource apiRoute 'Microsoft.Cdn/profiles/afdEndpoints/routes@2025-12-01' = {
  parent: endpoint
  name: 'api'
  dependsOn: [gatewayOrigin]
  properties: {
    originGroup: { id: gateway.id }
    customDomains: domains
    patternsToMatch: ['/api/*']
    supportedProtocols: ['Http', 'Https']
    httpsRedirect: 'Enabled'
    forwardingProtocol: 'HttpsOnly'
    linkToDefaultDomain: 'Enabled'
  }
}

resource firewall 'Microsoft.Network/FrontDoorWebApplicationFirewallPolicies@2025-03-01' = {
  name: 'waf${token}'
  location: 'global'
  tags: tags
  sku: { name: sku }
  properties: {
    policySettings: {
      enabledState: 'Enabled'
      mode: 'Prevention'
      requestBodyCheck: 'Enabled'
      customBlockResponseStatusCode: 403
      logScrubbing: {
        state: 'Enabled'
        scrubbingRules: [{ matchVariable: 'QueryStringArgNames', selectorMatchOperator: 'EqualsAny', state: 'Enabled' }]
      }
    }
    customRules: {
      rules: [
        {
          name: 'CallsOfOneAddress'
          priority: 10
          enabledState: 'Enabled'
          ruleType: 'RateLimitRule'
          rateLimitDurationInMinutes: 1
          rateLimitThreshold: callsPerMinute
          matchConditions: [
            {
              matchVariable: 'RequestUri'
              operator: 'Contains'
              matchValue: ['/api/']
              // Routes know no letter case: /API/ leads there too.
              transforms: ['UrlDecode', 'Lowercase']
            }
          ]
          action: 'Block'
        }
      ]
    }
    managedRules: {
      managedRuleSets: premium ? [
        { ruleSetType: 'Microsoft_DefaultRuleSet', ruleSetVersion: '2.1', ruleSetAction: 'Block' }
        { ruleSetType: 'Microsoft_BotManagerRuleSet', ruleSetVersion: '1.1' }
      ] : []
    }
  }
}

resource guarded 'Microsoft.Cdn/profiles/securityPolicies@2025-12-01' = {
  parent: profile
  name: 'firewall'
  properties: {
    parameters: {
      type: 'WebApplicationFirewall'
      wafPolicy: { id: firewall.id }
      associations: [{ domains: concat([{ id: endpoint.id }], domains), patternsToMatch: ['/*'] }]
    }
  }
}

@description('What the record _dnsauth of the domain must say.')
output domainProof string = empty(ownDomain) ? '' : domain!.properties.validationProperties.validationToken
