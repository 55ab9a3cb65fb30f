"""Bicep templates as data: what is declared, with values as far as they can be read offline.

The compiler cannot be had everywhere, so this reads the syntax tree alone. A text, a number, an
object and an array are themselves; any other expression is `Code`.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tree_sitter
import tree_sitter_bicep

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "infra" / "bicep"
_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
_TYPE = re.compile(r"'([^'@]+)@([^']+)'")


class Code(str):
    """An expression as it is written."""


@dataclass(frozen=True)
class Resource:
    symbol: str
    kind: str
    version: str
    existing: bool
    body: dict[str, Any]
    """Of a loop, the body of one."""
    text: str


@dataclass(frozen=True)
class Module:
    symbol: str
    file: str
    params: dict[str, Any]
    text: str


@dataclass(frozen=True)
class Parameter:
    has_default: bool
    secure: bool
    allowed: tuple[str, ...]


@dataclass
class Template:
    """`file` as others name it, from the folder of main.bicep."""

    file: str
    text: str
    errors: list[str] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)
    params: dict[str, Parameter] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    declarations: dict[str, str] = field(default_factory=dict)
    """Of each variable, what it is set to, as it is written."""
    outputs: dict[str, str] = field(default_factory=dict)

    def path(self, relative: str) -> Path:
        return (FOLDER / self.file).parent / relative

    def uses(self, name: str) -> bool:
        """Whether the name stands anywhere but in its declaration and in comments."""
        code = re.sub(r"(?m)^\s*//.*$|'[^'$\n]*'", "", self.text)
        code = re.sub(rf"(?m)^(param|var) {name}\b", "", code)
        return re.search(rf"(?<![\w.]){name}\b(?!:)|\bin {name}:", code) is not None


def load(texts: Mapping[str, str] | None = None) -> dict[str, Template]:
    """All templates, by file; `texts` takes the place of what is on the disk."""
    found = {
        file.relative_to(FOLDER).as_posix(): file.read_text("utf-8")
        for file in sorted(FOLDER.rglob("*.bicep"))
    }
    return {file: _read(file, text) for file, text in {**found, **(texts or {})}.items()}


def objects_in(expression: str) -> list[dict[str, Any]]:
    """The objects that an expression chooses from."""
    root = _PARSER.parse(f"var chosen = {expression}\n".encode()).root_node
    return [_value(node) for node in _bodies(root)]


def syntax_of(resource: Resource) -> tree_sitter.Node:
    """The object that describes it."""
    return next(_bodies(_PARSER.parse(resource.text.encode()).root_node))


@functools.cache
def _read(file: str, text: str) -> Template:
    """The same one for the same text, which nobody changes."""
    root = _PARSER.parse(text.encode()).root_node
    template = Template(file, text)
    template.errors = [
        f"{file}:{node.start_point[0] + 1}: {_text(node)[:60]!r}"
        for node in _walk(root)
        if node.is_error or node.is_missing
    ]
    decorators: list[str] = []
    for node in root.named_children:
        if node.type in ("decorator", "decorators"):
            decorators.append(_text(node))
            continue
        _declare(template, node, " ".join(decorators))
        if node.type != "comment":
            decorators = []
    return template


def _declare(template: Template, node: tree_sitter.Node, decorators: str) -> None:
    text = _text(node)
    if node.type == "resource_declaration":
        found = _TYPE.search(text)
        assert found is not None, text[:80]
        head = text.partition("=")[0]
        body = next(_bodies(node), None)
        template.resources.append(
            Resource(
                _name(node),
                found[1],
                found[2],
                " existing" in head,
                _value(body) if body else {},
                text,
            )
        )
    elif node.type == "module_declaration":
        found_file = re.search(r"'([^']+)'", text)
        assert found_file is not None
        body = next(_bodies(node))
        file = (Path(template.file).parent / found_file[1]).as_posix()
        template.modules.append(Module(_name(node), file, _value(body).get("params", {}), text))
    elif node.type == "parameter_declaration":
        allowed = re.search(r"@allowed\(\[([^\]]*)\]", decorators)
        template.params[_name(node)] = Parameter(
            "=" in text,
            "@secure()" in decorators,
            tuple(re.findall(r"'([^']*)'", allowed[1])) if allowed else (),
        )
    elif node.type == "variable_declaration":
        template.declarations[_name(node)] = text.partition("=")[2]
        template.variables[_name(node)] = _value(node.named_children[-1])
    elif node.type == "output_declaration":
        template.outputs[_name(node)] = text.partition("=")[2].strip()


def _bodies(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    return (found for found in _walk(node) if found.type == "object")


def _value(node: tree_sitter.Node) -> Any:
    match node.type:
        case "object":
            pairs = [child for child in node.named_children if child.type == "object_property"]
            return {_key(pair): _value(pair.named_children[-1]) for pair in pairs}
        case "array":
            return [_value(child) for child in node.named_children if child.type != "comment"]
        case "string" if "${" not in _text(node):
            return _text(node)[1:-1].replace("\\'", "'")
        case "number":
            return int(_text(node))
        case "boolean":
            return _text(node) == "true"
        case "null":
            return None
    return Code(_text(node))


def _key(pair: tree_sitter.Node) -> str:
    return _text(pair.named_children[0]).strip("'")


def _name(node: tree_sitter.Node) -> str:
    return _text(next(child for child in node.named_children if child.type == "identifier"))


def _text(node: tree_sitter.Node) -> str:
    assert node.text is not None
    return node.text.decode()


def _walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from _walk(child)
