"""The OpenAPI 3.0.3 document of the app, made from its registered operations.

API Management imports it as it is (3.1 it imports with gaps). Equal operations give equal bytes.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel

from shared.http import problems
from shared.http.calls import Nothing, RawBody
from shared.http.openapi_components import HEADERS, PARAMETERS, PROBLEM, Part
from shared.http.operations import JSON_TYPE, Operation
from shared.http.schemas import REF_PREFIX, Mode, Schemas
from shared.kit.errors import AppError

_PLACEHOLDER = re.compile(r"\{\*?(\w+)[^{}]*\}")
_TITLE = "Bookstore"
_API_VERSION = "1.0.0"
_ABOUT = (
    "Browse, buy and track books. Money is in integer minor units with its currency, times are UTC"
    " (ISO 8601), names are snake_case. Every error is a problem document (RFC 9457); `type` is"
    " stable, `errors` names the fields, and `correlation_id` is what to quote when asking for"
    " help. Lists are read page by page with `next_cursor`."
)
_CORRELATION = {"$ref": "#/components/parameters/CorrelationId"}
_CORRELATION_HEADER = {"x-correlation-id": {"$ref": "#/components/headers/CorrelationId"}}


def render(operations: Sequence[Operation]) -> bytes:
    return json.dumps(document(operations), ensure_ascii=False, indent=1).encode()


def document(operations: Sequence[Operation]) -> Part:
    schemas = Schemas(_models(operations))
    paths: Part = {}
    for operation in sorted(operations, key=lambda item: (item.path, item.method)):
        path = paths.setdefault(path_of(operation), {})
        path[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.0.3",
        "info": {"title": _TITLE, "version": _API_VERSION, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(item.tag for item in operations)],
        "paths": paths,
        "components": {
            "schemas": _components(schemas, operations),
            "responses": _problem_responses(operations),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
        "x-problems": [_explained(kind) for kind in _problem_kinds(operations)],
    }


def path_of(operation: Operation) -> str:
    """The address as OpenAPI writes it: constraints and defaults of the route are left out."""
    return "/api/" + _PLACEHOLDER.sub(r"{\1}", operation.path.strip("/"))


def _models(operations: Iterable[Operation]) -> Iterable[tuple[type[BaseModel], Mode]]:
    for operation in operations:
        for model in (operation.path_model, operation.query_model, operation.body_model):
            if model not in (Nothing, RawBody):
                yield model, "validation"
        if operation.json_model is not None:
            yield operation.json_model, "validation"
        for answer in operation.answers.values():
            if answer is not None:
                yield answer, "serialization"


def _components(schemas: Schemas, operations: Iterable[Operation]) -> Part:
    """Path and query models are spelled out as parameters, and so are no components."""
    spelled_out = {
        schemas.of(model, "validation")["$ref"].removeprefix(REF_PREFIX)
        for operation in operations
        for model in (operation.path_model, operation.query_model)
        if model is not Nothing
    }
    kept = {name: schema for name, schema in schemas.components.items() if name not in spelled_out}
    return dict(sorted({**kept, "Problem": PROBLEM}.items()))


def _explained(kind: type[AppError]) -> Part:
    return {"kind": kind.kind, "status": kind.status, "title": kind.title}


def _operation(operation: Operation, schemas: Schemas) -> Part:
    found: Part = {"operationId": operation.name, "tags": [operation.tag]}
    found["summary"] = operation.summary
    if operation.description:
        found["description"] = operation.description
    found["parameters"] = [
        *_parameters(operation.path_model, "path", schemas),
        *_parameters(operation.query_model, "query", schemas),
        *_header_parameters(operation),
    ]
    if operation.takes_body:
        found["requestBody"] = _request_body(operation, schemas)
    found["responses"] = _responses(operation, schemas)
    found["security"] = {
        "ignored": [],
        "optional": [{}, {"bearer": []}],
        "required": [{"bearer": []}],
    }[operation.sign_in]
    if operation.role is not None:
        found["x-required-role"] = operation.role
    return found


def _parameters(model: type[BaseModel], place: str, schemas: Schemas) -> Iterable[Part]:
    if model is Nothing:
        return
    whole = schemas.resolved(schemas.of(model, "validation"))
    for name, schema in whole.get("properties", {}).items():
        description = schema.pop("description", None) if "$ref" not in schema else None
        parameter: Part = {"name": name, "in": place}
        if description:
            parameter["description"] = description
        parameter["required"] = place == "path" or name in whole.get("required", [])
        # An address cannot say null: leaving the parameter out is the only way.
        parameter["schema"] = {key: schema[key] for key in schema if key != "nullable"}
        if None in schema.get("enum", ()):
            parameter["schema"]["enum"] = [item for item in schema["enum"] if item is not None]
        yield parameter


def _header_parameters(operation: Operation) -> Iterable[Part]:
    if operation.idempotent:
        yield {"$ref": "#/components/parameters/IdempotencyKey"}
    if operation.if_match:
        yield {"$ref": "#/components/parameters/IfMatch"}
    if operation.etag and operation.method == "GET":
        yield {"$ref": "#/components/parameters/IfNoneMatch"}
    yield _CORRELATION


def _request_body(operation: Operation, schemas: Schemas) -> Part:
    if operation.body_model is RawBody:
        schema: Part = {"type": "string", "format": "binary"}
    else:
        schema = schemas.of(operation.body_model, "validation")
    content = {name: {"schema": schema} for name in operation.body_types or ("*/*",)}
    if operation.json_model is not None:
        content[JSON_TYPE] = {"schema": schemas.of(operation.json_model, "validation")}
    return {
        "description": f"At most {operation.largest_body // 1024} KiB.",
        "required": operation.body_required,
        "content": content,
    }


def _responses(operation: Operation, schemas: Schemas) -> Part:
    found: dict[int, Part] = {}
    for status, model in operation.answers.items():
        found[status] = _answer(operation, status, model, schemas)
    if operation.etag and operation.method == "GET":
        found[304] = {
            "description": "It still has the ETag of If-None-Match",
            "headers": {**_CORRELATION_HEADER, "ETag": {"$ref": "#/components/headers/ETag"}},
        }
    for status, kinds in _by_status(operation).items():
        if status in found:
            found[status].setdefault("content", {}).update(_problem_content(kinds))
        else:
            found[status] = {"$ref": f"#/components/responses/{_response_name(kinds)}"}
    return {str(status): found[status] for status in sorted(found)}


def _answer(
    operation: Operation, status: int, model: type[BaseModel] | None, schemas: Schemas
) -> Part:
    headers: Part = dict(_CORRELATION_HEADER)
    if operation.etag:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    if status in (201, 202):
        headers["Location"] = {"$ref": "#/components/headers/Location"}
    answer: Part = {"description": _STATUS_WORDS.get(status, "Done"), "headers": headers}
    if model is not None:
        schema = schemas.of(model, "serialization")
        answer["content"] = {operation.media_type: {"schema": schema}}
    elif operation.media_type != JSON_TYPE:
        text = operation.media_type.startswith("text/")
        content = {"type": "string"} if text else {"type": "string", "format": "binary"}
        answer["content"] = {operation.media_type: {"schema": content}}
    return answer


def _by_status(operation: Operation) -> Mapping[int, list[type[AppError]]]:
    found: dict[int, list[type[AppError]]] = {}
    for kind in operation.possible_problems():
        same = found.setdefault(kind.status, [])
        if kind.kind not in {other.kind for other in same}:
            same.append(kind)
    return found


def _problem_kinds(operations: Iterable[Operation]) -> list[type[AppError]]:
    by_kind = {kind.kind: kind for item in operations for kind in item.possible_problems()}
    for kind in (problems.NoRoute, problems.MethodNotAllowed):
        by_kind.setdefault(kind.kind, kind)
    return sorted(by_kind.values(), key=lambda kind: (kind.status, kind.kind))


def _problem_responses(operations: Iterable[Operation]) -> Part:
    found: Part = {}
    for operation in operations:
        for kinds in _by_status(operation).values():
            found[_response_name(kinds)] = {
                "description": " or ".join(dict.fromkeys(kind.title for kind in kinds)),
                "headers": _CORRELATION_HEADER,
                "content": _problem_content(kinds),
            }
    return dict(sorted(found.items()))


def _response_name(kinds: Iterable[type[AppError]]) -> str:
    return "_or_".join(kind.kind for kind in kinds)


def _problem_content(kinds: Iterable[type[AppError]]) -> Part:
    return {
        problems.MEDIA_TYPE: {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "examples": {kind.kind: {"value": _example(kind)} for kind in kinds},
        }
    }


def _example(kind: type[AppError]) -> Part:
    return {
        "type": problems.TYPE_PREFIX + kind.kind,
        "title": kind.title,
        "status": kind.status,
        "detail": "A sentence that says what happened.",
        "correlation_id": "3f1c6a0b9d5e4b7f8a2c4d6e8f0a1b2c",
    }


_STATUS_WORDS = {200: "Done", 201: "Created", 202: "Accepted", 204: "Done; no content"}
