"""What must hold for the templates. Each check takes them all and returns what is wrong."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from local.deployment.vault import GIVEN
from tests.infra.resource_types import is_allowed
from tests.support.bicep import FOLDER, Code, Resource, Template

Templates = Mapping[str, Template]
Check = Callable[[Templates], list[str]]

_LOADS = re.compile(r"load(?:Text|Json)Content\('([^']+)'\)")
_OUTPUT = re.compile(r"\b(\w+)(?:\[\w+\])?!?\.outputs\.(\w+)")
_OPENS = re.compile(
    r"\blist[A-Z]\w*\(|\.list\w+\(|AccountKey=|SharedAccessKey|\bsas\b", re.IGNORECASE
)
_FOR_THE_NETWORK = "isPrivate ? 'Disabled' : 'Enabled'"

LOCAL_AUTH: dict[str, dict[str, Any]] = {
    "Microsoft.Cache/redisEnterprise/databases": {"accessKeysAuthentication": "Disabled"},
    "Microsoft.Communication/communicationServices": {"disableLocalAuth": True},
    "Microsoft.Compute/virtualMachines": {
        "osProfile.linuxConfiguration.disablePasswordAuthentication": True
    },
    "Microsoft.DocumentDB/databaseAccounts": {
        "disableLocalAuth": True,
        "disableKeyBasedMetadataWriteAccess": True,
    },
    "Microsoft.Insights/components": {"DisableLocalAuth": True},
    "Microsoft.KeyVault/vaults": {"enableRbacAuthorization": True},
    "Microsoft.OperationalInsights/workspaces": {"features.disableLocalAuth": True},
    "Microsoft.ServiceBus/namespaces": {"disableLocalAuth": True},
    "Microsoft.Sql/servers": {"administrators.azureADOnlyAuthentication": True},
    "Microsoft.Storage/storageAccounts": {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"allow": False},
}
TRANSPORT: dict[str, dict[str, Any]] = {
    "Microsoft.Cache/redisEnterprise": {"minimumTlsVersion": "1.2"},
    "Microsoft.Cache/redisEnterprise/databases": {"clientProtocol": "Encrypted"},
    "Microsoft.DocumentDB/databaseAccounts": {"minimalTlsVersion": "Tls12"},
    "Microsoft.ServiceBus/namespaces": {"minimumTlsVersion": "1.2"},
    "Microsoft.Sql/servers": {"minimalTlsVersion": "1.2"},
    "Microsoft.Storage/storageAccounts": {
        "minimumTlsVersion": "TLS1_2",
        "supportsHttpsTrafficOnly": True,
    },
    "Microsoft.Web/sites": {"httpsOnly": True, "siteConfig.minTlsVersion": "1.2"},
}
NETWORK: dict[str, tuple[str, ...]] = {
    "Microsoft.ApiManagement/service": ("isPrivate ? publicNetworkAccess : 'Enabled'",),
    "Microsoft.Cache/redisEnterprise": ("Disabled",),
    "Microsoft.DocumentDB/databaseAccounts": (_FOR_THE_NETWORK,),
    "Microsoft.DurableTask/schedulers": ("Disabled",),
    "Microsoft.KeyVault/vaults": ("publicNetworkAccess",),
    "Microsoft.ServiceBus/namespaces": (_FOR_THE_NETWORK,),
    "Microsoft.Sql/servers": (_FOR_THE_NETWORK,),
    "Microsoft.Storage/storageAccounts": (_FOR_THE_NETWORK, "Enabled"),
    "Microsoft.Web/sites": (_FOR_THE_NETWORK,),
}
"""What may stand as publicNetworkAccess. Of storage, media alone is reached from outside."""
NAMES = {
    "Microsoft.ApiManagement/service": r"[a-z][a-z0-9-]{0,48}[a-z0-9]",
    "Microsoft.Cache/redisEnterprise": r"(?=.{1,60}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*",
    "Microsoft.Cdn/profiles/afdEndpoints": r"[a-zA-Z0-9][a-zA-Z0-9-]{0,44}[a-zA-Z0-9]",
    "Microsoft.Cdn/profiles/ruleSets": r"[a-zA-Z][a-zA-Z0-9]{0,59}",
    "Microsoft.Cdn/profiles/ruleSets/rules": r"[a-zA-Z][a-zA-Z0-9]{0,259}",
    "Microsoft.DocumentDB/databaseAccounts": r"[a-z0-9][a-z0-9-]{1,42}[a-z0-9]",
    "Microsoft.DurableTask/schedulers": r"[a-zA-Z0-9][a-zA-Z0-9-]{1,62}[a-zA-Z0-9]",
    "Microsoft.KeyVault/vaults": r"[a-z](?!.*--)[a-z0-9-]{1,22}[a-z0-9]",
    "Microsoft.Network/FrontDoorWebApplicationFirewallPolicies": r"[a-zA-Z][a-zA-Z0-9]{0,127}",
    "Microsoft.ServiceBus/namespaces": r"[a-z](?!.*(-sb|-mgmt)$)[a-z0-9-]{4,48}[a-z0-9]",
    "Microsoft.Sql/servers": r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Web/sites": r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]",
}
"""Of what must be unique in the world, or is choosy. Of an app's name its host sees 32 letters."""

