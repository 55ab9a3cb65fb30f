"""Hosts that are killed at random moments; `python3 dev.py bench` does it fifty times."""

from bench.servicebus_crash import run_with_kills


def test_ten_kills_lose_nothing_and_keep_every_session_in_order(tmp_path):
    report = run_with_kills(tmp_path, kills=10, seed=20261125)
    assert report.lost == []
    assert report.disordered == []
    assert report.wrongly_dead == []
    assert report.not_dead == []
    assert report.acknowledged > 0
