"""All that can be measured of a file, in one call."""

from __future__ import annotations

from stemtasks.audio.facts import decibels
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.loudness import measure_levels_and_loudness
from stemtasks.audio.source import Source
from stemtasks.audio.true_peak import TruePeakMeter


def measure(path, loudness=False, true_peak=False):
    with Source(path) as source:
        meter = TruePeakMeter(source.sample_rate, source.channels) if true_peak else None
    facts = (measure_levels_and_loudness if loudness else measure_levels)(path, meter)
    return facts if meter is None else facts | {"true_peak_dbtp": decibels(meter.finish())}