HOSTS = (
    "api.loganalytics.io", "core.windows.net", "database.windows.net", "graph.windows.net",
    "login.microsoftonline.com", "management.azure.com", "trafficmanager.net", "vault.azure.net",
)  # fmt: skip
"""Of the linter's no-hardcoded-env-urls; `environment()` says them."""


def syntax(templates: Templates) -> list[str]:
    return [error for template in templates.values() for error in template.errors]


def types(templates: Templates) -> list[str]:
    return [
        f"{template.file}: {resource.kind}@{resource.version} is not in resource_types.py"
        for template in templates.values()
        for resource in template.resources
        if not is_allowed(resource.kind, resource.version)
    ]


def modules(templates: Templates) -> list[str]:
    """Each file exists and is used, gets what it asks for, and nothing else."""
    wrong = []
    called = {"main.bicep"}
    for template in templates.values():
        for module in template.modules:
            called.add(module.file)
            if module.file not in templates:
                wrong.append(f"{template.file}: {module.file} is not there")
                continue
            params = templates[module.file].params
            where = f"{template.file}: {module.symbol}"
            wrong += [f"{where} has no {name}" for name in sorted(module.params.keys() - params)]
            wrong += [
                f"{where} needs {name}"
                for name, parameter in params.items()
                if not parameter.has_default and name not in module.params
            ]
    return wrong + [f"{file} is used by none" for file in sorted(templates.keys() - called)]


def names(templates: Templates) -> list[str]:
    """Each parameter and variable is used; each output that is read exists."""
    wrong = []
    for template in templates.values():
        declared = [*template.params, *template.variables]
        wrong += [f"{template.file}: {n} is not used" for n in declared if not template.uses(n)]
        files = {module.symbol: module.file for module in template.modules}
        for symbol, output in _OUTPUT.findall(template.text):
            if symbol not in files:
                wrong.append(f"{template.file}: there is no module {symbol}")
            elif files[symbol] in templates and output not in templates[files[symbol]].outputs:
                wrong.append(f"{template.file}: {files[symbol]} has no output {output}")
    return wrong


def files(templates: Templates) -> list[str]:
    """What is loaded at compile time is there, and small enough (Bicep, load* functions)."""
    wrong = []
    for template in templates.values():
        for relative in _LOADS.findall(template.text):
            path = template.path(relative)
            if not path.is_file():
                wrong.append(f"{template.file}: {relative} is not there")
            elif path.stat().st_size > (1_048_576 if path.suffix == ".json" else 131_072):
                wrong.append(f"{template.file}: {relative} is too large to load")
    return wrong


def order(templates: Templates) -> list[str]:
    """Modules of main.bicep do not wait for each other in a circle; what would fail without its
    roles or its ways waits for them."""
    main = templates["main.bicep"]
    waits = {module.symbol: _waits_for(main, module.text, set()) for module in main.modules}
    wrong = [
        f"{name} may start before it has its {needed}"
        for name, needed in (("app", "roles"), ("app", "ways"), ("mediaEvents", "roles"))
        if needed not in waits[name]
    ]
    done: set[str] = set()
    while ready := {name for name, others in waits.items() if others <= done} - done:
        done |= ready
    if stuck := waits.keys() - done:
        wrong.append(f"they wait for each other: {sorted(stuck)}")
    return wrong


