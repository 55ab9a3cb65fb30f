"""The language of subscription rules."""

import fnmatch
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funchost.servicebus.broker.interface import MessageProperties, PropertyValue
from funchost.servicebus.broker.rules.actions import parse_action
from funchost.servicebus.broker.rules.expressions import parse_predicate
from funchost.servicebus.broker.rules.rule import DEFAULT_RULES, Rule, SqlFilter, is_catch_all
from funchost.servicebus.broker.rules.tokens import RuleSyntaxError
from funchost.servicebus.broker.rules.values import EvaluationError, like

MESSAGE = MessageProperties(
    {"Label": "bus stop", "MessageId": "m-1"},
    {
        "colour": "Blue",
        "n": 5,
        "x": 2.5,
        "flag": True,
        "nothing": None,
        "Property With Space": 1,
        "it's": "it's",
        "id": UUID(int=7),
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "raw": b"\x00",
        "select]": "s",
    },
)


@pytest.mark.parametrize(
    "expression",
    [
        "1=1",
        "colour = 'Blue'",
        "COLOUR = 'Blue'",
        "user.colour = 'Blue' AND sys.label LIKE '%bus%'",
        "sys.Subject = 'bus stop'",
        "colour <> 'blue'",
        "colour != 'blue'",
        "NOT colour = 'blue'",
        "n > 4 AND n >= 5 AND n < 6 AND n <= 5",
        "n = 5.0 AND n > x",
        "n + 1 * 2 = 7 AND (n + 1) * 2 = 12",
        "7 / 2 = 3 AND -7 / 2 = -3 AND 7 % 3 = 1 AND -7 % 3 = -1",
        "7.0 / 2 = 3.5 AND x * 2 = 5",
        "-n = -5 AND +n = 5 AND - -n = 5",
        "0x1A = 26 AND 1.5E2 = 150 AND .5 = 0.5 AND 2. = 2",
        "'it''s' = [it's]",
        "[Property With Space] = 1",
        '"Property With Space" = 1',
        "[select]]] = 's'",
        "flag = TRUE AND flag <> false",
        "n IN (1, 5, 9) AND n NOT IN (1, 2)",
        "colour IN ('Red', 'Blue')",
        "colour LIKE 'B__e' AND colour NOT LIKE 'b%'",
        "'50%' LIKE '50\\%' ESCAPE '\\'",
        "missing IS NULL AND nothing IS NULL AND n IS NOT NULL AND sys.To IS NULL",
        "EXISTS(n) AND EXISTS(nothing) AND NOT EXISTS(missing) AND NOT EXISTS(sys.To)",
        "EXISTS ( sys.MessageId )",
        "p('co' + 'lour') = 'Blue' AND property('n') = 5",
        "newid() <> newid()",
        "((n) > (4))",
        "n = 1 OR n = 5 AND flag = TRUE",
        "(n = 5 OR missing = 1) AND NOT (n = 4 AND missing = 1)",
        "at = at AND id = id AND raw = raw",
        "colour>'A'AND n=5",
    ],
)
def test_expressions_that_are_true(expression: str) -> None:
    assert parse_predicate(expression)(MESSAGE) is True


@pytest.mark.parametrize(
    "expression",
    [
        "1 = 2",
        "colour = 'blue'",
        "colour = 5",
        "colour <> 5",
        "n = '5'",
        "flag = 1",
        "flag > FALSE",
        "id = '00000000-0000-0000-0000-000000000007'",
        "n LIKE '5'",
        "colour LIKE 'Blu'",
        "n NOT IN (5, missing)",
        "n = 4 AND missing = 1",
        "NOT EXISTS(n)",
    ],
)
def test_expressions_that_are_false(expression: str) -> None:
    assert parse_predicate(expression)(MESSAGE) is False


