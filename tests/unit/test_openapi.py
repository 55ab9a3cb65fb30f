"""The OpenAPI document and the page drawn from it."""

import base64
import hashlib
import json
import re
from datetime import date
from html.parser import HTMLParser
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from shared.auth import Principal
from shared.http import docs, openapi
from shared.http.calls import Answer, Call, Nothing, RawBody
from shared.http.edge import Edge
from shared.http.examples import example
from shared.kit.errors import NotFound
from shared.kit.money import Money
from shared.kit.provider import Provider

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]
    next_cursor: str | None = None


class Category(BaseModel):
    name: str
    below: list["Category"] = []


class Shelf(BaseModel):
    room: int = 1


class Book(BaseModel):
    """A book, *not* <b>bold</b>."""

    title: Annotated[str, Field(max_length=200, examples=["Emma", "Persuasion"])]
    price: Money
    was: Annotated[Money | None, Field(description="Before the sale")] = None
    format: Literal["paperback", "ebook"] | None = None
    kind: Literal["book"] = "book"
    weight: Annotated[float, Field(gt=0, lt=5)] = 1
    size: tuple[int, int] | None = None
    published_on: date | None = None
    notes: dict[str, Annotated[str, Field(max_length=9)]] = {}
    extra: Any = None
    category: Category | None = None
    shelf: Shelf = Shelf()
    gone: None = None
    code: int | str = 1
    pages: Annotated[int, BeforeValidator(int), Field(gt=0, le=9999, multiple_of=2)] = 2


class NewBook(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    category: Category


class ByIsbn(BaseModel):
    isbn: Annotated[str, Field(description="With or without hyphens", examples=["9780141439587"])]


class Listing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100, description="How many")] = 20
    sort: Literal["title", "-title"] | None = None


class Withdrawn(NotFound):
    kind = "withdrawn"
    title = "It is not sold any more"


class NobodyCalls:
    def verify(self, token: str) -> Principal:
        raise AssertionError


def an_edge() -> Edge:
    edge = Edge(Provider(NobodyCalls))
    route = edge.api("shop").route

    @route("GET", "v1/books", summary="List", query=Listing, answers={200: Page[Book]}, etag=True)
    def list_books(call: Call[Nothing, Listing, Nothing]) -> Answer:
        """Every book, `limit` at a time."""
        return Answer()

    @route("GET", "v1/books/{isbn:length(10,17)}", summary="One", path_model=ByIsbn,
           answers={200: Book}, problems=(Withdrawn, NotFound), sign_in="optional",
           etag=True)  # fmt: skip
    def get_book(call: Call[ByIsbn, Nothing, Nothing]) -> Answer:
        return Answer()

    @route("POST", "v1/admin/books", summary="Create", body=NewBook, answers={201: Book},
           role="catalogue.write", idempotent=True)  # fmt: skip
    def create_book(call: Call[Nothing, Nothing, NewBook]) -> Answer:
        return Answer()

    @route("PATCH", "v1/books/{isbn}", summary="Patch", path_model=ByIsbn, body=NewBook,
           answers={200: Book}, role="catalogue.write", if_match=True)  # fmt: skip
    def patch_book(call: Call[ByIsbn, Nothing, NewBook]) -> Answer:
        return Answer()

    @route("PUT", "v1/books/{isbn}/cover", summary="Cover", path_model=ByIsbn, body=RawBody,
           takes=("image/png",), answers={204: None}, role="catalogue.write")  # fmt: skip
    def put_cover(call: Call[ByIsbn, Nothing, RawBody]) -> Answer:
        return Answer()

    return edge


@pytest.fixture(scope="module")
def document() -> Any:
    return openapi.document(an_edge().operations)


def test_the_document_is_valid_openapi_3_0_3(document: Any) -> None:
    assert document["openapi"] == "3.0.3"
    OpenAPIV30SpecValidator(document).validate()


def test_the_same_operations_give_the_same_bytes() -> None:
    assert openapi.render(an_edge().operations) == openapi.render(an_edge().operations)


def test_nothing_of_json_schema_2020_12_is_left(document: Any) -> None:
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.update(value)
            assert value.get("type") != "null"
            assert not isinstance(value.get("exclusiveMinimum"), float)
            if "$ref" in value:
                assert list(value) == ["$ref"]
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document["components"]["schemas"])
    walk(document["paths"])
    assert not found & {"$defs", "const", "prefixItems", "propertyNames"}


