"""The queries of alerts and workbook ask for what the shop really sends."""

import pytest

from tests.infra.queries import problems, queries

ASKED = queries()


@pytest.mark.parametrize("where", ASKED)
def test_a_query_names_what_is_sent(where: str) -> None:
    assert list(problems(where, ASKED[where])) == []


@pytest.mark.parametrize(
    "query",
    [
        "AppRequest | where Name == 'x'",
        "AppRequests | where Duration > 5",
        'AppRequests | where AppRoleName == "shop"',
        'AppEvents | where Name == "payment.unmatched"',
        'AppEvents | where Name == "payment.mismatch" | project Properties.orderId',
        "AppTraces | extend Said = parse_json(Message) | summarize by tostring(Said.evnet)",
        "AppRequests\nwhere Success == false",
        "AppRequests\n| were Success == false",
        "AppRequests\n| summarize P95 = percentle(DurationMs, 95)",
        "AppRequests\n| summarize P95 = percentile(DurationMs, 95",
        'AppRequests\n| where AppRoleName == "bookstore',
    ],
)
def test_a_query_that_names_what_nobody_sends_is_noticed(query: str) -> None:
    assert list(problems("here", query))
