"""A trace as text: each span below the one that led to it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from local.collector.store import Span


def tree(spans: Sequence[Span]) -> list[str]:
    """Lines, in the order of time. A span whose parent is not there stands at the left."""
    known = {span.span_id for span in spans}
    below: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.started):
        below[span.parent_id if span.parent_id in known else ""].append(span)
    return list(_lines(below, "", ""))


def roots(spans: Sequence[Span]) -> list[Span]:
    """Those whose parent is not among them; one, where the trace is connected."""
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id not in known]


def _lines(below: dict[str, list[Span]], parent: str, indent: str) -> Iterable[str]:
    for span in below[parent]:
        milliseconds = (span.ended - span.started) / 1e6
        failed = "  FAILED" if span.is_failed else ""
        yield f"{indent}{span.name}  [{span.kind}]  {milliseconds:.1f} ms{failed}"
        yield from _lines(below, span.span_id, f"{indent}  ")
