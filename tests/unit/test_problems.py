"""Problem documents, as a caller reads them."""

import json
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared.http import problems
from shared.kit.errors import AppError, BadInput, Conflict, FieldError


def shown(error: AppError) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(problems.document(error, "c-1"))
    return content


def test_a_problem_has_the_members_of_rfc_9457_and_a_correlation_id() -> None:
    assert shown(Conflict("It is sold.")) == {
        "type": "/problems/conflict",
        "title": "The present state forbids this",
        "status": 409,
        "detail": "It is sold.",
        "correlation_id": "c-1",
    }


def test_extensions_cannot_hide_the_correlation_id() -> None:
    error = Conflict("No.", extensions={"correlation_id": "forged", "lines": [1]})
    assert shown(error)["correlation_id"] == "c-1"
    assert shown(error)["lines"] == [1]


def test_errors_name_pointer_place_and_reason() -> None:
    error = BadInput("Bad.", errors=[FieldError("#/price", "is missing", "body")])
    assert shown(error)["errors"] == [{"pointer": "#/price", "detail": "is missing", "in": "body"}]


def test_a_text_that_is_not_unicode_still_gives_a_readable_document() -> None:
    assert shown(Conflict("a\ud800b"))["detail"] == "a?b"


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("Must be even")
    return value


class Inner(BaseModel):
    amount: Annotated[int, Field(le=5), AfterValidator(_even)] = 0


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=3)]
    prices: dict[str, Inner] = {}
    many: list[int] = []
    few: Annotated[tuple[Inner, ...], Field(min_length=1)] = (Inner(amount=2),)


def refused(content: object) -> BadInput:
    with pytest.raises(ValidationError) as caught:
        Sent.model_validate(content)
    return problems.from_validation(caught.value, "body")


def test_each_fault_is_one_field_with_a_sentence_of_its_own() -> None:
    error = refused({"name": "Emma", "prices": {"a/b~c": {"amount": 3}}, "isbn": 1})
    assert [(item.pointer, item.detail) for item in error.errors] == [
        ("#/name", "should have at most 3 characters"),
        ("#/prices/a~1b~0c/amount", "must be even"),
        ("#/isbn", "is not known here"),
    ]


def test_the_detail_names_three_fields_and_counts_the_rest() -> None:
    error = refused({"name": "x", "a": 1, "b": 1, "c": 1, "d": 1})
    assert error.detail == (
        "The body is not valid: a is not known here; b is not known here; c is not known here; "
        "and 1 more."
    )


def test_a_list_is_not_called_too_short_for_an_item_that_is_wrong() -> None:
    assert [item.pointer for item in refused({"name": "x", "few": [{"amount": 3}]}).errors] == [
        "#/few/0/amount"
    ]
    assert [item.pointer for item in refused({"name": "x", "few": []}).errors] == ["#/few"]


def test_what_was_sent_is_not_repeated() -> None:
    error = refused({"name": {"secret": "hunter2"}, "many": ["hunter2"]})
    assert "hunter2" not in problems.document(error, "c-1").decode()


def test_a_fault_of_the_whole_body_points_at_its_root() -> None:
    error = refused([])
    assert error.errors[0].pointer == "#"
    assert error.detail.startswith("The body is not valid: the body should be")
