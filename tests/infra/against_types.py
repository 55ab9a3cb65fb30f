"""Compares the templates with Azure's own descriptions of its resources, property by property.

No test: the index is a gigabyte. With a clone of https://github.com/Azure/bicep-types-az,
`.venv/bin/python -m tests.infra.against_types CLONE` prints what is unknown, read-only, missing or
of the wrong kind; do so before a type comes into resource_types.py, or a property into a template.
"""

import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tree_sitter

from tests.support.bicep import load, syntax_of

REQUIRED, READ_ONLY = 1, 2
KINDS = {
    "StringType": "string",
    "IntegerType": "number",
    "BooleanType": "boolean",
    "ArrayType": "array",
    "ObjectType": "object",
    "DiscriminatedObjectType": "object",
}
BEYOND = {"parent", "scope", "dependsOn"}
"""What Bicep itself gives a resource."""


class Types:
    """The types of one file of the index; they refer to each other by number."""

    def __init__(self, file: Path) -> None:
        self.all: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))

    def of(self, reference: dict[str, str]) -> dict[str, Any]:
        return self.all[int(reference["$ref"].rpartition("/")[2])]


@functools.cache
def types_of(clone: Path, kind: str, version: str) -> tuple[Types, dict[str, Any]] | None:
    namespace = kind.partition("/")[0].lower()
    for file in sorted(clone.glob(f"generated/*/*/{version}/types.json")):
        if file.parts[-3].lower() == namespace:
            types = Types(file)
            for one in types.all:
                named = one["$type"] == "ResourceType" and one["name"].lower()
                if named == f"{kind}@{version}".lower():
                    return types, types.of(one["body"])
    return None


def differences(types: Types, wanted: dict[str, Any], node: tree_sitter.Node) -> Iterator[str]:
    if node.type == "ternary_expression":
        for branch in node.named_children[1:3]:
            yield from differences(types, wanted, branch)
        return
    kind = wanted["$type"]
    literal = node.type in ("string", "number", "boolean", "array", "object")
    if literal and kind in KINDS and node.type != KINDS[kind]:
        yield f": {KINDS[kind]}, not {node.type}"
    elif kind == "UnionType" and node.type == "string" and "${" not in str(node.text):
        choices = [types.of(one) for one in wanted["elements"]]
        words = [one.get("value") for one in choices]
        if text_of(node) not in words and not any(c["$type"] == "StringType" for c in choices):
            yield f": {text_of(node)} is none of {words}"
    elif kind == "ArrayType" and node.type == "array":
        for item in node.named_children:
            if item.type != "comment":
                yield from differences(types, types.of(wanted["itemType"]), item)
    elif node.type == "object" and kind in ("ObjectType", "DiscriminatedObjectType"):
        yield from members(types, wanted, node)


def members(types: Types, wanted: dict[str, Any], node: tree_sitter.Node) -> Iterator[str]:
    pairs = [child for child in node.named_children if child.type == "object_property"]
    given = {text_of(pair.named_children[0]): pair.named_children[-1] for pair in pairs}
    known = dict(wanted.get("properties") or wanted.get("baseProperties") or {})
    if wanted["$type"] == "DiscriminatedObjectType":
        chosen = given.get(wanted["discriminator"])
        word = text_of(chosen) if chosen is not None else None
        if word not in wanted["elements"]:
            yield f".{wanted['discriminator']}: {word} is none of {list(wanted['elements'])}"
            return
        known |= types.of(wanted["elements"][word])["properties"]
    rest = wanted.get("additionalProperties")
    for name, value in given.items():
        if name in BEYOND or "${" in name:
            continue
        if name in known and known[name].get("flags", 0) & READ_ONLY:
            yield f".{name}: read-only"
        elif name in known or rest:
            inner = types.of(known[name]["type"] if name in known else rest)
            yield from (f".{name}{found}" for found in differences(types, inner, value))
        else:
            yield f".{name}: unknown"
    for name, described in known.items():
        if described.get("flags", 0) & (REQUIRED | READ_ONLY) == REQUIRED and name not in given:
            yield f".{name}: missing"


def text_of(node: tree_sitter.Node) -> str:
    assert node.text is not None
    return node.text.decode().strip("'")


def main(clone: Path) -> int:
    wrong = []
    for template in load().values():
        for resource in template.resources:
            found = types_of(clone, resource.kind, resource.version)
            where = f"{template.file}: {resource.symbol}"
            if found is None:
                wrong.append(f"{where}: {resource.kind}@{resource.version} is not in the index")
            elif not resource.existing:
                types, body = found
                lines = differences(types, body, syntax_of(resource))
                wrong += [f"{where}{line}" for line in lines]
    sys.stdout.write("\n".join([*wrong, "no difference"][: len(wrong) or 1]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
