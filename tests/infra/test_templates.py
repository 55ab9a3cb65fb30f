"""The templates hold together, and fit the app; and each check would notice if they did not."""

import pytest

from tests.infra.app_checks import NEEDS
from tests.infra.checks import STRUCTURE, Check
from tests.support.bicep import load

CHECKS = {check.__name__: check for check in (*STRUCTURE, *NEEDS)}
BREAKS = [
    ("syntax", "modules/mail.bicep", "param tags object", "param tags objekt {"),
    ("types", "modules/mail.bicep", "domains@2025-05-01", "domains@2019-05-01"),
    ("modules", "main.bicep", "    zones: chosen.zones\n    sizes: chosen.app", "    sizes: 1"),
    ("modules", "main.bicep", "    sku: chosen.frontDoor", "    skuName: chosen.frontDoor"),
    ("modules", "main.bicep", "'modules/workbook.bicep'", "'modules/workboook.bicep'"),
    ("names", "modules/redis.bicep", "param sku string", "param sku string\nparam size string"),
    ("names", "main.bicep", "sql.outputs.host", "sql.outputs.address"),
    ("order", "main.bicep", "  dependsOn: [roles]\n  params: {\n    loc", "  params: {\n    loc"),
    ("order", "main.bicep", "identities.outputs.gatewayPrincipalId", "gateway.outputs.id"),
    ("files", "modules/workbook.bicep", "workbook.json", "workbooks.json"),
    (
        "secrets",
        "modules/function-app.bicep",
        "output name string = app.name",
        "output name string = listKeys('${app.id}/host/default', '2025-03-01').masterKey",
    ),
    ("local_auth", "modules/service-bus.bicep", "LocalAuth: true", "LocalAuth: false"),
    ("local_auth", "modules/storage.bicep", "    allowSharedKeyAccess: false\n", ""),
    ("transport", "modules/cosmos.bicep", "'Tls12'", "'Tls11'"),
    (
        "network",
        "modules/cosmos.bicep",
        "publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'",
        "publicNetworkAccess: 'Enabled'",
    ),
    ("network", "main.bicep", "publicNetworkAccess: 'Disabled'", "publicNetworkAccess: 'Enabled'"),
    ("sizes", "main.bicep", "['dev', 'standard', 'scale']", "['dev', 'standard']"),
    ("sizes", "main.bicep", "chosen.cosmos", "chosen.carts"),
    ("deployment_parameters", "main.bicep", "param budget int", "param spending int"),
    ("settings", "modules/function-app.bicep", "  CDN_BASE_URL:", "  CDN_URL:"),
    ("settings", "modules/function-app.bicep", "  SHOP_CURRENCY: shop.currency\n", ""),
    (
        "settings",
        "modules/function-app.bicep",
        "'${secret}stripe-secret-key)'",
        "shop.stripeSecretKey",
    ),
    ("databases", "modules/function-app.bicep", "&authentication=", "&Authentication="),
    (
        "databases",
        "modules/function-app.bicep",
        "'${database}orders${signIn}${logins.orders",
        "'${database}orders${signIn}${logins.payments",
    ),
    (
        "entities",
        "modules/service-bus-subscription.bicep",
        "    requiresSession: subscription.Properties.RequiresSession\n",
        "",
    ),
    ("places", "modules/cosmos.bicep", "paths: ['/id']", "paths: ['/user']"),
    ("places", "modules/scheduler.bicep", "name: 'shop'", "name: 'default'"),
    ("roles", "modules/roles.bicep", "resource appSendsMail ", "resource somebodySendsMail "),
    ("roles", "modules/roles.bicep", "[roles.serviceBusSender, roles.serviceBusReceiver]",
     "[roles.serviceBusSender]"),
    (
        "roles",
        "modules/roles.bicep",
        "guid(vault.id, appPrincipalId, roles.secretsUser)",
        "guid(vault.id, appPrincipalId, roles.secretsOfficer)",
    ),
]  # fmt: skip


pytestmark = pytest.mark.usefixtures("api_documents")


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_nothing_is_wrong(check: Check) -> None:
    assert check(load()) == []


@pytest.mark.parametrize(("name", "file", "old", "new"), BREAKS)
def test_a_broken_template_is_noticed(name: str, file: str, old: str, new: str) -> None:
    text = load()[file].text
    assert old in text
    assert CHECKS[name](load({file: text.replace(old, new)}))


def test_every_check_has_been_seen_to_fail() -> None:
    assert {name for name, *_ in BREAKS} == CHECKS.keys()
