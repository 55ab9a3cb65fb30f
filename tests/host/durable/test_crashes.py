"""A host that is killed with -9 while it runs many orchestrations loses and doubles nothing."""

from bench.durable_crashes import play


def test_all_orchestrations_end_right_although_the_host_is_killed_ten_times() -> None:
    outcome = play(10, instances=200, turns=1)
    assert outcome["ended_right"] == 200
    assert outcome["activities"] == 200 * (3 + 2)
