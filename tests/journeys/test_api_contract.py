"""The running shop does what its OpenAPI document says, for sound requests and for bad ones."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV30SpecValidator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import Shop, end, serve

EXAMPLES = 12
UNDOCUMENTED = {"zz_fallback"}
"""It answers for addresses that are none, so there is nothing to describe."""


def every_etag_is_announced(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: Any
) -> None:
    """A caller who is shown an ETag must read in the document that it may be answered 304."""
    if case.method == "GET" and "etag" in response.headers:
        assert "304" in case.operation.definition.raw["responses"], case.operation.label


CHECKS = [
    every_etag_is_announced,
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROLES = ("catalogue.write", "orders.refund", "operations")


@pytest.fixture(scope="module")
def own_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Fuzzed calls change and withdraw books, so they get a shop that no other test sees."""
    running = serve(tmp_path_factory.mktemp("contract") / "state")
    yield running
    end(running)


@pytest.fixture(scope="module")
def document(own_shop: Shop) -> Any:
    return json.loads(_get(f"{own_shop.base_url}/api/openapi.json"))


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:
        content: bytes = response.read()
        return content


def _refusal(url: str, method: str) -> dict[str, Any]:
    request = urllib.request.Request(url, method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as response:
        problem: dict[str, Any] = json.loads(response.read())
        assert response.headers["content-type"] == "application/problem+json"
        assert response.code == problem["status"]
        assert ("allow" in response.headers) == (response.code == 405)
        return problem


def test_the_document_that_is_served_is_valid_openapi(document: Any) -> None:
    OpenAPIV30SpecValidator(document).validate()


def test_every_http_function_of_the_app_is_in_the_document(own_shop: Shop, document: Any) -> None:
    """The host's own index is what counts, not what the app believes to have registered."""
    indexed = {}
    for function in json.loads(_get(f"{own_shop.base_url}/admin/functions")):
        for binding in function["config"]["bindings"]:
            if binding["type"] == "httpTrigger" and function["name"] not in UNDOCUMENTED:
                methods = {method.lower() for method in binding["methods"]} - {"head"}
                indexed[function["name"]] = methods
    described: dict[str, set[str]] = {}
    for item in document["paths"].values():
        for method, operation in item.items():
            described.setdefault(operation["operationId"], set()).add(method)
    assert described == indexed


def test_every_operation_that_asks_for_a_token_refuses_to_go_without(
    own_shop: Shop, document: Any
) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation["security"] == [{"bearer": []}]:
                address = own_shop.base_url + path.replace("{", "").replace("}", "")
                assert _refusal(address, method.upper())["status"] == 401, (method, path)


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_every_answer_is_one_that_the_document_names(
    own_shop: Shop, document: Any, mode: str, subtests: pytest.Subtests
) -> None:
    headers = {"Authorization": f"Bearer {own_shop.token(*ROLES)}"}
    schema: Any = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()
        with subtests.test(operation=operation.label):
            _fuzz(own_shop.base_url, operation, schemathesis.GenerationMode(mode), headers)


def _fuzz(
    base_url: str,
    operation: Any,
    mode: schemathesis.GenerationMode,
    headers: dict[str, str],
) -> None:
    @settings(
        max_examples=EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        response = case.call(base_url=base_url, headers=headers, timeout=30)
        # Without our header it was the HTTP server that refused a request which is not HTTP.
        if response.status_code != 400 or "x-correlation-id" in response.headers:
            case.validate_response(response, checks=CHECKS)

    try:
        call()
    except Unsatisfiable:
        assert mode is schemathesis.GenerationMode.NEGATIVE  # nothing about this call can be wrong


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/", 404),
        ("POST", "/api/health/live", 405),
        ("OPTIONS", "/api/openapi.json", 405),
        ("GET", "/api/v1/orders/lookup", 405),
        ("GET", "/api/v1/orders/1", 404),
        ("GET", "/api/docs?colour=red", 400),
        ("GET", "/api/docs?q=%ff", 400),
    ],
)
def test_what_no_operation_serves_is_a_problem_document_too(
    own_shop: Shop, method: str, path: str, status: int
) -> None:
    assert _refusal(own_shop.base_url + path, method)["status"] == status
