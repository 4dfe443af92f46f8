from __future__ import annotations

import pytest

from stemtasks.audio.in_time import sync_failures

LIMITS = {"sync_offset_ms": 10.0, "sync_drift_ms": 10.0, "polarity": "same"}
RIGHT = {"offset_ms": 0.02, "drift_ppm": 0.1, "drift_ms": 0.01, "polarity": 1, "confidence": 1.0, "windows": 4}


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ({}, None),
        ({"offset_ms": 36.98}, "it is 36.98 ms behind the reference, 10 ms are allowed"),
        ({"offset_ms": -12.0}, "it is 12.00 ms ahead of the reference, 10 ms are allowed"),
        ({"drift_ms": -14.0, "drift_ppm": -100.0}, "it drifts by -14.00 ms from the reference to its end (-100.0 ppm)"),
        ({"polarity": -1}, "its polarity is the reference's inverted"),
        ({"polarity": None}, None),
    ],
)
def test_what_is_outside_is_said_with_the_figure_and_the_limit(measured, said):
    failed = sync_failures(RIGHT | measured, LIMITS)
    assert [line.startswith(said) for line in failed] == [True] if said else failed == []


def test_limits_may_allow_what_is_meant():
    wrong = RIGHT | {"offset_ms": 40.0, "drift_ms": 20.0, "polarity": -1}
    assert len(sync_failures(wrong, LIMITS)) == 3
    assert sync_failures(wrong, {"sync_offset_ms": 50.0, "sync_drift_ms": 20.0, "polarity": "any"}) == []


def test_what_was_not_found_for_sure_is_not_judged():
    nowhere = dict.fromkeys(("offset_ms", "drift_ppm", "drift_ms", "polarity")) | {"confidence": 0.0, "windows": 4}
    assert sync_failures(RIGHT | {"offset_ms": 200.0, "confidence": 0.4}, LIMITS) == []
    assert sync_failures(nowhere, LIMITS) == sync_failures(None, LIMITS) == []
