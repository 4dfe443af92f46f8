"""The meters of a master beside ours, against scipy and soxr."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from stemtasks.audio.true_peak import OtherMeters, TruePeakMeter
from tests.true_peak_oracle import band_limited, long_dbtp, made_to_break, soxr_dbtp

RATE = 48_000
MADE = made_to_break(RATE, 30_000)


def own_peak(samples, rate=RATE):
    meter = TruePeakMeter(rate, samples.shape[1])
    meter(samples, 0.0)
    return meter.finish()


def others(samples, enough=0.0, cuts=()):
    meter = OtherMeters(samples.shape[1], own_peak(samples), enough)
    for part in np.split(samples, list(cuts)):
        meter(part)
    return meter.finish()


@pytest.mark.parametrize("name", MADE)
def test_the_others_read_as_a_long_meter_and_soxr_do(name):
    samples = MADE[name]
    read = 20 * np.log10(max(others(samples), own_peak(samples)))
    assert read == pytest.approx(max(long_dbtp(samples, 2048), soxr_dbtp(samples, RATE)), abs=0.03)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(MADE)), st.floats(-6, 3), st.floats(0.3, 0.5), st.lists(st.integers(0, 30_000)))
def test_what_is_left_out_is_not_above_what_is_enough(name, over_db, share, cuts):
    samples = band_limited(MADE[name], share)
    enough = own_peak(samples) * 10 ** (over_db / 20)
    read = others(samples)
    assert others(samples, enough, sorted(cuts)) == (read if read > enough else pytest.approx(0, abs=enough))


def test_recordings_are_left_out_and_read_no_more(recordings):
    samples, _ = soundfile.read(recordings / "songs/metal_madness/song.ogg", frames=400_000, always_2d=True)
    samples[-2_000:] *= np.cos(np.linspace(0, np.pi / 2, 2_000))[:, None] ** 2  # a hard end has all frequencies
    own = own_peak(samples)
    assert others(samples, own * 1.02) == 0.0  # as far as a limiter keeps below its ceiling
    assert others(samples) < own * 1.01
