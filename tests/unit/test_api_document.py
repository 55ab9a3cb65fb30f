"""The API's document in the parts that API Management imports."""

import json
from pathlib import Path

from openapi_spec_validator import OpenAPIV30SpecValidator

from local.api_document import PREFIXES, parts, whole, write


def test_each_path_is_in_one_part_and_none_is_lost() -> None:
    document = whole()
    joined = [
        prefix + path
        for name, prefix in PREFIXES.items()
        for path in parts(document)[name]["paths"]
    ]
    assert sorted(joined) == sorted(document["paths"])


def test_a_listed_book_is_described_like_a_whole_one_and_always_has_its_isbn() -> None:
    schemas = whole()["components"]["schemas"]
    assert schemas["SelectedBook"]["properties"] == schemas["Book"]["properties"]
    assert schemas["SelectedBook"]["required"] == ["isbn"]


def test_each_part_is_a_whole_document_with_what_it_names_and_no_more(tmp_path: Path) -> None:
    written = {file.stem: json.loads(file.read_text("utf-8")) for file in write(tmp_path)}
    assert written.keys() == PREFIXES.keys()
    for part in written.values():
        OpenAPIV30SpecValidator(part).validate()
    assert len(written["webhooks"]["components"]["schemas"]) < len(
        written["shop"]["components"]["schemas"]
    )
    assert all(path in ("/stripe", "/carrier") for path in written["webhooks"]["paths"])