def _waits_for(main: Template, text: str, seen: set[str]) -> set[str]:
    """Modules whose outputs the text reads, by itself or through variables, or that it names."""
    listed = re.findall(r"dependsOn: \[([^\]]*)\]", text)
    found = {symbol for symbol, _ in _OUTPUT.findall(text)}
    found |= {name.strip() for names_ in listed for name in names_.split(",")}
    for name, declared in main.declarations.items():
        if name not in seen and re.search(rf"(?<![\w.]){name}\b", text):
            seen.add(name)
            found |= _waits_for(main, declared, seen)
    return found


def name_limits(templates: Templates) -> list[str]:
    """Names are as long, and of such signs, as their kinds allow (resource-name-rules of Azure)."""
    wrong = []
    for template, resource in _own(templates):
        if resource.kind in NAMES:
            for name in _names_of(templates, template, resource.body["name"]):
                if not re.fullmatch(NAMES[resource.kind], name):
                    wrong.append(f"{template.file}: {resource.symbol} cannot be called {name}")
    return wrong


def conditions(templates: Templates) -> list[str]:
    """What is not there has a name all the same: Azure checks names before it asks conditions, and
    an empty one ends the whole deployment (https://github.com/Azure/bicep/issues/9594)."""
    return [
        f"{template.file}: {resource.symbol} has no name where it is not there"
        for template in templates.values()
        for resource in template.resources
        if re.match(r"[^\n]*= if \(", resource.text) and resource.body["name"] in template.params
    ]


def linter(templates: Templates) -> list[str]:
    """What bicepconfig.json makes an error, as far as a text shows it: no address that a cloud has
    another of, and no administrator's name that is a constant, whether by a variable or not."""
    wrong = []
    for template in templates.values():
        code = re.sub(r"(?m)^\s*//.*$", "", template.text)
        for host in re.findall(rf"'[^'\n]*?\b({'|'.join(map(re.escape, HOSTS))})\b", code):
            wrong.append(f"{template.file}: {host} is written out")
        for name in re.findall(r"adminUsername: (.*)", code):
            if name not in template.params:
                wrong.append(f"{template.file}: {name} is a constant")
    return wrong


def _names_of(templates: Templates, template: Template, name: Any) -> list[str]:
    """What an expression for a name comes to; a parameter's values are those that callers give."""
    if isinstance(name, Code) and name in template.params:
        given = [
            (caller, module.params[name])
            for caller in templates.values()
            for module in caller.modules
            if module.file == template.file
        ]
        return [found for caller, value in given for found in _names_of(templates, caller, value)]
    if isinstance(name, Code) and name in template.variables:
        return _names_of(templates, template, template.variables[name])
    return [str(name).strip("'").replace("${token}", "0a1b2c3d4e5f6")]


def secrets(templates: Templates) -> list[str]:
    """No output opens anything; a secure parameter has no default; nothing is written in plain."""
    wrong = []
    for template in templates.values():
        secure = [name for name, parameter in template.params.items() if parameter.secure]
        wrong += [
            f"{template.file}: {n} has a default" for n in secure if template.params[n].has_default
        ]
        for name, value in template.outputs.items():
            if _OPENS.search(value) or any(re.search(rf"\b{n}\b", value) for n in secure):
                wrong.append(f"{template.file}: the output {name} shows a secret")
        for found in re.finditer(r"(?<!')\b(sk|rk|whsec)_\w+|EZ[AT]K\w+", template.text):
            wrong.append(f"{template.file}: {found[0][:8]}... is a secret")
    return wrong


def local_auth(templates: Templates) -> list[str]:
    return _properties(templates, LOCAL_AUTH)


def transport(templates: Templates) -> list[str]:
    return _properties(templates, TRANSPORT)


