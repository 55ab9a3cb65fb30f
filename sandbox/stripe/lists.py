"""Lists show at once what was written; a search lags behind, as Stripe's does."""

import json
import re
import time
from typing import Any

from sandbox.stripe.errors import BadParameter, StripeError, missing_object
from sandbox.stripe.parameters import Kind, Span, Text, Whole, Words
from sandbox.stripe.state import Body, Transaction

PAGING: dict[str, Kind] = {
    "limit": Whole(least=1, most=100),
    "starting_after": Text(),
    "ending_before": Text(),
    "created": Span(),
    "expand": Words(),
}
SEARCHING: dict[str, Kind] = {
    "query": Text(required=True),
    "limit": Whole(least=1, most=100),
    "page": Text(),
    "expand": Words(),
}
_CLAUSE = re.compile(
    r"""\s*(?:metadata\[(['"])(.+?)\1\]|(status|currency))\s*:\s*(['"])(.*?)\4\s*"""
)
_COMPARED = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def list_of(
    transaction: Transaction, kind: str, url: str, given: dict[str, Any], **equal: str | None
) -> Body:
    """Newest first. `equal` narrows to objects whose fields have those values."""
    if "starting_after" in given and "ending_before" in given:
        raise BadParameter(
            "You cannot use `starting_after` and `ending_before` together.", param="starting_after"
        )
    where = ["kind = ?"]
    values: list[str | int] = [kind]
    for name, sign in _COMPARED.items():
        if name in given.get("created", {}):
            where.append(f"created {sign} ?")
            values.append(given["created"][name])
    for name, value in equal.items():
        if value is not None:
            if name == "payment_intent":
                where.append("intent = ?")
            else:
                where.append(f"json_extract(body, '$.{name}') = ?")
            values.append(value)
    backwards = "ending_before" in given
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if name in given:
            where.append(f"sequence {sign} ?")
            values.append(_place(transaction, kind, given[name], name))
    if kind == "event" and "types" in given:
        marks = ", ".join("?" * len(given["types"]))
        where.append(f"json_extract(body, '$.type') IN ({marks})")
        values += given["types"]
    limit = given.get("limit", 10)
    rows = transaction.sql.execute(
        f"SELECT body FROM objects WHERE {' AND '.join(where)}"  # noqa: S608 - fixed words
        f" ORDER BY sequence {'ASC' if backwards else 'DESC'} LIMIT ?",
        [*values, limit + 1],
    ).fetchall()
    found = [json.loads(row["body"]) for row in rows[:limit]]
    if backwards:
        found.reverse()
    return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": found}


def search(transaction: Transaction, kind: str, url: str, given: dict[str, Any]) -> Body:
    """By clauses such as `metadata['order_id']:'x' AND status:'succeeded'`."""
    lag = transaction.knob("search_lag_seconds", 1.0)
    where, values = ["kind = ?", "changed <= ?"], [kind, time.time() - lag]
    for clause in re.split(r"\s+AND\s+", given["query"]):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            raise StripeError(
                f"We were unable to parse your search query. The sandbox knows"
                f" metadata['name']:'value', status and currency, joined by AND; not: {clause}",
                param="query",
            )
        _, name, field, _, value = found.groups()
        if name is not None:
            where.append("id IN (SELECT id FROM metadata WHERE name = ? AND value = ?)")
            values += [name, value]
        else:
            where.append(f"json_extract(body, '$.{field}') = ?")
            values.append(value)
    skipped = _page(given.get("page"))
    limit = given.get("limit", 10)
    rows = transaction.sql.execute(
        f"SELECT body FROM objects WHERE {' AND '.join(where)}"  # noqa: S608 - fixed words
        " ORDER BY sequence DESC LIMIT ? OFFSET ?",
        [*values, limit + 1, skipped],
    ).fetchall()
    more = len(rows) > limit
    return {
        "object": "search_result",
        "url": url,
        "has_more": more,
        "next_page": str(skipped + limit) if more else None,
        "data": [json.loads(row["body"]) for row in rows[:limit]],
    }


def _place(transaction: Transaction, kind: str, identity: str, param: str) -> int:
    row = transaction.sql.execute(
        "SELECT sequence FROM objects WHERE id = ? AND kind = ?", (identity, kind)
    ).fetchone()
    if row is None:
        raise missing_object(kind, identity, param, 400)
    return int(row["sequence"])


def _page(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal() or len(token) > 9:
        raise BadParameter("Invalid page token.", param="page")
    return int(token)
