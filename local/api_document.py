"""Writes the app's OpenAPI document in the parts that API Management imports.

Each is an API of its own there, with a prefix, a product and a policy; so paths lose the prefix.
Deployments and tests write them anew; they are not kept in the repository.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import azure.functions as func

from shared.config import Settings
from wiring import create_app

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "infra" / "apim" / "openapi"
PREFIXES = {"admin": "/api/v1/admin", "webhooks": "/api/v1/webhooks", "shop": "/api"}
"""The longest first: a path belongs to the first whose prefix it has."""


REFERENCE = re.compile(r'"#/components/(\w+)/([^"]+)"')
OPERATION = "ops_openapi_document"


def whole() -> dict[str, Any]:
    """The document as the app serves it on Azure, where files are sent to the blob store itself;
    no other setting matters to it.
    """
    sample = json.loads((ROOT / "local.settings.sample.json").read_text("utf-8"))["Values"]
    del sample["BLOB_FOLDER"]
    sample["BlobConnection__blobServiceUri"] = "https://media.example"
    app = create_app(Settings.from_env(sample))
    served = next(f for f in app.get_functions() if f.get_function_name() == OPERATION)
    context = SimpleNamespace(trace_context=SimpleNamespace(trace_parent=None, trace_state=None))
    request = func.HttpRequest(method="GET", url="http://shop/api/openapi.json", body=b"")
    document: dict[str, Any] = json.loads(served.get_user_function()(request, context).get_body())
    return document


def parts(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The document of each API, by its name."""
    split: dict[str, dict[str, Any]] = {
        name: {**document, "paths": {}, "servers": [{"url": prefix}]}
        for name, prefix in PREFIXES.items()
    }
    for path, operations in document["paths"].items():
        name = next(name for name, prefix in PREFIXES.items() if path.startswith(f"{prefix}/"))
        split[name]["paths"][path.removeprefix(PREFIXES[name])] = operations
    for part in split.values():
        part["components"] = used(part["paths"], document["components"])
    return split


def used(paths: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The components that the paths name, and those that these name in turn."""
    kept: dict[str, dict[str, Any]] = {kind: {} for kind in components}
    kept["securitySchemes"] = components.get("securitySchemes", {})
    looked_at = json.dumps(paths)
    while looked_at:
        named = {tuple(found) for found in REFERENCE.findall(looked_at)}
        new = [(kind, name) for kind, name in sorted(named) if name not in kept[kind]]
        for kind, name in new:
            kept[kind][name] = components[kind][name]
        looked_at = json.dumps([components[kind][name] for kind, name in new]) if new else ""
    return {kind: members for kind, members in kept.items() if members}


def write(folder: Path = FOLDER) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in parts(whole()).items():
        file = folder / f"{name}.json"
        file.write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
        written.append(file)
    return written


def main(arguments: Sequence[str]) -> int:
    for file in write(Path(arguments[0]) if arguments else FOLDER):
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
