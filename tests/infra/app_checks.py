"""What the app needs of the templates: settings, queues and topics, roles, names in telemetry."""

import ast
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from functions.cart.store import CONTAINER
from functions.inventory.media_model import PUBLIC, UPLOADS
from shared.config import Settings
from shared.config.settings import HOSTS_OWN, PREFIXES
from tests.infra.checks import Check, Templates
from tests.support.bicep import ROOT, Code, objects_in
from wiring import create_app

APP = "modules/function-app.bicep"
VARIABLES = ("settings", "replica", "cache", "collector", "sagas")
LOCAL_ONLY = {
    "SERVICES",  # all of them, unless an operator says otherwise
    "MAIL_SANDBOX_URL", "MAIL_SMTP_URL", "MAIL_CONNECTION",  # MAIL_ENDPOINT sends
    "DOCUMENTS_FILE", "CosmosConnection", "ServiceBusConnection", "BlobConnection", "BLOB_FOLDER",
    "STRIPE_API_BASE", "EASYPOST_API_BASE",
    "ServiceBusConnection__transportType",  # AMQP's own port is open in every size
    "SHOP_CLOCK_FILE", "SHOP_FSYNC",
    "INVENTORY_CACHE", "INVENTORY_LOW_STOCK",  # their defaults are right
}  # fmt: skip
"""Settings that a deployment does not set: a connection string is a secret, and a stand-in none."""
THE_HOSTS = {
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "AzureFunctionsJobHost__extensions__durableTask__hubName",
    "AzureFunctionsJobHost__extensions__durableTask__storageProvider__type",
    "AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName",
    "AzureFunctionsJobHost__extensions__durableTask__storageProvider__maxQueuePollingInterval",
    "DURABLE_TASK_SCHEDULER_CONNECTION_STRING",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "PYTHON_ENABLE_OPENTELEMETRY",
    "AZURE_CLIENT_ID",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_EXPORTER_OTLP_HEADERS",
}
"""What the Functions host, its Python worker and the SDKs read by themselves."""
SECRET = {
    "SHOP_SECRET", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "EASYPOST_API_KEY",
    "EASYPOST_WEBHOOK_SECRET", "OTEL_EXPORTER_OTLP_HEADERS",
}  # fmt: skip
EXAMPLES = {
    "SHOP_CURRENCY": "GBP",
    "SHOP_SENDER": json.dumps(
        {"name": "B", "line1": "1", "city": "L", "postcode": "EC1", "country": "GB", "phone": "1"}
    ),
    "SHOP_SECRET": "x" * 32,
    "SHOP_FUNCTION_KEYS": "required",
    "AUTH_ISSUER": "https://login.example",
    "CosmosConnection__accountEndpoint": "https://carts.example:443/",
    "BlobConnection__blobServiceUri": "https://media.example",
    "MAIL_ENDPOINT": "https://mail.example",
    "MAIL_FROM": "Bookstore <DoNotReply@mail.example>",
    "MAIL_REPLY_TO": "",
    "MAIL_STAFF": "",
    "PUBLIC_BASE_URL": "https://shop.example",
    "CDN_BASE_URL": "https://shop.example/cdn",
    "STRIPE_SECRET_KEY": "sk_live_x",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x",
    "EASYPOST_API_KEY": "EZAKx",
    "EASYPOST_WEBHOOK_SECRET": "x" * 16,
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example",
}
"""What a deployment's expressions come to."""
ROLES = {
    "azure.storage.blob": {"appAtMedia"},
    "get_user_delegation_key": {"appSigns"},
    "azure.servicebus": {"appAtBus"},
    "azure.cosmos": {"appAtCarts"},
    "azure.communication": {"appSendsMail"},
    "redis": {"appAtCache"},
    "azure.monitor": {"telemetry"},
    "opencensus": {"telemetry"},
    "azure.functions": {"appAtHost"},
    "azure.durable_functions": {"appAtHost", "appAtSagas"},
    "azure.core": set(),
    "azure.identity": set(),
}
"""What the deployed code imports of Azure's, and the role assignments that it needs to work."""
ASSIGNED = {
    "appAtHost": {"blobDataOwner", "queueDataContributor", "tableDataContributor"},
    "appAtMedia": {"blobDataContributor"},
    "appSigns": {"blobDelegator"},
    "appAtBus": {"serviceBusSender", "serviceBusReceiver"},
    "appAtCarts": set(),
    "appAtCache": set(),
    "appAtSagas": {"durableTaskContributor"},
    "appReadsSecrets": {"secretsUser"},
    "appSendsMail": {"emailOwner"},
    "telemetry": {"metricsPublisher"},
    "frontDoorReads": {"blobDataReader"},
    "eventsAtQueue": {"serviceBusSender"},
    "deployerWritesPages": {"blobDataContributor"},
    "deployerWritesSecrets": {"secretsOfficer"},
    "runnerReadsSecrets": {"secretsUser"},
}
"""Every assignment, and the roles that it names: no more than these."""


