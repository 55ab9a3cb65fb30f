// A machine inside the network that deploys, migrates and tests, since nothing outside can reach
// what is private. It is a GitHub runner; nobody signs in to it, and nothing reaches it from outside.
param location string
param token string
param tags object
param subnetId string
param vaultUri string

@description('owner/name on GitHub')
param repository string

@description('Azure asks for a public key even of a machine that nobody signs in to; throw the other half away.')
param publicKey string

@description('The version of actions/runner, and the SHA-256 of its linux-x64 archive as its release page shows it.')
param version string
param digest string

@description('Whom Azure asks for; the linter takes no constant here.')
param account string = 'operator'

var written = loadTextContent('../runner.yaml')
var placed = replace(replace(written, '__VAULT__', vaultUri), '__REPOSITORY__', repository)
var script = replace(replace(placed, '__VERSION__', version), '__DIGEST__', digest)

resource card 'Microsoft.Network/networkInterfaces@2025-05-01' = {
  name: 'nic-runner-${token}'
  location: location
  tags: tags
  properties: {
    ipConfigurations: [
      {
        name: 'inside'
        properties: {
          subnet: { id: subnetId }
          privateIPAllocationMethod: 'Dynamic'
        }
      }
    ]
  }
}

resource machine 'Microsoft.Compute/virtualMachines@2024-11-01' = {
  name: 'vm-runner-${token}'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    hardwareProfile: { vmSize: 'Standard_B2s_v2' }
    securityProfile: {
      encryptionAtHost: true
      securityType: 'TrustedLaunch'
      uefiSettings: { secureBootEnabled: true, vTpmEnabled: true }
    }
    storageProfile: {
      imageReference: {
        publisher: 'Canonical'
        offer: 'ubuntu-24_04-lts'
        sku: 'server'
        version: 'latest'
      }
      osDisk: {
        createOption: 'FromImage'
        deleteOption: 'Delete'
        managedDisk: { storageAccountType: 'StandardSSD_LRS' }
      }
    }
    osProfile: {
      computerName: 'runner'
      adminUsername: account
      customData: base64(script)
      allowExtensionOperations: false
      linuxConfiguration: {
        disablePasswordAuthentication: true
        provisionVMAgent: true
        // Ubuntu patches itself (unattended-upgrades); Azure would need an extension for it.
        patchSettings: { patchMode: 'ImageDefault', assessmentMode: 'ImageDefault' }
        ssh: { publicKeys: [{ path: '/home/${account}/.ssh/authorized_keys', keyData: publicKey }] }
      }
    }
    networkProfile: { networkInterfaces: [{ id: card.id }] }
  }
}

output principalId string = machine.identity.principalId
