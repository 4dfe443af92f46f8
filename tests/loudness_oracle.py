"""libebur128 as the oracle of the loudness, true-peak and limiter tests."""

from __future__ import annotations

import numpy as np
import pyebur128

MODE = pyebur128.MeasurementMode


def _state(samples, rate, mode):
    state = pyebur128.R128State(samples.shape[1], rate, mode)
    state.add_frames(np.ascontiguousarray(samples, dtype=np.float64).ravel(), len(samples))
    return state


def integrated_lufs(samples, rate):
    return pyebur128.get_loudness_global(_state(samples, rate, MODE.MODE_I))


def together_lufs(programmes, rate):
    """Return the loudness of several programmes as one: the gates are of the blocks of all."""
    return pyebur128.get_loudness_global_multiple([_state(samples, rate, MODE.MODE_I) for samples in programmes])


def loudness_range_lu(samples, rate):
    return pyebur128.get_loudness_range(_state(samples, rate, MODE.MODE_LRA))


def true_peak_dbtp(samples, rate):
    state = _state(samples, rate, MODE.MODE_TRUE_PEAK)
    return 20 * np.log10(max(pyebur128.get_true_peak(state, channel) for channel in range(samples.shape[1])))


def windows_lufs(samples, rate, hop, momentary=True, short_term=True):
    """Return momentary and short-term loudness after each ``hop`` frames; NaN before that, or unasked."""
    state = pyebur128.R128State(samples.shape[1], rate, MODE.MODE_S | MODE.MODE_M)
    second = (rate + 5) // 10 * 10
    found = []
    for stop in range(hop, len(samples) + 1, hop):
        part = np.ascontiguousarray(samples[stop - hop : stop], dtype=np.float64)
        state.add_frames(part.ravel(), len(part))
        found.append(
            (
                pyebur128.get_loudness_momentary(state) if momentary and 10 * stop >= 4 * second else np.nan,
                pyebur128.get_loudness_shortterm(state) if short_term and stop >= 3 * second else np.nan,
            )
        )
    return np.array(found).T


def max_windows_lufs(samples, rate):
    """Return the loudest momentary loudness, looked at every 10 ms, and the loudest short-term, every 100 ms."""
    step = (rate + 5) // 10
    momentary, _ = windows_lufs(samples, rate, step // 10, short_term=False)
    _, short_term = windows_lufs(samples, rate, step, momentary=False)
    return np.nanmax(momentary), np.nanmax(short_term)


def sines(segments, rate=48_000, frequency_hz=1000.0):
    """Return sine tones one after the other: (seconds, dBFS of each channel) each."""
    parts = []
    start = 0
    for seconds, levels in segments:
        frames = round(seconds * rate)
        tone = np.sin(2 * np.pi * frequency_hz * (start + np.arange(frames)) / rate)
        parts.append(tone[:, None] * 10 ** (np.array(levels) / 20))
        start += frames
    return np.concatenate(parts)