def test_each_field_is_said_in_the_dialect_of_3_0(document: Any) -> None:
    fields = document["components"]["schemas"]["Book"]["properties"]
    money = {"$ref": "#/components/schemas/Money"}
    assert fields["title"] == {"type": "string", "maxLength": 200, "example": "Emma"}
    assert fields["price"] == money
    assert fields["was"] == {
        "type": "object",
        "nullable": True,
        "anyOf": [money, {"type": "object", "nullable": True, "enum": [None]}],
        "description": "Before the sale",
    }
    assert fields["shelf"] == {"$ref": "#/components/schemas/Shelf"}
    assert fields["gone"] == {"type": "string", "nullable": True, "enum": [None]}
    nullable_enum = {"type": "string", "enum": ["paperback", "ebook", None], "nullable": True}
    assert fields["format"] == nullable_enum
    assert fields["kind"] == {"type": "string", "enum": ["book"], "default": "book"}
    assert fields["weight"] == {
        "type": "number",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 5,
        "exclusiveMaximum": True,
        "default": 1,
    }
    assert fields["size"] == {
        "type": "array",
        "items": {"anyOf": [{"type": "integer"}]},
        "minItems": 2,
        "maxItems": 2,
        "nullable": True,
    }
    assert fields["published_on"] == {"type": "string", "format": "date", "nullable": True}
    assert fields["notes"]["additionalProperties"] == {"type": "string", "maxLength": 9}
    assert fields["extra"] == {}
    assert fields["pages"] == {
        "type": "integer",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 9999,
        "multipleOf": 2,
        "default": 2,
    }
    assert fields["code"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]


def test_models_are_shared_under_plain_names(document: Any) -> None:
    assert set(document["components"]["schemas"]) == {
        "Book",
        "Category",
        "Money",
        "NewBook",
        "PageOfBook",
        "Problem",
        "Shelf",
    }