def settings(templates: Templates) -> list[str]:
    """Exactly what Settings wants of a deployment, in a form that it takes."""
    given = _given(templates)
    known = set(Settings.model_fields) - {"in_azure", "unresolved"}
    needed = known - LOCAL_ONLY
    wrong = [f"the app is not given {name}" for name in sorted(needed - given.keys())]
    wrong += [
        f"nobody reads {name}" for name in sorted(given.keys() - needed - HOSTS_OWN - THE_HOSTS)
    ]
    for name in sorted(SECRET & given.keys()):
        if not str(given[name]).startswith("'${secret}"):
            wrong.append(f"{name} is no reference to Key Vault")
    environment = {
        name: EXAMPLES.get(name, _plain(value))
        for name, value in given.items()
        if name in known or name.startswith(PREFIXES)
    }
    read = Settings.from_env({**environment, "WEBSITE_INSTANCE_ID": "1"})
    return wrong + [f"the app misses {name}" for name in read.missing()]


def databases(templates: Templates) -> list[str]:
    """Each SQL address signs in by the identity of its own database, without a password."""
    wrong = []
    own = {"SQL_ORDERS": "orders", "SQL_INVENTORY_READ": "inventory"}
    texts = templates[APP].variables
    parts = {name: _inner(str(texts[name])) for name in ("database", "signIn")}
    for name, value in _given(templates).items():
        if not name.startswith("SQL_"):
            continue
        expression = _inner(str(value))
        for part, text in parts.items():
            expression = expression.replace(f"${{{part}}}", text)
        expression = expression.replace("${sqlHost}", "server.example")
        url = make_url(re.sub(r"\$\{logins\.(\w+)\.clientId\}", r"identity-of-\1", expression))
        ((odbc,), _) = url.get_dialect()().create_connect_args(url)
        words = dict(pair.partition("=")[::2] for pair in odbc.split(";"))
        database = own.get(name, name.removeprefix("SQL_").lower())
        expected = {
            "Database": database,
            "Authentication": "ActiveDirectoryMsi",
            "UID": f"identity-of-{database}",
            "Encrypt": "yes",
        }
        if name == "SQL_INVENTORY_READ":
            expected["ApplicationIntent"] = "ReadOnly"
        wrong += [
            f"{name}: {word} is {words.get(word)}"
            for word, wanted in expected.items()
            if words.get(word) != wanted
        ]
        if {"PWD", "Trusted_Connection"} & words.keys():
            wrong.append(f"{name}: {odbc}")
    return wrong


def entities(templates: Templates) -> list[str]:
    """What a trigger listens to is declared, with sessions where it asks for them; and the
    templates carry all that infra/servicebus.json says."""
    namespace = _namespace()
    declared = {
        queue["Name"]: queue["Properties"]["RequiresSession"] for queue in namespace["Queues"]
    }
    wrong = []
    for topic in namespace["Topics"]:
        for subscription in topic["Subscriptions"]:
            address = f"{topic['Name']}/{subscription['Name']}"
            declared[address] = subscription["Properties"]["RequiresSession"]
            for rule in subscription.get("Rules", []):
                filter_ = rule["Properties"].get("CorrelationFilter", {})
                if set(filter_) != {"Label"} or rule["Properties"]["FilterType"] != "Correlation":
                    wrong.append(f"{address}: the rule {rule['Name']} is more than a label")
    for name, trigger in _triggers():
        address = (
            trigger.get("queueName") or f"{trigger['topicName']}/{trigger['subscriptionName']}"
        )
        if address not in declared:
            wrong.append(f"{name} listens to {address}, which is not there")
        elif declared[address] != bool(trigger.get("isSessionsEnabled", False)):
            wrong.append(f"{name} and {address} differ on sessions")
    for file, said in _said(namespace).items():
        wrong += [
            f"{file} does not carry {s}" for s in said if f".{s}\n" not in templates[file].text
        ]
    for name in re.findall(r"'function:(\w+)'", json.dumps(_sizes()).replace('"', "'")):
        if name not in _functions():
            wrong.append(f"sizes.json: there is no function {name}")
    return wrong


def places(templates: Templates) -> list[str]:
    """Containers and hubs that the code names are made under these names."""
    wrong = []
    made = templates["modules/storage.bicep"].variables["mediaContainers"]
    own = templates["modules/roles.bicep"].variables["ownContainers"]
    for container in (PUBLIC, UPLOADS, "imports"):
        if container not in made or container not in own:
            wrong.append(f"the container {container} is not made, or not the app's")
    cosmos = templates["modules/cosmos.bicep"].resources
    database = Settings.model_fields["COSMOS_DATABASE"].default
    carts = next(r.body for r in cosmos if r.symbol == "carts")
    if carts["name"] != CONTAINER or carts["properties"]["resource"]["id"] != CONTAINER:
        wrong.append("the container of carts has another name")
    if f"dbs/{database}/colls/{CONTAINER}" not in templates["modules/roles.bicep"].text:
        wrong.append("the app's role at Cosmos DB is for another container")
    if carts["properties"]["resource"]["partitionKey"]["paths"] != ["/id"]:
        wrong.append("carts have another partition key")
    if str(carts["properties"]["resource"]["defaultTtl"]) != "-1":
        wrong.append("carts do not end")
    hub = templates[APP].variables["hub"]
    hubs = [
        r.body["name"] for r in templates["modules/scheduler.bicep"].resources if "Hubs" in r.kind
    ]
    return wrong + ([] if hubs == [hub] else [f"the hub is {hub}, and there is {hubs}"])


