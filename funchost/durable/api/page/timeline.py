"""One instance's history as a drawing: a row for each activity, sub-orchestration, timer, event and
entity call, bars along one time scale."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from funchost.durable.api.page.durations import clock_text, duration_text
from funchost.durable.api.page.markup import NOTHING, Markup, element, join
from funchost.durable.api.page.scale import Break, TimeScale
from funchost.durable.api.page.spans import Chart, Piece, Row

__all__ = ["MOST_ROWS", "draw_timeline", "explanation"]

MOST_ROWS = 200
_WIDTH = 1080
_LABEL_WIDTH = 250
_LEFT, _RIGHT = _LABEL_WIDTH + 10, _WIDTH - 84
_HEAD, _ROW, _BAR = 34, 26, 14
_SMALLEST_BAR = 3.0
_CHARACTER = 6.6
"""The width of one character, about."""
_PREFIX = re.compile(r"^(?:Activity|Orchestrator) function '[^']*' failed: ")
_KIND_SIGNS = {
    "activity": "▮",
    "orchestration": "◆",
    "timer": "◷",
    "event": "✉",
    "entity": "●",
    "suspended": "‖",
    "terminated": "✕",
}


_KIND_NAMES = {"orchestration": "orchestration or sub-orchestration", "entity": "entity operation"}


def draw_timeline(
    chart: Chart, now: datetime, link: Callable[[str], str], *, name: str, outcome: str
) -> Markup:
    """`link` gives the address of an instance. An instance that runs is drawn up to `now`."""
    start = chart.start or now
    end = chart.end or max([now, *(moment for _, moment in chart.episodes)])
    rows = chart.rows[:MOST_ROWS]
    scale = TimeScale(_moments(chart, rows, start, end), _LEFT, _RIGHT, _work(chart, rows, end))
    height = _HEAD + _ROW * (len(rows) + 1) + 8
    return element(
        "svg",
        element("title", f"Timeline of {name}"),
        *(_draw_break(stretch, height) for stretch in scale.breaks),
        *_draw_axis(scale, start, end, height),
        _draw_whole(chart, scale, start, end, name, outcome),
        *(_draw_row(row, scale, end, _HEAD + _ROW * (at + 1), link) for at, row in enumerate(rows)),
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        class_="timeline",
    )


def explanation() -> str:
    signs = [f"{sign} {_KIND_NAMES.get(kind, kind)}" for kind, sign in _KIND_SIGNS.items()]
    return " · ".join(
        [
            *signs,
            "dark in the first bar: the orchestrator's own code",
            "a grey stretch is drawn shorter than it was",
        ]
    )


def _moments(chart: Chart, rows: list[Row], start: datetime, end: datetime) -> Iterator[datetime]:
    yield from (start, end)
    for begin, finish in chart.episodes:
        yield from (begin, finish)
    for row in rows:
        for piece in row.pieces:
            yield piece.start
            yield piece.end or end


def _work(chart: Chart, rows: list[Row], end: datetime) -> Iterator[tuple[datetime, datetime]]:
    yield from chart.episodes
    for row in rows:
        if row.kind in {"activity", "entity"}:
            yield from ((piece.start, piece.end or end) for piece in row.pieces)


def _draw_break(stretch: Break, height: float) -> Markup:
    middle = (stretch.left + stretch.right) / 2
    return element(
        "g",
        element("title", f"{duration_text(stretch.duration)}, drawn shorter than it was"),
        element(
            "rect",
            x=stretch.left,
            y=_HEAD - 14,
            width=stretch.right - stretch.left,
            height=height - _HEAD + 10,
        ),
        element("text", f"≈ {duration_text(stretch.duration)} ≈", x=middle, y=_HEAD - 18),
        class_="break",
    )


def _draw_axis(scale: TimeScale, start: datetime, end: datetime, height: float) -> Iterator[Markup]:
    for moment, anchor in ((start, "start"), (end, "end")):
        x = scale.place(moment)
        yield element("line", x1=x, x2=x, y1=_HEAD - 12, y2=height - 4, class_="axis")
        if not scale.breaks:
            text = "0" if moment == start else duration_text(end - start)
            yield element("text", text, x=x, y=_HEAD - 18, text_anchor=anchor, class_="axis-label")


def _draw_whole(
    chart: Chart, scale: TimeScale, start: datetime, end: datetime, name: str, outcome: str
) -> Markup:
    """The orchestration itself, with a tick for each time at which its code ran."""
    y = _HEAD
    left, right = scale.place(start), scale.place(end)
    ticks = [
        element(
            "rect",
            x=scale.place(begin),
            y=y + 5,
            width=max(scale.place(finish) - scale.place(begin), 1.5),
            height=_BAR - 2,
            class_="episode",
        )
        for begin, finish in chart.episodes[:1000]
    ]
    return element(
        "g",
        _label("◆", name, y),
        element(
            "rect",
            element(
                "title", f"{name}: {clock_text(start, exact=True)}, {duration_text(end - start)}"
            ),
            x=left,
            y=y + 4,
            width=max(right - left, _SMALLEST_BAR),
            height=_BAR,
            rx=3,
            class_=f"bar whole {outcome}",
        ),
        *ticks,
        _beside(right, y, duration_text(end - start), "duration"),
    )


def _draw_row(
    row: Row, scale: TimeScale, end: datetime, y: float, link: Callable[[str], str]
) -> Markup:
    label = _label(_KIND_SIGNS[row.kind], row.label, y)
    if row.kind == "orchestration" and row.instance_id is not None:
        label = element("a", label, href=link(row.instance_id))
    parts = [label]
    for before, piece in zip([None, *row.pieces], row.pieces, strict=False):
        if before is not None and row.kind != "event":
            parts.append(_draw_pause(before, piece, scale, y))
        parts.append(_draw_piece(row, piece, scale, end, y))
    parts += _texts_beside(row, scale, end, y)
    return element("g", *parts, class_=f"row {row.kind}")


def _draw_pause(before: Piece, piece: Piece, scale: TimeScale, y: float) -> Markup:
    middle = y + 4 + _BAR / 2
    return element(
        "line",
        x1=scale.place(before.end or before.start),
        x2=scale.place(piece.start),
        y1=middle,
        y2=middle,
        class_="pause",
    )


def _draw_piece(row: Row, piece: Piece, scale: TimeScale, end: datetime, y: float) -> Markup:
    left = scale.place(piece.start)
    explanation = element("title", _explain(row, piece, end))
    if piece.outcome == "moment" or row.kind == "terminated":
        middle = y + 4 + _BAR / 2
        points = f"{left:.2f},{middle - 7} {left + 7:.2f},{middle} {left:.2f},{middle + 7} "
        points += f"{left - 7:.2f},{middle}"
        kind = "failed" if row.kind == "terminated" else "moment"
        return element("polygon", explanation, points=points, class_=f"mark {kind}")
    right = scale.place(piece.end or end)
    return element(
        "rect",
        explanation,
        x=left,
        y=y + 4,
        width=max(right - left, _SMALLEST_BAR),
        height=_BAR,
        rx=2,
        class_=f"bar {row.kind} {piece.outcome}",
    )


def _explain(row: Row, piece: Piece, end: datetime) -> str:
    lines = [f"{row.kind} {row.label}", f"began {clock_text(piece.start, exact=True)}"]
    if piece.outcome != "moment":
        lines.append(f"{piece.outcome} after {duration_text((piece.end or end) - piece.start)}")
    if piece.due is not None:
        lines.append(f"due {clock_text(piece.due, exact=True)}")
    if piece.text:
        lines.append(piece.text)
    return "\n".join(lines)


def _texts_beside(row: Row, scale: TimeScale, end: datetime, y: float) -> Iterator[Markup]:
    """What the last bar took, how many attempts there were, and in red why it failed: to the right
    of the bars where there is room, else to their left."""
    text, kind = _summary(row, end), "duration"
    if row.last.outcome == "failed":
        reason = _PREFIX.sub("", " ".join((row.last.text or "failed").split()))
        text, kind = f"{text} · {reason}" if text else reason, "reason"
    elif any(piece.outcome == "failed" for piece in row.pieces):
        kind = "retried"
    if not text:
        return
    right = max(scale.place(row.last.end or end), scale.place(row.last.start) + _SMALLEST_BAR)
    left = scale.place(row.pieces[0].start)
    room_right, room_left = _WIDTH - right - 14, left - _LEFT - 6
    if row.kind == "timer" and right - left > len(text) * _CHARACTER + 12:
        yield element("text", text, x=left + 6, y=y + 15, class_=kind)
    elif room_right >= min(len(text) * _CHARACTER, room_left):
        yield _beside(right, y, _cut(text, room_right), kind)
    else:
        yield element(
            "text", _cut(text, room_left), x=left - 6, y=y + 15, text_anchor="end", class_=kind
        )


def _summary(row: Row, end: datetime) -> str:
    last = row.last
    if last.outcome == "moment":
        return f"{len(row.pieces)} times" if len(row.pieces) > 1 else ""
    if row.kind == "terminated":
        return ""
    parts = [duration_text((last.end or end) - last.start)]
    if last.outcome == "running":
        parts = [f"due {clock_text(last.due)}"] if last.due is not None else ["running"]
    if last.outcome == "cancelled":
        parts = ["cancelled"]
    if len(row.pieces) > 1:
        parts.append(f"{len(row.pieces)} attempts")
    return " · ".join(parts)


def _label(sign: str, text: str, y: float) -> Markup:
    return element(
        "text",
        element("title", text),
        element("tspan", sign, class_="sign", x=4),
        element("tspan", _cut(text, _LABEL_WIDTH - 24), x=24, class_="name"),
        y=y + 15,
        class_="label",
    )


def _beside(right: float, y: float, text: str, kind: str) -> Markup:
    if not text:
        return NOTHING
    return join(element("text", text, x=right + 6, y=y + 15, class_=kind))


def _cut(text: str, room: float) -> str:
    most = max(int(room / _CHARACTER), 4)
    return text if len(text) <= most else f"{text[: most - 1]}…"
