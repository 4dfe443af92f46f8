from __future__ import annotations

import numpy as np
import pytest

from stemtasks.errors import SpecError

RATE = 48000


def impulse(channels=1, frames=100):
    x = np.zeros((frames, channels))
    x[10] = 1.0
    return x


@pytest.mark.parametrize(
    ("arguments", "bpm", "interval"),
    [
        ({"beats": 0.75}, 120.0, 18000),
        ({"beats": 1 / 3}, 97.0, 9897),  # 1/3 * 60 * 48000 / 97 = 9896.9
        ({"time_ms": 12.5}, None, 600),
    ],
)
def test_echoes_stand_at_exact_frames_and_decay_by_the_feedback(apply, arguments, bpm, interval):
    out = apply("delay", impulse(), bpm=bpm, feedback=0.5, mix=0.4, **arguments)[:, 0]
    at = np.flatnonzero(out)
    taps = len(at) - 1
    assert list(at) == [10] + [10 + k * interval for k in range(1, taps + 1)]
    assert out[10] == 0.6
    np.testing.assert_allclose(out[at[1:]], 0.4 * 0.5 ** np.arange(taps), rtol=1e-12)


def test_the_tail_goes_on_to_90_db_below_full_scale(apply):
    out = apply("delay", impulse(), time_ms=10.0, feedback=0.5, mix=1.0)[:, 0]
    echoes = out[np.flatnonzero(out)]
    assert 10 ** (-90 / 20) < echoes[-1] < 2.1 * 10 ** (-90 / 20)


def test_ping_pong_goes_from_left_to_right(apply):
    out = apply("delay", impulse(2), time_ms=10.0, feedback=0.5, mix=1.0, ping_pong=True)
    assert [out[10 + k * 480].tolist() for k in range(1, 5)] == [[1.0, 0.0], [0.0, 0.5], [0.25, 0.0], [0.0, 0.125]]


def test_damping_makes_every_echo_duller(apply):
    x = np.random.default_rng(0).standard_normal((2000, 1))
    out = apply("delay", x, time_ms=50.0, feedback=0.9, mix=1.0, damping_hz=2000.0)[:, 0]

    def highs(echo):
        spectrum = np.abs(np.fft.rfft(out[echo * 2400 : echo * 2400 + 2000])) ** 2
        return spectrum[400:].sum() / spectrum.sum()

    shares = [highs(echo) for echo in (1, 2, 3)]
    assert shares[0] > 2 * shares[1] > 4 * shares[2]


def test_long_feedback_stays_stable(apply):
    x = np.random.default_rng(0).standard_normal((3000, 2))
    out = apply("delay", x, time_ms=5.0, feedback=0.98, mix=1.0, damping_hz=4000.0, ping_pong=True)
    assert np.isfinite(out).all()
    assert np.abs(out[-240:]).max() < 1e-3


@pytest.mark.parametrize(
    ("arguments", "bpm", "message"),
    [
        ({}, 120.0, "either beats or time_ms, found neither"),
        ({"beats": 1.0, "time_ms": 3.0}, 120.0, "either beats or time_ms, found both"),
        ({"beats": 1.0}, None, "beats needs the song's bpm"),
        ({"beats": 0.0}, 120.0, "less than 1 ms"),
        ({"beats": 100_000.0}, 120.0, "100000 beats at 120 bpm are 50000.0 s, at most 30 s between echoes can be kept"),
        ({"time_ms": 3.0, "ping_pong": True}, 120.0, "ping_pong needs 2 channels, found 1"),
    ],
)
def test_what_the_signature_cannot_say_is_one_clear_line(apply, arguments, bpm, message):
    with pytest.raises(SpecError, match=message):
        apply("delay", impulse(), bpm=bpm, **arguments)