def roles(templates: Templates) -> list[str]:
    """Each role that the code needs is granted; each that is granted is listed here."""
    template = templates["modules/roles.bicep"]
    granted = {r.symbol: r for r in template.resources if not r.existing and "ssignments" in r.kind}
    wrong = [f"{name} is not granted" for name in sorted(ASSIGNED.keys() - granted.keys())]
    wrong += [f"{name} is granted, and why?" for name in sorted(granted.keys() - ASSIGNED.keys())]
    lists = {name: set(re.findall(r"roles\.(\w+)", str(template.variables[name])))
             for name in ("hostRoles", "busRoles")}  # fmt: skip
    for name, resource in granted.items():
        named = set(re.findall(r"\broles\.(\w+)", resource.text))
        for listed, content in lists.items():
            if f"in {listed}:" in resource.text:
                named |= content
        if named != ASSIGNED.get(name, named):
            wrong.append(f"{name} grants {sorted(named)}")
    for imported in sorted(_imported()):
        family = next((known for known in ROLES if (imported + ".").startswith(known + ".")), None)
        if family is None:
            wrong.append(f"which role does {imported} need?")
        else:
            wrong += [f"{family} needs {role}" for role in ROLES[family] - granted.keys()]
    elsewhere = [
        f"{other.file}: roles are granted in roles.bicep"
        for other in templates.values()
        if other is not template and any("ssignments" in r.kind for r in other.resources)
    ]
    return wrong + elsewhere


def _given(templates: Templates) -> dict[str, Any]:
    """The app's settings, whatever the size; of a choice, every name that it may give."""
    given: dict[str, Any] = {}
    for variable in VARIABLES:
        value = templates[APP].variables[variable]
        for choice in [value] if isinstance(value, dict) else objects_in(value):
            given |= choice
    return given


def _inner(expression: str) -> str:
    return expression.strip().strip("'")


def _plain(value: Any) -> str:
    if not isinstance(value, Code):
        return str(value)
    if value.startswith("'${database}"):
        return "mssql+pyodbc://@server.example/database"
    return re.sub(r"\$\{[^}]*\}", "x", _inner(value))


@functools.cache
def _app_functions() -> dict[str, dict[str, Any]]:
    sample = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    app = create_app(Settings.from_env(sample))
    return {
        str(function.get_function_name()): function.get_trigger().get_dict_repr()
        for function in app.get_functions()
    }


def _functions() -> set[str]:
    return set(_app_functions())


def _triggers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, trigger in _app_functions().items():
        if trigger["type"] == "serviceBusTrigger":
            yield name, trigger


def _namespace() -> dict[str, Any]:
    content = json.loads((ROOT / "infra" / "servicebus.json").read_text("utf-8"))
    namespace: dict[str, Any] = content["UserConfig"]["Namespaces"][0]
    return namespace


def _sizes() -> Any:
    return json.loads((ROOT / "infra" / "bicep" / "sizes.json").read_text("utf-8"))


def _said(namespace: dict[str, Any]) -> dict[str, list[str]]:
    """Of each kind of entity, by the template that carries it, the properties that say something:
    empty texts forward nothing.
    """
    subscriptions = [one for topic in namespace["Topics"] for one in topic["Subscriptions"]]
    kinds = {
        "modules/service-bus.bicep": namespace["Queues"],
        "modules/service-bus-topic.bicep": namespace["Topics"],
        "modules/service-bus-subscription.bicep": subscriptions,
    }
    return {
        file: sorted(
            {
                f"Properties.{name}"
                for one in found
                for name, value in one["Properties"].items()
                if value != ""
            }
        )
        for file, found in kinds.items()
    }


@functools.cache
def _imported() -> frozenset[str]:
    """What the deployed code imports of Azure's, Redis and what it asks of a storage account."""
    found = set()
    for folder in ("functions", "shared", "wiring"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            found |= _of_azure(file)
    return frozenset(found)


def _of_azure(file: Path) -> Iterator[str] | set[str]:
    text = file.read_text("utf-8")
    found = {"get_user_delegation_key"} if ".get_user_delegation_key(" in text else set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            named = [node.module]
        elif isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        else:
            continue
        found |= {name for name in named if re.match(r"(azure|redis|opencensus)\b", name)}
    return found


NEEDS: tuple[Check, ...] = (settings, databases, entities, places, roles)