def test_operations_bear_the_names_of_their_functions(document: Any) -> None:
    names = {
        operation["operationId"]: (path, method)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert names == {
        "shop_list_books": ("/api/v1/books", "get"),
        "shop_get_book": ("/api/v1/books/{isbn}", "get"),
        "shop_create_book": ("/api/v1/admin/books", "post"),
        "shop_patch_book": ("/api/v1/books/{isbn}", "patch"),
        "shop_put_cover": ("/api/v1/books/{isbn}/cover", "put"),
    }


def test_parameters_say_where_they_stand_and_what_they_take(document: Any) -> None:
    isbn, *_ = document["paths"]["/api/v1/books/{isbn}"]["get"]["parameters"]
    assert (isbn["in"], isbn["required"]) == ("path", True)
    assert isbn["description"] == "With or without hyphens"
    limit, sort, *_ = document["paths"]["/api/v1/books"]["get"]["parameters"]
    assert (limit["in"], limit["required"], limit["schema"]["default"]) == ("query", False, 20)
    assert sort["schema"] == {"type": "string", "enum": ["title", "-title"]}


def headers_of(document: Any, path: str, method: str) -> set[str]:
    parameters = document["paths"][path][method]["parameters"]
    return {item["$ref"].rpartition("/")[2] for item in parameters if "$ref" in item}


def test_headers_are_named_where_they_are_asked_for(document: Any) -> None:
    assert headers_of(document, "/api/v1/books", "get") == {"IfNoneMatch", "CorrelationId"}
    create = headers_of(document, "/api/v1/admin/books", "post")
    assert create == {"IdempotencyKey", "CorrelationId"}
    patch = headers_of(document, "/api/v1/books/{isbn}", "patch")
    assert patch == {"IfMatch", "CorrelationId"}


def test_every_status_that_the_edge_may_answer_is_there(document: Any) -> None:
    read = document["paths"]["/api/v1/books/{isbn}"]["get"]
    assert list(read["responses"]) == ["200", "304", "400", "401", "404", "500", "503"]
    patch = document["paths"]["/api/v1/books/{isbn}"]["patch"]
    assert list(patch["responses"]) == (
        ["200", "400", "401", "403", "412", "413", "415", "428", "500", "503"]
    )


def test_problems_of_one_status_are_told_apart(document: Any) -> None:
    name = document["paths"]["/api/v1/books/{isbn}"]["get"]["responses"]["404"]["$ref"]
    response = document["components"]["responses"][name.rpartition("/")[2]]
    media = response["content"]["application/problem+json"]
    assert media["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert set(media["examples"]) == {"not-found", "withdrawn"}
    assert response["description"] == "There is no such thing or It is not sold any more"


def test_sign_in_and_role_are_said(document: Any) -> None:
    assert document["paths"]["/api/v1/books"]["get"]["security"] == []
    read = document["paths"]["/api/v1/books/{isbn}"]["get"]
    assert read["security"] == [{}, {"bearer": []}]
    create = document["paths"]["/api/v1/admin/books"]["post"]
    assert create["security"] == [{"bearer": []}]
    assert create["x-required-role"] == "catalogue.write"


def test_a_patch_takes_merge_patches_and_a_picture_is_binary(document: Any) -> None:
    patch = document["paths"]["/api/v1/books/{isbn}"]["patch"]["requestBody"]["content"]
    assert set(patch) == {"application/json", "application/merge-patch+json"}
    cover = document["paths"]["/api/v1/books/{isbn}/cover"]["put"]
    schema = {"type": "string", "format": "binary"}
    assert cover["requestBody"]["content"] == {"image/png": {"schema": schema}}


def test_of_a_raw_body_the_json_is_described_by_its_model() -> None:
    class Announced(BaseModel):
        model_config = ConfigDict(extra="forbid")

        size: int

    class Open(BaseModel):
        size: int

    edge = Edge(Provider(NobodyCalls))

    def register(model: type[BaseModel]) -> None:
        @edge.api("shop").route("POST", "feeds", summary="F", body=RawBody, json_body=model,
                                takes=("text/csv", "application/json"),
                                answers={204: None})  # fmt: skip
        def take_in(call: Call[Nothing, Nothing, RawBody]) -> Answer:
            return Answer()

    with pytest.raises(TypeError, match="Open takes requests"):
        register(Open)
    register(Announced)
    document = openapi.document(edge.operations)
    OpenAPIV30SpecValidator(document).validate()
    content = document["paths"]["/api/feeds"]["post"]["requestBody"]["content"]
    assert content == {
        "text/csv": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": {"$ref": "#/components/schemas/Announced"}},
    }
    assert "Announced" in document["components"]["schemas"]


def test_models_that_are_read_and_written_unlike_keep_two_names() -> None:
    class Stamp(BaseModel):
        model_config = ConfigDict(extra="forbid")

        at: Annotated[date, Field(default_factory=date.today)]
        size: bytes = b""

    edge = Edge(Provider(NobodyCalls))

    @edge.api("shop").route("POST", "stamps", summary="S", body=Stamp, answers={200: Page[Stamp]})
    def stamp(call: Call[Nothing, Nothing, Stamp]) -> Answer:
        return Answer()

    document = openapi.document(edge.operations)
    OpenAPIV30SpecValidator(document).validate()
    assert {"PageOfStamp", "Stamp"} <= set(document["components"]["schemas"])


def test_an_example_holds_every_field_and_ends_in_a_tree(document: Any) -> None:
    schemas = document["components"]["schemas"]
    made = example(schemas["Book"], schemas)
    assert made["title"] == "Emma"
    assert made["price"] == {"amount": 1, "currency": "GBP"}
    assert made["format"] == "paperback"
    assert made["published_on"] == "2026-11-22"
    assert json.dumps(made["category"]).count("name") < 10


class Reader(HTMLParser):
    """Collects what the tests below look at."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._in = ""
        self.sources: dict[str, str] = {"style": "", "script": ""}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._in = tag
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if tag == "a" else []
        self.loaded += [given["src"] or ""] if "src" in given else []
        self.loaded += [given["href"] or ""] if tag == "link" else []
        self.inline += [name for name in given if name == "style" or name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in self.sources:
            self.sources[self._in] += data


@pytest.fixture(scope="module")
def page(document: Any) -> docs.Page:
    return docs.page(document)


@pytest.fixture(scope="module")
def drawn(page: docs.Page) -> Reader:
    reader = Reader()
    reader.feed(page.html.decode())
    return reader


def test_the_page_asks_no_other_server_for_anything(page: docs.Page, drawn: Reader) -> None:
    assert drawn.loaded == ["data:,"]
    assert not re.search(r"url\(|@import", drawn.sources["style"])
    assert "default-src 'none'" in page.content_security_policy


def test_the_policy_allows_the_pages_own_style_and_script_alone(
    page: docs.Page, drawn: Reader
) -> None:
    assert drawn.inline == []
    for kind, source in drawn.sources.items():
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page.content_security_policy


def test_every_operation_schema_and_problem_has_its_place_on_the_page(
    document: Any, drawn: Reader
) -> None:
    ids = set(drawn.ids)
    assert len(ids) == len(drawn.ids)
    for item in document["paths"].values():
        assert {operation["operationId"] for operation in item.values()} <= ids
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= ids
    assert {f"problem-{item['kind']}" for item in document["x-problems"]} <= ids
    inner = {link.removeprefix("#") for link in drawn.links if link.startswith("#")}
    assert inner <= ids


def test_texts_cannot_become_markup(page: docs.Page) -> None:
    assert b"<b>bold</b>" not in page.html
    assert b"&lt;b&gt;bold&lt;/b&gt;" in page.html
