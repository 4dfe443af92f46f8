"""Rendering and measuring plans of pieces."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.pieces import Piece, check_source, fit, read, render
from stemtasks.audio.seam_figures import measure_seams
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from tests.made_stems import RATE, columns, noise, sine, written


def rendered(source, pieces, frames):
    return np.concatenate(list(render(source, lambda: iter(pieces), frames)))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(-900, 1500), st.integers(1, 2000))
def test_reading_past_an_end_mirrors_then_falls_silent(frames, start, count):
    stem = noise(frames, 2)
    with TemporaryDirectory() as folder, Source(written(Path(folder) / "stem.wav", stem)) as source:
        silence = np.zeros((4000, 2))
        padded = np.concatenate((silence, stem[::-1], stem, stem[::-1], silence)).astype(np.float32)
        at = 4000 + frames + start
        assert np.array_equal(read(source, start, count), padded[at : at + count])


def test_an_overlap_adds_both_parts(tmp_path):
    stem = np.ones((1000, 1))
    with Source(written(tmp_path / "stem.wav", stem)) as source:
        equal_gain = rendered(source, [Piece(0, 0), Piece(500, 100, 200, rho=1.0)], 900)
        equal_power = rendered(source, [Piece(0, 0), Piece(500, 100, 200)], 900)
    assert np.allclose(equal_gain, 1.0, atol=1e-12)
    assert equal_power[600, 0] == pytest.approx(2**0.5, abs=1e-4)


def test_a_piece_that_rings_in_starts_at_full_level(tmp_path):
    stem = np.concatenate((np.full((500, 1), 0.5), np.zeros((500, 1))))
    with Source(written(tmp_path / "stem.wav", stem)) as source:
        out = rendered(source, [Piece(0, 0), Piece(700, 0, 100, ring=True)], 900)
    assert np.array_equal(out[700:900], np.full((200, 1), 0.5))


def test_a_plan_may_begin_a_seam_after_the_target_ends(tmp_path):
    with Source(written(tmp_path / "stem.wav", noise(1000))) as source:
        assert len(rendered(source, [Piece(0, 0), Piece(700, 0, 100)], 650)) == 650
        assert len(rendered(source, [Piece(0, 0), Piece(700, 0, 100)], 750)) == 750


def measured(tmp_path, stem, pieces, audio):
    path = tmp_path / "out.wav"
    write_wav(path, iter([columns(audio)]), RATE, 1)
    with Source(written(tmp_path / "stem.wav", stem)) as source, Source(path) as output:
        return measure_seams(output, source, fit(source, len(audio), lambda: iter(pieces)))


def test_a_fault_in_the_file_is_measured_whatever_the_plan_says(tmp_path):
    stem = sine(RATE, 100)
    pieces = [Piece(0, 0), Piece(RATE // 2, 0, 960, rho=1.0)]
    good = np.concatenate((stem[: RATE // 2], stem))
    holed, clicked = good.copy(), good.copy()
    holed[RATE // 2 : RATE // 2 + 960] *= 0.01
    clicked[RATE // 2 + 400 :] += 0.2
    sound = measured(tmp_path, stem, pieces, good)["worst_seam"]
    assert (sound["dip_db"], sound["jump_ratio"]) == (0.0, 1.0)
    assert measured(tmp_path, stem, pieces, holed)["worst_seam"]["dip_db"] > 25
    click = measured(tmp_path, stem, pieces, clicked)["worst_seam"]
    assert click["jump_ratio"] > 20
    assert click["jump_frame"] == RATE // 2


@pytest.mark.parametrize(
    ("stem", "says"),
    [(np.zeros((0, 1)), "too short"), (noise(479), "too short"), (np.zeros((RATE, 2)), "silent throughout")],
)
def test_what_no_strategy_can_fit_is_an_error_in_one_line(tmp_path, stem, says):
    with Source(written(tmp_path / "stem.wav", stem)) as source, pytest.raises(AudioError, match=says) as caught:
        check_source(source)
    assert "\n" not in str(caught.value)
