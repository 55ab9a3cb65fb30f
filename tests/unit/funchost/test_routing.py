from collections.abc import Iterable

import pytest

from funchost.routing import PathError, Route, RouteTable, TemplateError, decode_path

GET = frozenset({"GET"})
POST = frozenset({"POST"})


def table(*templates: str) -> RouteTable[str]:
    return RouteTable([Route(template, None, template) for template in templates])


def params(template: str, path: str) -> dict[str, str] | None:
    match = table(template).match("GET", path)
    return None if match is None else match.params


def accepted(constraint: str, values: Iterable[str]) -> list[str]:
    routes = table(f"api/{{x:{constraint}}}")
    return [value for value in values if routes.match("GET", f"/api/{value}")]


def test_a_method_that_is_not_listed_does_not_match_and_the_search_goes_on() -> None:
    routes = RouteTable(
        [Route("api/books", GET, "list"), Route("api/books", POST, "add"), Route("api/x", GET, "x")]
    )
    assert (found := routes.match("POST", "/api/books")) is not None
    assert found.target == "add"
    assert routes.match("HEAD", "/api/books") is None
    assert routes.match("OPTIONS", "/api/x") is None


def test_methods_are_compared_without_case() -> None:
    routes = RouteTable([Route("api/books", frozenset({"get"}), "list")])
    assert routes.match("Get", "/api/books") is not None


def test_the_first_route_in_the_given_order_wins_even_when_a_later_one_is_more_specific() -> None:
    routes = table("api/{*rest}", "api/items", "api/items/{id}")
    for path in ("/api/items", "/api/items/7"):
        match = routes.match("GET", path)
        assert match is not None
        assert match.target == "api/{*rest}"


def test_a_literal_given_first_hides_a_parameter_and_leaves_it_the_rest() -> None:
    routes = table("api/items/new", "api/{kind}/{id}", "api/items/{id}")
    targets = {
        path: match.target
        for path in ("/api/items/new", "/api/items/7", "/api/other/new")
        if (match := routes.match("GET", path))
    }
    assert targets == {
        "/api/items/new": "api/items/new",
        "/api/items/7": "api/{kind}/{id}",
        "/api/other/new": "api/{kind}/{id}",
    }


@pytest.mark.parametrize(
    ("template", "path", "expected"),
    [
        ("api/books", "/api/books", {}),
        ("/api/books", "/api/books/", {}),
        ("api/books", "/API/bOOks", {}),
        ("api/bücher", "/api/B%C3%9CCHER", {}),
        ("api/books", "/api/books//", None),
        ("api/books", "/api//books", None),
        ("api/books", "/api/book", None),
        ("api/books", "/api/books/7", None),
        ("api/books", "/api", None),
        ("api/books", "*", None),
        ("", "/", {}),
        ("", "/x", None),
        ("{id}", "/7", {"id": "7"}),
        ("{id}", "/", None),
        ("api/{id}", "/api/Seven", {"id": "Seven"}),
        ("api/{Id}/x", "/api/7/X", {"Id": "7"}),
        ("api/{id}/x", "/api//x", None),
        ("api/{id?}", "/api", {}),
        ("api/{id?}", "/api/", {}),
        ("api/{id?}", "/api/7", {"id": "7"}),
        ("api/{id:int?}", "/api", {}),
        ("api/{id:int?}", "/api/x", None),
        ("api/{a?}/{b?}", "/api/1", {"a": "1"}),
        ("api/{a?}/x", "/api/x", None),
        ("api/{id=5}", "/api", {"id": "5"}),
        ("api/{id=5}", "/api/6", {"id": "6"}),
        ("api/{id=}", "/api", {"id": ""}),
        ("api/{id=a:b}", "/api", {"id": "a:b"}),
        ("api/{id:int=5}", "/api", {"id": "5"}),
        ("api/{id:int=none}", "/api", None),
        ("api/{a=1}/{b}", "/api", None),
        ("api/{*rest}", "/api", {}),
        ("api/{*rest}", "/api/", {}),
        ("api/{*rest}", "/api/a/b/", {"rest": "a/b/"}),
        ("api/{*rest}", "/api/a//b", {"rest": "a//b"}),
        ("api/{*rest}", "/api//b", None),
        ("api/{**rest}", "/api/a/b", {"rest": "a/b"}),
        ("api/{*rest=home}", "/api", {"rest": "home"}),
        ("api/{*rest:int}", "/api", None),
        ("api/{*rest:minlength(3)}", "/api/a/b", {"rest": "a/b"}),
        ("{*rest}", "/", {}),
        ("api/{a}-{b}", "/api/x-y-z", {"a": "x-y", "b": "z"}),
        ("api/{a}-{b}", "/api/-z", None),
        ("api/v{n}", "/api/v12", {"n": "12"}),
        ("api/V{n}", "/api/v12", {"n": "12"}),
        ("api/v{n}", "/api/v", None),
        ("api/v{n}", "/api/vvv", None),
        ("api/{n}th", "/api/5th", {"n": "5"}),
        ("api/{n}th", "/api/5ths", None),
        ("api/{n:int}th", "/api/xth", None),
        ("api/a{x}b{y}c", "/api/a1b2c", {"x": "1", "y": "2"}),
        ("api/a{x}b{y}c", "/api/za1b2c", None),
        ("api/{file}.{ext?}", "/api/cover.svg", {"file": "cover", "ext": "svg"}),
        ("api/{file}.{ext?}", "/api/a.b.svg", {"file": "a.b", "ext": "svg"}),
        ("api/{file}.{ext?}", "/api/cover", {"file": "cover"}),
        ("api/{file}.{ext?}", "/api/cover.", None),
        ("api/{file}.{ext?}", "/api/.svg", {"file": ".svg"}),
        ("api/{file}.{ext}", "/api/.svg", None),
        ("api/{file}.{ext?}", "/api", None),
        ("api/x{{y}}", "/api/x{y}", {}),
        ("api/{x:regex(^a:b$)}", "/api/a:b", {"x": "a:b"}),
        ("api/{x:regex(^\\d{{2}}$)}", "/api/12", {"x": "12"}),
        ("api/{x:regex(^\\d{{2}}$)}", "/api/123", None),
    ],
)
def test_a_template_matches_as_asp_net_matches_it(
    template: str, path: str, expected: dict[str, str] | None
) -> None:
    assert params(template, path) == expected