@pytest.mark.parametrize(
    "expression",
    [
        "missing = 1",
        "NOT missing = 1",
        "missing <> missing",
        "nothing = 1",
        "n = NULL",
        "missing + 1 = 1",
        "-missing = 1",
        "missing IN (1)",
        "missing NOT IN (1)",
        "missing LIKE '%'",
        "colour LIKE missing",
        "n = 5 AND missing = 1",
        "n = 4 OR missing = 1",
        "p(missing) = 1",
    ],
)
def test_expressions_that_are_unknown_and_so_do_not_match(expression: str) -> None:
    assert parse_predicate(expression)(MESSAGE) is None
    assert SqlFilter(expression).matches(MESSAGE) is False


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "it ends where a property"),
        ("n", "it ends where a comparison"),
        ("n = 1 2", "'2' at 7"),
        ("n = = 1", "'=' at 5"),
        ("n = 'x", "the string that begins at 5 has no end"),
        ("[n = 1", "the name that begins at 1"),
        ("n = @p", "parameters, as at 5"),
        ("n ? 1", r"'\?' at 3 is not understood"),
        ("sys.Colour = 1", "there is no system property 'Colour'"),
        ("app.n = 1", "the scope 'app' at 1"),
        ("other(n) = 1", "there is no function 'other'"),
        ("(n = 1) = TRUE", "a comparison has no value"),
        ("NOT n", "a comparison is expected"),
        ("5 IS NULL", "IS NULL takes nothing else"),
        ("n IN ()", r"'\)' at 7"),
        ("n BETWEEN 1 AND 2", "'BETWEEN' at 3"),
        ("AND n = 1", "'AND' at 1"),
        ("order-id = 1 AND IN = 2", "'IN' at 18"),
        ("n = 9223372036854775808", "does not fit into 64 bits"),
        ("n = 12ab", "at 5 is not understood"),
        ("(" * 100 + "n = 1" + ")" * 100, "nested more than 64 deep"),
        ("n = " + "-" * 100 + "1", "nested more than 64 deep"),
        ("NOT " * 100 + "n = 1", "nested more than 64 deep"),
        ("n = 1 OR " * 200 + "n = 2", "characters long; 1024 are allowed"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(expression: str, message: str) -> None:
    with pytest.raises(RuleSyntaxError, match=message):
        parse_predicate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "n / 0 = 1",
        "n % 0 = 1",
        "colour - 1 = 1",
        "flag + 1 = 1",
        "-colour = 1",
        "9223372036854775807 + n = 1",
        "-(-9223372036854775807 - 1) = 1",
        "colour LIKE 'x' ESCAPE 'ab'",
        "p(n) = 1",
    ],
)
def test_what_has_no_value_is_an_error(expression: str) -> None:
    with pytest.raises(EvaluationError):
        parse_predicate(expression)(MESSAGE)


def test_floating_point_follows_its_own_rules() -> None:
    assert parse_predicate("x / 0 > 1e300 AND -x / 0 < -1e300")(MESSAGE) is True
    assert parse_predicate("x % 0 = x % 0")(MESSAGE) is False
    assert math.isnan(0.0 * math.inf)


@pytest.mark.parametrize(
    ("action", "system", "application", "removed"),
    [
        ("SET n = n + 1", {}, {"n": 6}, set()),
        ("SET N = 1; SET m = n + 1;", {}, {"n": 1, "m": 2}, set()),
        ("set [New Name] = 'x'", {}, {"New Name": "x"}, set()),
        ("REMOVE colour; REMOVE absent", {}, {}, {"colour"}),
        ("SET colour = 'x'; REMOVE colour", {}, {}, {"colour"}),
        ("REMOVE colour; SET colour = 'x'", {}, {"colour": "x"}, set()),
        (
            "SET sys.Label = colour; REMOVE sys.MessageId",
            {"Label": "Blue", "MessageId": None},
            {},
            set(),
        ),
        ("SET y = missing; SET sys.To = missing", {"To": None}, {"y": None}, set()),
    ],
)
def test_actions_change_a_copy(
    action: str,
    system: dict[str, str | None],
    application: dict[str, PropertyValue],
    removed: set[str],
) -> None:
    changes = parse_action(action)(MESSAGE)
    assert (changes.system, changes.application, changes.removed) == (system, application, removed)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("", "between 1 and 32 statements"),
        (";", "SET or REMOVE"),
        ("SET n", "'=' is expected"),
        ("SET n = 1 REMOVE x", "'REMOVE' at 11"),
        ("SET sys.Colour = 1", "no system property"),
        ("SET n = n = 1", "'=' at 11"),
        ("DELETE n", "'DELETE' at 1"),
        ("REMOVE n;" * 33, "between 1 and 32 statements"),
    ],
)
def test_actions_that_cannot_be_read_are_refused(action: str, message: str) -> None:
    with pytest.raises(RuleSyntaxError, match=message):
        parse_action(action)


def test_a_system_property_takes_strings_alone() -> None:
    with pytest.raises(EvaluationError, match=r"sys\.Label takes strings, not int"):
        parse_action("SET sys.Label = 5")(MESSAGE)


