"""The page at `/api/docs`: the OpenAPI document, drawn to be read and tried.

It asks no other server for anything, so it works offline, and its security policy allows only the
style and the script that are part of it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from shared.http.examples import example
from shared.http.markup import (
    inline,
    method_badge,
    paragraphs,
    required_mark,
    table,
    type_words,
)
from shared.http.schemas import Schema

Part = Mapping[str, Any]

_ASSETS = Path(__file__).with_name("docs_page")
_METHODS = ("get", "post", "put", "patch", "delete")
_ADVICE = {
    400: "Correct what `errors` names, then send it again.",
    401: "Send `Authorization: Bearer` and a token of the shop's issuer.",
    403: "Another user, or another role, is needed; the same call will fail again.",
    404: "Check the address; the thing may be gone.",
    405: "Use a method that the `Allow` header names.",
    409: "Read the present state, then decide anew.",
    412: "Read it again, take its new ETag, and decide anew.",
    413: "Send less, or use the upload that larger things have.",
    415: "Send the content type that the operation names.",
    422: "Take a new Idempotency-Key for another request.",
    428: "Read it first, then send its ETag as `If-Match`.",
    429: "Wait as long as `Retry-After` says.",
    500: "Try again later; quote `correlation_id` when asking for help.",
    503: "Try again after `Retry-After`.",
}


PROBLEM_PAGES = "/api/docs#problem-"
"""With a problem's kind behind it, where people read what the problem means."""


@dataclass(frozen=True, slots=True)
class Page:
    html: bytes
    content_security_policy: str