@pytest.mark.parametrize(
    ("constraint", "yes", "no"),
    [
        (
            "int",
            ["0", "-7", "+7", "007", " 7 ", "2147483647"],
            ["", "x", "7.0", "2147483648", "1,0"],
        ),
        ("INT", ["5"], ["x"]),
        ("long", ["9223372036854775807", "-9223372036854775808"], ["9223372036854775808", "٣"]),
        ("bool", ["true", "False", "TRUE"], ["1", "yes"]),
        (
            "decimal",
            ["1", "1.", ".5", "-1.5", "1.5-", "1,000.5"],
            ["1e3", "x", ",1", "9" * 30, "."],
        ),
        (
            "double",
            ["1", "1e3", "-1.5E-3", "1,000", "NaN", "-Infinity", "1e999"],
            ["1e", "x", "5-"],
        ),
        ("float", ["1.5", "1e3"], ["1.5f"]),
        (
            "guid",
            [
                "CD2C1638-1638-72D5-1638-DEADBEEF1638",
                "cd2c1638163872d51638deadbeef1638",
                "{cd2c1638-1638-72d5-1638-deadbeef1638}",
                "(cd2c1638-1638-72d5-1638-deadbeef1638)",
            ],
            ["cd2c1638-1638-72d5-1638-deadbeef163", "{cd2c1638-1638-72d5-1638-deadbeef1638)", "x"],
        ),
        (
            "datetime",
            [
                "2026-01-31",
                "2026-01-31T10:20:30Z",
                "2026-01-31T10:20:30.1234567+02:00",
                "2026-01-31 10:20",
                "1-31-2026",
                "2026-01",
                "31 Jan 2026",
                "January 31, 2026 7:32pm",
                "Sat, 31 Jan 2026 10:20:30 GMT",
                "10:20",
            ],
            ["x", "7", "2026-13-01", "2026-02-30", "31-1-2026", "2026-01-31T25:00", "2026-01-31x"],
        ),
        ("alpha", ["abc", "ABC"], ["a1", "é"]),
        ("required", ["x"], []),
        ("minlength(2)", ["ab", "abc", "😀"], ["a"]),
        ("maxlength(2)", ["a", "ab"], ["abc"]),
        ("length(2)", ["ab", "éé"], ["a", "abc"]),
        ("length(1, 2)", ["a", "ab"], ["abc"]),
        ("min(5)", ["5", "6"], ["4", "x"]),
        ("max(5)", ["5", "-6"], ["6", "x"]),
        ("range(-1,5)", ["-1", "5"], ["-2", "6", "x"]),
        ("int:min(1):max(3)", ["1", "3"], ["0", "4"]),
        ("regex(^[A-C]+$)", ["abc", "CAB"], ["abd", ""]),
        ("regex(b)", ["abc"], ["ac"]),
        ("regex(^(?<c>a)\\k<c>\\z)", ["aa"], ["ab", "aaa"]),
        ("", ["x"], []),
    ],
)
def test_a_constraint_accepts_what_dot_net_parses(
    constraint: str, yes: list[str], no: list[str]
) -> None:
    assert accepted(constraint, [*yes, *no]) == yes


