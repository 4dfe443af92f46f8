"""What is said of sections that are not in their key, or off the grid."""

from __future__ import annotations

import pytest

from stemtasks.audio.as_written import mix_failures, stem_failures

NAMES = ("verse", "chorus", "verse")


def section(place, **figures):
    nothing = dict.fromkeys(("in_key", "margin", "best_key", "onset_error_ms", "onset_offset_ms"))
    return {"name": NAMES[place], "start_s": 8.0 * place, "key": "G major", **nothing, **figures}


RIGHT = [section(place, in_key=0.97, margin=0.2, best_key="G major", onset_error_ms=2.0) for place in range(3)]
WRONG = [
    section(0, in_key=0.55, margin=-0.3, best_key="A major", onset_error_ms=31.2, onset_offset_ms=4.5),
    section(1, in_key=0.31, margin=-0.9, best_key="Ab major", onset_error_ms=12.5, onset_offset_ms=-12.5),
    section(2),
]
LIMITS = {"in_key": 0.6, "key_margin": 0.0, "onset_error_ms": 12.5}


@pytest.mark.parametrize("limits", [{}, dict.fromkeys(LIMITS)])
def test_nothing_is_judged_unless_it_is_asked_for(limits):
    assert mix_failures(WRONG, limits) == []


@pytest.mark.parametrize("measured", [RIGHT, [section(place) for place in range(3)], []])
def test_what_is_right_and_what_has_no_figure_passes(measured):
    assert mix_failures(measured, LIMITS) == []


def test_the_worst_section_is_named_with_its_place_what_was_found_and_what_is_asked():
    key = "transpose or replace what plays there, correct song.key or the section's key, or allow it with verify."
    rather = "(it sounds like Ab major)"
    low, far, margin = mix_failures(WRONG, LIMITS)
    assert low == (
        "in 2 of 3 sections, most in 'chorus' at 0:08.000 31% of its notes' energy is in G major, at least 60% is "
        f"asked {rather}: {key}in_key"
    )
    assert far == (
        "in 'verse' at 0:00.000 its onsets are 31.2 ms off the grid in the median (4.5 ms late), 12.5 ms are allowed: "
        "move what plays there, correct song.bpm, or allow it with verify.onset_error_ms"
    )
    assert margin == (
        "in 2 of 3 sections, most in 'chorus' at 0:08.000 the margin of G major over other keys is -0.9, at least 0 "
        f"is asked {rather}: {key}key_margin"
    )


def test_a_stem_is_not_asked_to_have_one_key_alone():
    assert stem_failures(WRONG, {"key_margin": 0.0}) == []


def test_a_figure_at_its_limit_passes():
    assert mix_failures(WRONG, {"in_key": 0.31, "key_margin": -0.9, "onset_error_ms": 31.2}) == []