def page(document: Part) -> Page:
    style = (_ASSETS / "docs.css").read_text("utf-8")
    script = (_ASSETS / "docs.js").read_text("utf-8")
    title = escape(document["info"]["title"])
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<style>{style}</style></head><body>{_body(document)}<script>{script}</script></body></html>"
    )
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none';"
        f" style-src {_hash(style)}; script-src {_hash(script)}"
    )
    return Page(html.encode(), policy)


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _body(document: Part) -> str:
    info = document["info"]
    by_tag: dict[str, list[tuple[str, str, Part]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                by_tag[item[method]["tags"][0]].append((method, path, item[method]))
    for operations in by_tag.values():
        operations.sort(key=lambda found: "x-required-role" in found[2])
    sections = [
        f'<section id="tag-{escape(tag)}"><h2>{escape(tag)}</h2>'
        + "".join(_Operation(document, *found).draw() for found in operations)
        + "</section>"
        for tag, operations in by_tag.items()
    ]
    return (
        f'<header class="top"><div><h1>{escape(info["title"])} <small>API '
        f"{escape(info['version'])}</small></h1>{paragraphs(info['description'])}"
        '<p><a href="/api/openapi.json">openapi.json</a> · <a href="#problems">problems</a>'
        ' · <a href="#schemas">schemas</a></p></div><label class="token">Bearer token for tries'
        '<input id="token" type="password" autocomplete="off" spellcheck="false"'
        ' placeholder="python3 dev.py token --role catalogue.write"></label></header>'
        f'<div class="columns"><nav aria-label="Operations">{_contents(by_tag)}</nav><main>'
        f"{''.join(sections)}{_problems(document)}{_schemas(document)}</main></div>"
    )


def _contents(by_tag: Mapping[str, Iterable[tuple[str, str, Part]]]) -> str:
    parts = []
    for tag, operations in by_tag.items():
        links = "".join(
            f'<li><a href="#{operation["operationId"]}">{method_badge(method)}'
            f"<span>{escape(operation['summary'])}</span></a></li>"
            for method, _, operation in operations
        )
        parts.append(f'<a class="tag" href="#tag-{escape(tag)}">{escape(tag)}</a><ul>{links}</ul>')
    return (
        "".join(parts)
        + '<a class="tag" href="#problems">problems</a>'
        + ('<a class="tag" href="#schemas">schemas</a>')
    )


class _Operation:
    """One operation as a fold-out: its first line says what it is, the rest how to use it."""

    def __init__(self, document: Part, method: str, path: str, operation: Part) -> None:
        self._components = document["components"]
        self._method = method
        self._path = path
        self._operation = operation
        self._parameters = [self._resolved(item) for item in operation["parameters"]]

    def draw(self) -> str:
        operation = self._operation
        breakable = escape(self._path).replace("/", "/<wbr>")
        shown_path = re.sub(r"(\{\w+\})", r"<i>\1</i>", breakable)
        return (
            f'<details class="operation" id="{operation["operationId"]}"><summary>'
            f'{method_badge(self._method)}<code class="path">{shown_path}</code>'
            f'<span class="what">{escape(operation["summary"])}</span>{self._lock()}</summary>'
            f"<div>{paragraphs(operation.get('description', ''))}{self._parameter_table()}"
            f"{self._request_body()}{self._answers()}{self._try()}</div></details>"
        )

    def _lock(self) -> str:
        operation = self._operation
        if role := operation.get("x-required-role"):
            return f'<span class="lock">role {escape(role)}</span>'
        if not operation["security"]:
            return ""
        sign_in = "sign in (optional)" if {} in operation["security"] else "sign in"
        return f'<span class="lock">{sign_in}</span>'

    def _parameter_table(self) -> str:
        rows = [
            f"<tr><th><code>{escape(item['name'])}</code>{required_mark(item)}</th>"
            f"<td>{item['in']}</td><td>{type_words(item['schema'])}</td>"
            f"<td>{inline(item.get('description', ''))}</td></tr>"
            for item in self._parameters
        ]
        return f"<h4>Parameters</h4>{table(('Name', 'In', 'Type', 'Meaning'), rows)}"

    def _request_body(self) -> str:
        body = self._operation.get("requestBody")
        if body is None:
            return ""
        types = ", ".join(f"<code>{escape(name)}</code>" for name in body["content"])
        schema = next(iter(body["content"].values()))["schema"]
        return (
            f"<h4>Body</h4><p>{type_words(schema)} as {types}. {escape(body['description'])}"
            f"{'' if body['required'] else ' May be left out.'}</p>{self._example(schema)}"
        )

    def _answers(self) -> str:
        rows = []
        shown = ""
        for status, given in self._operation["responses"].items():
            answer = self._resolved(given)
            content = answer.get("content", {})
            kinds = [
                f'<a href="#problem-{escape(kind)}">{escape(kind)}</a>'
                for media in content.values()
                for kind in media.get("examples", {})
            ]
            types = [
                f"{type_words(media['schema'])} <small>{escape(name)}</small>"
                for name, media in content.items()
                if "examples" not in media
            ]
            if types and not shown and "application/json" in content:
                shown = self._example(content["application/json"]["schema"])
            meaning = escape(answer["description"]) if types or not kinds else ""
            rows.append(
                f'<tr><th><span class="status s{status[0]}">{status}</span></th>'
                f"<td>{'<br>'.join([*filter(None, [meaning]), *types, *kinds])}</td></tr>"
            )
        return f"<h4>Answers</h4>{table(('Status', 'What it means'), rows)}{shown}"

    def _example(self, schema: Schema) -> str:
        if schema.get("format") == "binary":
            return ""
        value = example(schema, self._components["schemas"])
        return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"

    def _try(self) -> str:
        fields = "".join(
            self._field(item) for item in self._parameters if item["name"] != "x-correlation-id"
        )
        body = self._operation.get("requestBody")
        if body is not None:
            media_type, media = next(iter(body["content"].items()))
            value = ""
            if media["schema"].get("format") != "binary":
                made = example(media["schema"], self._components["schemas"])
                value = json.dumps(made, indent=2, ensure_ascii=False)
            fields += (
                f'<label class="wide">body ({escape(media_type)})<textarea rows="8" name="body"'
                f' data-in="body" data-type="{escape(media_type)}" spellcheck="false">'
                f"{escape(value)}</textarea></label>"
            )
        return (
            f'<form class="try" data-method="{self._method.upper()}"'
            f' data-path="{escape(self._path)}"><h4>Try it</h4><div class="fields">{fields}</div>'
            '<button type="submit">Send</button><output aria-live="polite"></output></form>'
        )

    def _field(self, parameter: Part) -> str:
        """What must be sent is filled in, so that a first try succeeds."""
        name = escape(parameter["name"])
        value = ""
        if parameter.get("required"):
            made = parameter.get("example") or example(
                parameter["schema"], self._components["schemas"]
            )
            value = f' required value="{escape(str(made))}"'
        return (
            f"<label><span>{name}{required_mark(parameter)}</span>"
            f'<input name="{name}" data-in="{parameter["in"]}"{value}'
            ' autocomplete="off" spellcheck="false"></label>'
        )

    def _resolved(self, item: Part) -> Part:
        if "$ref" not in item:
            return item
        group, name = item["$ref"].removeprefix("#/components/").split("/")
        resolved: Part = self._components[group][name]
        return resolved


def _problems(document: Part) -> str:
    rows = [
        f'<tr id="problem-{escape(item["kind"])}"><th><code>/problems/{escape(item["kind"])}</code>'
        f'</th><td><span class="status s{str(item["status"])[0]}">{item["status"]}</span></td>'
        f"<td>{escape(item['title'])}.</td>"
        f"<td>{inline(_ADVICE.get(item['status'], ''))}</td></tr>"
        for item in document["x-problems"]
    ]
    return (
        '<section id="problems"><h2>problems</h2><p>Every error has the content type'
        " <code>application/problem+json</code> and this shape: "
        '<a href="#schema-Problem">Problem</a>. Decide by <code>type</code>; it never changes.</p>'
        f"{table(('Type', 'Status', 'Meaning', 'What to do'), rows)}</section>"
    )


def _schemas(document: Part) -> str:
    drawn = "".join(
        f'<details class="schema" id="schema-{escape(name)}"><summary>{escape(name)}</summary>'
        f"<div>{paragraphs(schema.get('description', ''))}{_fields(schema)}</div></details>"
        for name, schema in document["components"]["schemas"].items()
    )
    return f'<section id="schemas"><h2>schemas</h2>{drawn}</section>'


def _fields(schema: Schema) -> str:
    if "properties" not in schema:
        return f"<p>{type_words(schema)}</p>"
    required = schema.get("required", [])
    rows = [
        f"<tr><th><code>{escape(name)}</code>{required_mark({'required': name in required})}</th>"
        f"<td>{type_words(inner)}</td><td>{inline(inner.get('description', ''))}</td></tr>"
        for name, inner in schema["properties"].items()
    ]
    return table(("Field", "Type", "Meaning"), rows)