@pytest.mark.parametrize(
    "template",
    [
        "api/{id",
        "api/id}",
        "api/{}",
        "api/{*}",
        "api/{a/b}",
        "api/{a}/{A}",
        "api/{a}{b}",
        "api//books",
        "//books",
        "~books",
        "api/what?",
        "api/{*rest}/more",
        "api/x{*rest}",
        "api/{*rest?}",
        "api/{a?}-{b}",
        "api/{a}-{b?}",
        "api/{a?}x",
        "api/{a=1?}",
        "api/{a:nosuch}",
        "api/{a:int(5)}",
        "api/{a:length}",
        "api/{a:length(x)}",
        "api/{a:length(-1)}",
        "api/{a:length(3,2)}",
        "api/{a:range(1)}",
        "api/{a:regex}",
        "api/{a:regex([)}",
        "api/{a:regex(^\\d{2}$)}",
    ],
)
def test_a_bad_template_is_refused_with_a_sentence_that_names_it(template: str) -> None:
    with pytest.raises(TemplateError) as error:
        table(template)
    assert f"'{template}'" in str(error.value)
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [
        ("/a%20b", "/a b"),
        ("/a%2Fb%2fc", "/a%2Fb%2fc"),
        ("/a%252Fb", "/a%2Fb"),
        ("/%E4%BD%A0", "/你"),
        ("/%E4%BD", "/%E4%BD"),
        ("/%e4%BDA%41", "/%e4%BDAA"),
        ("/%E4%BD%41%ff%42", "/%E4%BDA%ffB"),
        ("/%C0%AF", "/%C0%AF"),
        ("/%ED%A0%80", "/%ED%A0%80"),
        ("/%C3%2F%A9", "/%C3%2F%A9"),
        ("/%zz%4", "/%zz%4"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/%2e%2E/b", "/b"),
        ("/../../b", "/b"),
        ("/a/..", "/"),
        ("/a/b/..", "/a/"),
        ("/a/...", "/a/..."),
        ("/a/.b", "/a/.b"),
        ("/a+b", "/a+b"),
    ],
)
def test_a_path_is_decoded_as_kestrel_decodes_it(raw: str, decoded: str) -> None:
    assert decode_path(raw) == decoded


def test_a_slash_that_is_encoded_stays_inside_its_segment() -> None:
    assert params("api/{id}", "/api/a%2Fb%20c") == {"id": "a%2Fb c"}


def test_a_null_character_in_the_path_is_refused() -> None:
    with pytest.raises(PathError):
        decode_path("/api/%00")
    assert table("{*rest}").match("GET", "/api/%00") is None


def test_a_hundred_routes_answer_as_if_they_were_tried_one_by_one() -> None:
    nouns = ("books", "carts", "{any}", "orders", "{n:int}", "{*rest}")
    templates = [
        f"api/{first}/{second}" if first != "{*rest}" else "api/x/{*rest}"
        for first in nouns
        for second in ("{id:int}", "new", "{id?}", "x{y}", "{a}.{b?}")
    ]
    one_by_one = [table(template) for template in templates]
    together = table(*templates)
    words = ("books", "CARTS", "7", "new", "xy", "a.b", "x", "", "orders")
    for path in [f"/api/{first}/{second}" for first in words for second in words]:
        expected = next((hit for each in one_by_one if (hit := each.match("GET", path))), None)
        assert together.match("GET", path) == expected, path
