"""From a history to rows of a chart, and from times to places on it."""

from datetime import timedelta

import pytest

from funchost.durable.api.page.durations import duration_text
from funchost.durable.api.page.markup import element, join
from funchost.durable.api.page.scale import TimeScale
from funchost.durable.api.page.spans import read_chart
from tests.support.durable_hub import begin, episode, event, moment


def rows(*events):
    return read_chart([item for part in events for item in part]).rows


def fire_at(seconds):
    return moment(seconds).isoformat()


def test_attempts_of_one_call_share_a_row_with_the_pause_between_them():
    [row] = rows(
        episode(0, begin(), event(4, 0, 0, Name="act", Input="[1]")),
        episode(1, event(6, 1, TaskScheduledId=0, Reason="no"), event(10, 1, 1, FireAt=fire_at(6))),
        episode(6, event(11, 6, TimerId=1), event(4, 6, 2, Name="act", Input="[1]")),
        episode(7, event(5, 7, TaskScheduledId=2, Result="1")),
    )
    assert [piece.outcome for piece in row.pieces] == ["failed", "completed"]
    assert row.pieces[0].text == "no"
    assert (row.pieces[1].start, row.pieces[1].end) == (moment(6), moment(7))


def test_another_call_after_a_failure_is_no_attempt():
    drawn = rows(
        episode(0, begin(), event(4, 0, 0, Name="act", Input="[1]")),
        episode(1, event(6, 1, TaskScheduledId=0, Reason="no"), event(10, 1, 1, FireAt=fire_at(6))),
        episode(6, event(11, 6, TimerId=1), event(4, 6, 2, Name="act", Input="[2]")),
    )
    assert [row.kind for row in drawn] == ["activity", "timer", "activity"]


def test_calls_in_parallel_find_their_own_pauses():
    drawn = rows(
        episode(
            0,
            begin(),
            event(4, 0, 0, Name="act", Input="[1]"),
            event(4, 0, 1, Name="act", Input="[1]"),
        ),
        episode(1, event(6, 1, TaskScheduledId=0, Reason="no"), event(10, 1, 2, FireAt=fire_at(3))),
        episode(2, event(6, 2, TaskScheduledId=1, Reason="no"), event(10, 2, 3, FireAt=fire_at(4))),
        episode(3, event(11, 3, TimerId=2), event(4, 3, 4, Name="act", Input="[1]")),
        episode(4, event(11, 4, TimerId=3), event(4, 4, 5, Name="act", Input="[1]")),
    )
    assert [len(row.pieces) for row in drawn] == [2, 2]
    assert [row.pieces[1].start for row in drawn] == [moment(3), moment(4)]


def test_the_timer_after_a_last_attempt_is_not_drawn():
    [row] = rows(
        episode(0, begin(), event(4, 0, 0, Name="act", Input="[1]")),
        episode(1, event(6, 1, TaskScheduledId=0, Reason="no"), event(10, 1, 1, FireAt=fire_at(1))),
        episode(1.01, event(11, 1.01, TimerId=1)),
    )
    assert row.kind == "activity"


def test_a_timer_that_did_not_fire_was_cancelled_once_all_has_ended():
    timer = event(10, 0, 0, FireAt=fire_at(60))
    [waiting] = rows(episode(0, begin(), timer))
    assert waiting.last.outcome == "running"
    assert waiting.last.due == moment(60)
    [cancelled] = rows(
        episode(0, begin(), timer), episode(1, event(1, 1, 1, OrchestrationStatus=1))
    )
    assert cancelled.last.outcome == "cancelled"


def test_a_call_of_an_entity_ends_with_its_response_and_a_signal_is_a_moment():
    sent = event(14, 0, 0, InstanceId="@counter@k", Input='{"op":"get","id":"g1"}')
    signal = event(14, 0, 1, InstanceId="@counter@k", Input='{"op":"add","id":"g2","signal":true}')
    answer = event(15, 1, Name="g1", Input='{"result":"\\"boom\\"","exceptionType":"Error"}')
    call, sign = rows(episode(0, begin(), sent, signal), episode(1, answer))
    assert (call.label, call.last.outcome, call.last.end) == ("@counter@k get", "failed", moment(1))
    assert sign.last.outcome == "moment"


def test_events_of_one_name_share_a_row_and_a_suspension_is_one():
    drawn = rows(
        episode(0, begin(), event(15, 0, Name="Ev"), event(19, 1, Reason="why")),
        episode(2, event(15, 2, Name="Ev"), event(20, 3)),
    )
    assert [(row.kind, len(row.pieces)) for row in drawn] == [("event", 2), ("suspended", 1)]
    assert drawn[1].last.end == moment(3)


def test_time_runs_evenly_where_nothing_is_out_of_proportion():
    scale = TimeScale([moment(0), moment(1), moment(4)], 100, 500)
    assert [scale.place(moment(second)) for second in (0, 1, 2, 4)] == [100, 200, 300, 500]
    assert scale.breaks == []


def test_a_wait_out_of_all_proportion_is_cut_short_but_work_is_not():
    times = [moment(0), moment(1), moment(86_400), moment(86_401)]
    [cut] = TimeScale(times, 0, 1000).breaks
    assert cut.duration == timedelta(seconds=86_399)
    assert cut.right - cut.left == pytest.approx(400)
    half_a_minute = [moment(0), moment(1), moment(31), moment(32)]
    assert len(TimeScale(half_a_minute, 0, 1000).breaks) == 1
    assert TimeScale(half_a_minute, 0, 1000, [(moment(1), moment(31))]).breaks == []


def test_a_short_wait_beside_long_work_is_not_cut():
    times = [moment(0), moment(0.001), moment(0.02), moment(0.1)]
    assert TimeScale(times, 0, 1000, [(moment(0.02), moment(0.1))]).breaks == []


def test_places_keep_the_order_of_times():
    times = [moment(second) for second in (0, 0.001, 0.5, 90, 90.001, 8e5, 8e5 + 1)]
    scale = TimeScale(times, 0, 1000)
    places = [scale.place(time) for time in times]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] == pytest.approx(1000)


def test_a_single_moment_has_a_place():
    assert TimeScale([moment(0)], 10, 20).place(moment(0)) == 10


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0012, "1.2 ms"),
        (0.25, "250 ms"),
        (0.9999, "1.0 s"),
        (59.96, "1 min"),
        (125, "2 min 5 s"),
        (7200, "2 h"),
        (2 * 86_400 + 3600, "2 d 1 h"),
        (-1, "0.0 ms"),
    ],
)
def test_durations_are_told_in_two_units_at_most(seconds, expected):
    assert duration_text(timedelta(seconds=seconds)) == expected


def test_markup_escapes_text_and_attributes_and_nothing_twice():
    inner = element("b", "<&>", title="\"'<")
    assert inner == '<b title="&quot;&#x27;&lt;">&lt;&amp;&gt;</b>'
    assert join(inner, " <i>") == f"{inner} &lt;i&gt;"


def test_markup_shows_controls_and_marks_of_direction_as_unreadable():
    assert element("p", "a\x00b\u202ec\ud800") == "<p>a\ufffdb\ufffdc\ufffd</p>"


def test_a_name_that_would_break_out_of_its_element_is_refused():
    with pytest.raises(ValueError, match="not the name of an element"):
        element("b onclick=x")