def test_only_rules_that_take_all_as_it_is_are_catch_alls() -> None:
    assert is_catch_all(DEFAULT_RULES)
    assert not is_catch_all([*DEFAULT_RULES, Rule("r", SqlFilter("n = 1"))])
    assert not is_catch_all([Rule("r", SqlFilter("1=1"), "SET n = 1")])


names = st.sampled_from(["a", "b", "c", "missing"])
values = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 2.0, "", "a", "b%"])
properties = st.builds(
    MessageProperties,
    st.just({}),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), values),
)


def literal(value: PropertyValue) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return {None: "NULL", True: "TRUE", False: "FALSE"}.get(value, str(value))  # type: ignore[arg-type]


operands = names | values.map(literal)
comparisons = st.builds(
    lambda left, symbol, right: f"{left} {symbol} {right}",
    operands,
    st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "LIKE", "NOT LIKE"]),
    operands,
) | names.map(lambda name: f"{name} IS NULL")
predicates = st.recursive(
    comparisons,
    lambda inner: (
        st.builds(lambda operand: f"NOT ({operand})", inner)
        | st.builds(
            lambda a, word, b: f"({a}) {word} ({b})", inner, st.sampled_from(["AND", "OR"]), inner
        )
    ),
    max_leaves=6,
)


@given(predicates, predicates, properties)
def test_predicates_obey_the_laws_of_three_values(
    p: str, q: str, message: MessageProperties
) -> None:
    def truth(text: str) -> bool | None:
        return parse_predicate(text)(message)

    assert truth(f"NOT (NOT ({p}))") is truth(p)
    assert truth(f"NOT (({p}) AND ({q}))") is truth(f"NOT ({p}) OR NOT ({q})")
    assert truth(f"NOT (({p}) OR ({q}))") is truth(f"NOT ({p}) AND NOT ({q})")
    assert truth(f"({p}) AND ({q})") is truth(f"({q}) AND ({p})")
    assert truth(f"({p}) OR (({p}) AND ({q}))") is truth(p)
    if truth(p) is None:
        assert truth(f"({p}) OR ({q})") in (None, True)
        assert truth(f"({p}) AND ({q})") in (None, False)


@given(operands, operands, properties)
def test_orders_agree_with_each_other(a: str, b: str, message: MessageProperties) -> None:
    def truth(text: str) -> bool | None:
        return parse_predicate(text)(message)

    assert truth(f"{a} < {b}") is truth(f"{b} > {a}")
    assert truth(f"{a} <= {b}") is truth(f"{b} >= {a}")
    if truth(f"{a} < {b}") is True:
        assert truth(f"{a} <= {b}") is True
        assert truth(f"{a} = {b}") is False
    assert truth(f"{a} IN ({b})") is (
        truth(f"{a} = {b}") or (None if truth(f"{a} = {a}") is None else False)
    )


@given(st.text("ab%_\\", max_size=12), st.text("ab%_\n", max_size=12))
def test_like_agrees_with_a_regular_expression(pattern: str, value: str) -> None:
    expression = "".join({"%": ".*", "_": "."}.get(char, re.escape(char)) for char in pattern)
    expected = re.fullmatch(expression, value, re.DOTALL) is not None
    assert like(value, pattern, "") is expected


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_like_agrees_with_file_name_patterns(pattern: str, value: str) -> None:
    ours = pattern.replace("*", "%").replace("?", "_")
    assert like(value, ours, "") is fnmatch.fnmatchcase(value, pattern)


@given(st.text("ab%_!", max_size=12))
def test_an_escaped_pattern_matches_itself(text: str) -> None:
    escaped = re.sub("([%_!])", r"!\1", text)
    assert like(text, escaped, "!") is True
    assert like(text + "x", escaped, "!") is False


def test_a_pattern_of_many_wildcards_ends_soon() -> None:
    assert like("a" * 20_000, "%a" * 200 + "%b", "") is False


def verdict(parse: Callable[[str], object], text: str) -> str:
    """What is said of a text; any other error than a refusal is a fault."""
    try:
        parse(text)
    except RuleSyntaxError as error:
        return str(error)
    return "it can be read"


words = st.sampled_from(list("()n=1,+-;.p")) | st.sampled_from(
    ["AND", "OR", "NOT", "'x'", "LIKE", "IN", "IS", "NULL", "SET", "sys"]
)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert verdict(parse_predicate, text)
    assert verdict(parse_action, text)


@given(st.lists(words, max_size=14).map(" ".join))
def test_any_order_of_words_is_read_or_refused(text: str) -> None:
    assert verdict(parse_predicate, text)
    assert verdict(parse_action, text)