def network(templates: Templates) -> list[str]:
    """In the private sizes nothing is public but Front Door, media and, until its endpoint is
    approved, API Management."""
    wrong = []
    public_accounts = []
    for template, resource in _own(templates):
        access = resource.body.get("properties", {}).get("publicNetworkAccess")
        if resource.kind not in NETWORK:
            if (
                access is not None
                and resource.kind != "Microsoft.ServiceBus/namespaces/networkRuleSets"
            ):
                wrong.append(f"{template.file}: what may {resource.kind} be?")
        elif access not in NETWORK[resource.kind]:
            wrong.append(f"{template.file}: {resource.symbol} is public: {access}")
        elif resource.kind == "Microsoft.Storage/storageAccounts" and access == "Enabled":
            public_accounts.append(resource.symbol)
    if public_accounts != ["media"]:
        wrong.append(f"public accounts: {public_accounts}")
    for vault in (module for module in templates["main.bicep"].modules if "vault" in module.file):
        given = vault.params.get("publicNetworkAccess")
        if given not in ("Disabled", "chosen.private ? 'Disabled' : 'Enabled'"):
            wrong.append(f"main.bicep: {vault.symbol} is public: {given}")
    return wrong


def sizes(templates: Templates) -> list[str]:
    """Each size says the same things, main.bicep knows each, and no entry goes unread."""
    table = json.loads((FOLDER / "sizes.json").read_text("utf-8"))
    allowed = templates["main.bicep"].params["size"].allowed
    wrong = [] if tuple(table) == allowed else [f"sizes {tuple(table)}, main.bicep {allowed}"]
    shapes = {name: set(size) for name, size in table.items()}
    wrong += [
        f"{name} says other things" for name, shape in shapes.items() if shape != shapes["dev"]
    ]
    chosen = set(re.findall(r"\bchosen\.(\w+)", templates["main.bicep"].text))
    wrong += [f"sizes.json: nobody reads {name}" for name in sorted(shapes["dev"] - chosen)]
    return wrong + [f"sizes.json has no {name}" for name in sorted(chosen - shapes["dev"])]


def deployment_parameters(templates: Templates) -> list[str]:
    """main.parameters.json gives what main.bicep asks for, and no secret."""
    text = (FOLDER / "main.parameters.json").read_text("utf-8")
    given = json.loads(text)["parameters"]
    params = templates["main.bicep"].params
    needed = {name for name, parameter in params.items() if not parameter.has_default}
    wrong = [f"main.parameters.json lacks {name}" for name in sorted(needed - given.keys())]
    wrong += [f"main.bicep has no {name}" for name in sorted(given.keys() - params.keys())]
    read = set(re.findall(r"(?<!/)\bshop\.(\w+)", "".join(t.text for t in templates.values())))
    shop = given["shop"]["value"].keys()
    wrong += [f"shop.{name} is read or given alone" for name in sorted(read ^ shop)]
    named = set(re.findall(r"\$\{(\w+)", text))
    return wrong + [f"{name} is a secret" for name in sorted(named & {*GIVEN.values()})]


def resource_of(templates: Templates, file: str, symbol: str) -> Resource:
    return next(r for r in templates[file].resources if r.symbol == symbol)


def _own(templates: Templates) -> Iterable[tuple[Template, Resource]]:
    for template in templates.values():
        for resource in template.resources:
            if not resource.existing:
                yield template, resource


def _properties(templates: Templates, wanted: Mapping[str, Mapping[str, Any]]) -> list[str]:
    wrong = []
    seen = set()
    for template, resource in _own(templates):
        seen.add(resource.kind)
        for path, value in wanted.get(resource.kind, {}).items():
            found: Any = resource.body.get("properties", {})
            for name in path.split("."):
                found = found.get(name) if isinstance(found, dict) else None
            if found != value or isinstance(found, Code):
                wrong.append(f"{template.file}: {resource.symbol}: {path} is {found}")
    return wrong + [f"there is no {kind}" for kind in sorted(wanted.keys() - seen)]


STRUCTURE: tuple[Check, ...] = (
    syntax, types, modules, names, name_limits, conditions, linter, order, files, secrets,
    local_auth, transport, network, sizes, deployment_parameters,
)  # fmt: skip
