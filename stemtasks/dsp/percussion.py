"""Synthesised drum voices: one stroke of a drum or a cymbal as an array.

Noise and metal are built as spectra and brought to time by an inverse FFT: a band ends where it is
told to, nothing folds at the Nyquist frequency, and there is no filter to settle at the onset.
Membranes are decaying sines at the modes of an ideal circular membrane, whose pitch falls as the
tension of the stroke does.

Sources: N. Fletcher and T. Rossing, 'The Physics of Musical Instruments', 2nd ed. 1998, sections
3.3 (modes of a circular membrane) and 18-20 (drums, cymbals, cowbells); K. Werner, J. Abel and
J. Smith, 'The TR-808 Cymbal: a Physically-Informed, Circuit-Bendable, Digital Model', ICMC 2014
(six square waves, high-passed).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, pi

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

MEMBRANE_RATIOS = (1.0, 1.594, 2.136)  # modes (0,1), (1,1), (2,1): zeros of the Bessel functions over 2.405
SQUARES_HZ = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)
LN_1000 = 6.907755278982137
ATTACK_S = 0.0002  # noise cut into at full level would splatter below its band
END_FADE_S = 0.003


@dataclass(frozen=True)
class Stroke:
    """What a voice needs to sound once: ``velocity`` is 0..1, ``rng`` gives each stroke its own noise and detune."""

    electronic: bool
    velocity: float
    sample_rate: int
    rng: np.random.Generator

    def time(self, seconds: float) -> Samples:
        """Return the time in seconds of each frame."""
        return np.arange(max(1, round(seconds * self.sample_rate))) / self.sample_rate

    def near(self, value: float, spread: float = 0.02) -> float:
        """Return a value as a player would repeat it."""
        return value * (1.0 + spread * self.rng.uniform(-1.0, 1.0))

    def bright(self, frequency_hz: float) -> float:
        """Return an upper band edge that falls by an octave for the softest strokes."""
        return frequency_hz * (0.5 + 0.5 * self.velocity)

    def noise(self, t: Samples, low_hz: float, high_hz: float) -> Samples:
        """Return Gaussian noise of unit RMS between two edges (Butterworth magnitudes of order 4)."""
        frames = _fast_length(len(t))
        # uniform parts draw faster, and thousands of them add up to a Gaussian waveform all the same
        parts = self.rng.random(2 * (frames // 2 + 1))
        parts -= 0.5
        return self._sound(parts.view(np.complex128), frames, low_hz, high_hz)[: len(t)]

    def squares(self, t: Samples, fundamentals_hz: Sequence[float], low_hz: float, high_hz: float) -> Samples:
        """Return band-limited square waves, each at a phase of its own, between two edges, at unit RMS."""
        frames = _fast_length(max(len(t), self.sample_rate // 4))
        spectrum = np.zeros(frames // 2 + 1, dtype=np.complex128)
        for fundamental_hz in fundamentals_hz:
            first = self.near(fundamental_hz, 0.004) * frames / self.sample_rate
            harmonics = np.arange(1, len(spectrum) / first, 2.0)
            bins = np.rint(harmonics * first).astype(np.intp)
            bins = np.minimum(bins, len(spectrum) - 1)
            np.add.at(spectrum, bins, np.exp(1j * self.rng.uniform(0, 2 * np.pi) * harmonics) / harmonics)
        return self._sound(spectrum, frames, low_hz, high_hz)[: len(t)]

    def _sound(self, spectrum: NDArray[np.complex128], frames: int, low_hz: float, high_hz: float) -> Samples:
        """Return the waveform of a spectrum shaped to a band, at unit RMS."""
        top_hz = 0.42 * self.sample_rate  # so that a band exists, and ends, at 8 kHz too
        frequency_hz = np.arange(len(spectrum)) * (self.sample_rate / frames)
        above = (frequency_hz / min(low_hz, 0.6 * top_hz)) ** 2
        below = (frequency_hz / min(high_hz, top_hz)) ** 2
        above *= above
        below *= below
        shaped = spectrum * (above / np.sqrt((1.0 + above * above) * (1.0 + below * below)))
        parts = shaped.view(np.float64)
        # Parseval: the waveform's RMS; not vdot, whose result and CPU time depend on the threads of BLAS
        parts *= frames / np.sqrt(2.0 * np.sum(parts * parts))
        sound: Samples = np.fft.irfft(shaped, frames)
        return sound

    def modes(self, t: Samples, modes: Sequence[tuple[float, float, float]], detune: float = 0.003) -> Samples:
        """Return decaying sines of (frequency in Hz, amplitude, seconds to -60 dB), those below Nyquist."""
        total = np.zeros(len(t))
        for frequency_hz, amplitude, t60 in modes:
            heard_hz = self.near(frequency_hz, detune)
            if heard_hz < 0.45 * self.sample_rate:
                frames = min(len(t), ceil(1.2 * t60 * self.sample_rate))
                pole = complex(-LN_1000 / t60, 2 * pi * heard_hz) / self.sample_rate
                total[:frames] += amplitude * _powers(pole, frames)
        return total


def _powers(pole: complex, frames: int) -> Samples:
    """Return the imaginary part of exp(pole n): exp(a + b) = exp(a) exp(b) spares nearly all exponentials."""
    step = 256
    coarse = np.exp(pole * step * np.arange(-(-frames // step)))[:, np.newaxis]
    fine = np.exp(pole * np.arange(step))
    wave: Samples = coarse.real * fine.imag
    wave += coarse.imag * fine.real
    return wave.ravel()[:frames]


def _fast_length(frames: int) -> int:
    """Return a length of 5 to 8 times a power of two, which the FFT does quickly."""
    shift = max(1, frames.bit_length() - 3)
    return -(-frames // (1 << shift)) << shift


def fall(t: Samples, t60: float) -> Samples:
    """Return an exponential decay of 60 dB in ``t60`` seconds."""
    return np.exp(t * (-LN_1000 / t60))


def glide(t: Samples, end_hz: float, extra_hz: float, seconds: float) -> Samples:
    """Return a sine whose frequency falls from ``end_hz + extra_hz`` to ``end_hz`` with a time constant."""
    return np.sin(2 * pi * (end_hz * t + extra_hz * seconds * (1.0 - np.exp(t / -seconds))))


def kick(s: Stroke) -> Samples:
    """Return a bass drum: a sine that falls in pitch, driven a little, and the beater's click."""
    if s.electronic:
        t60, end_hz, extra_hz, seconds, click = s.near(0.75), s.near(48.0, 0.003), 180.0, 0.017, 0.16
    else:
        t60, end_hz, extra_hz, seconds, click = s.near(0.42), s.near(56.0, 0.006), 120.0, 0.012, 0.3
    t = s.time(t60)
    body = np.tanh(1.6 * glide(t, end_hz, extra_hz * (0.6 + 0.4 * s.velocity), seconds) * fall(t, t60))
    beater = s.time(0.03)
    body[: len(beater)] += (
        click * (0.3 + 0.7 * s.velocity) * s.noise(beater, 900, s.bright(6500)) * fall(beater, 0.018) * 0.6
    )
    if not s.electronic:
        room = s.time(0.16)
        body[: len(room)] += 0.07 * s.noise(room, 90, 420) * fall(room, 0.16)
    return body


def snare(s: Stroke) -> Samples:
    """Return a snare drum: two modes of the head, the wires' noise, and the stick's crack."""
    head_hz, head_t60, wires_t60 = (178.0, 0.16, 0.26) if s.electronic else (192.0, 0.2, 0.3)
    wires_t60 = s.near(wires_t60, 0.06) * (0.7 + 0.3 * s.velocity)
    t = s.time(wires_t60 * 1.1)
    head_hz = s.near(head_hz, 0.006)
    out = 0.75 * glide(t, head_hz, 0.35 * head_hz, 0.012) * fall(t, head_t60)
    out += s.modes(t, [(1.82 * head_hz, 0.35, 0.6 * head_t60), (2.7 * head_hz, 0.12, 0.08)])
    wires = 1.4 * s.noise(t, 1700 if s.electronic else 1300, s.bright(12_000))
    # wires start to rattle when the head has reached them
    out += (0.1 + 0.14 * s.velocity) * wires * fall(t, wires_t60) * (1.0 - 0.7 * fall(t, 0.02))
    crack = s.time(0.05)
    out[: len(crack)] += 0.3 * s.velocity * s.noise(crack, 1800, s.bright(9000)) * fall(crack, 0.035)
    return out


def rimshot(s: Stroke) -> Samples:
    """Return a stick on the rim: short, woody modes."""
    t60 = s.near(0.05 if s.electronic else 0.075, 0.05)
    t = s.time(0.12)
    modes = [(1667, 0.8, t60), (455, 1.0, 0.8 * t60)] if s.electronic else [(430, 0.9, t60), (905, 0.6, 0.8 * t60)]
    out = s.modes(t, [*modes, (2480, 0.45, 0.5 * t60), (4130, 0.2, 0.3 * t60)], 0.006)
    return out + 0.22 * s.noise(t, 1500, s.bright(9000)) * fall(t, 0.012)


def clap(s: Stroke) -> Samples:
    """Return hands: bursts of noise some 10 ms apart, then the room."""
    t = s.time(0.34)
    starts = [0.0, 0.0098, 0.0197] if s.electronic else [0.0, *np.sort(s.rng.uniform(0.004, 0.026, 4))]
    envelope = 0.55 * np.where(t >= starts[-1], fall(np.maximum(t - starts[-1], 0.0), s.near(0.28, 0.05)), 0.0)
    for start in starts:
        since = np.maximum(t - start, 0.0)
        envelope += np.where(t >= start, fall(since, 0.022), 0.0) * (1.0 if s.electronic else s.near(0.75, 0.25))
    return s.noise(t, 850, s.bright(2600 if s.electronic else 5200)) * envelope


def hat(s: Stroke, t60: float) -> Samples:
    """Return a pair of cymbals: a cluster of square waves and noise, all above 6 kHz."""
    t60 = s.near(t60, 0.05) * (0.75 + 0.25 * s.velocity)
    t = s.time(t60)
    metal, air = (0.85, 0.4) if s.electronic else (0.45, 0.8)
    ratio = 1.0 if s.electronic else 1.37
    out = metal * s.squares(t, [ratio * f for f in SQUARES_HZ], 6800, s.bright(18_000))
    out += air * s.noise(t, 7200, s.bright(19_000))
    stick = 0.8 * fall(t, 0.025)  # the tip, before the plates ring
    return out * (fall(t, t60) + stick * s.velocity)


def closed_hat(s: Stroke) -> Samples:
    """Return a hi-hat held shut."""
    return hat(s, 0.09 if s.electronic else 0.11)


def open_hat(s: Stroke) -> Samples:
    """Return a hi-hat left open."""
    return hat(s, 0.75 if s.electronic else 0.95)


def ride(s: Stroke) -> Samples:
    """Return a ride cymbal: the tip's ping, partials of the bow, and a quiet wash."""
    t = s.time(1.7)
    out = 0.3 * s.noise(t, 3200, s.bright(15_000)) * fall(t, s.near(1.5, 0.04))
    tones = [(417, 0.05, 1.2), (1130, 0.09, 1.4), (2210, 0.13, 1.3), (3270, 0.2, 1.1), (4790, 0.22, 0.9)]
    out += s.modes(t, [*tones, (6130, 0.2, 0.6), (7480, 0.14, 0.4)], 0.002)
    if s.electronic:
        out += 0.3 * s.squares(t, SQUARES_HZ, 4800, s.bright(16_000)) * fall(t, 1.1)
    tip = s.time(0.06)
    out[: len(tip)] += (0.3 + 0.5 * s.velocity) * s.noise(tip, 3800, s.bright(17_000)) * fall(tip, 0.04)
    return out


def crash(s: Stroke) -> Samples:
    """Return a crash cymbal: bands of noise, the higher the shorter, that bloom as energy spreads upwards."""
    bands = [(450.0, 2600.0, 0.32, 2.1, 0.001), (2600.0, 6500.0, 0.6, 1.7, 0.004), (6500.0, 17_000.0, 0.75, 1.0, 0.009)]
    out = np.zeros(len(s.time(1.9)))
    for low_hz, high_hz, amplitude, t60, bloom in bands:
        t = s.time(min(1.9, 1.1 * t60))
        rise = 1.0 - 0.8 * np.exp(t / -bloom)
        level = amplitude * (s.velocity if low_hz > 5000 else 1.0)
        out[: len(t)] += level * s.noise(t, low_hz, high_hz) * fall(t, s.near(t60, 0.04)) * rise
    if s.electronic:
        t = s.time(1.2)
        out[: len(t)] += 0.5 * s.squares(t, SQUARES_HZ, 3500, 15_000) * fall(t, 1.1)
    return out


def tom(s: Stroke, pitch_hz: float) -> Samples:
    """Return a tom: a gliding fundamental, upper modes of the head that die sooner, and the stick."""
    t60 = s.near(0.55 if s.electronic else 0.62, 0.04) * (110.0 / pitch_hz) ** 0.35
    t = s.time(1.05 * t60)
    pitch_hz = s.near(pitch_hz, 0.004)
    if s.electronic:
        out = glide(t, pitch_hz, 0.9 * pitch_hz, 0.05) * fall(t, t60)
    else:
        out = glide(t, pitch_hz, 0.3 * s.velocity * pitch_hz, 0.04) * fall(t, t60)
        upper = [(pitch_hz * r, a, t60 * a) for r, a in zip(MEMBRANE_RATIOS[1:], (0.4, 0.25), strict=True)]
        out += s.modes(t, upper)
    stick = s.time(0.08)
    out[: len(stick)] += 0.13 * s.noise(stick, 300, s.bright(5000)) * fall(stick, 0.05)
    return out


def tom_low(s: Stroke) -> Samples:
    """Return a floor tom."""
    return tom(s, 82.0)


def tom_mid(s: Stroke) -> Samples:
    """Return a middle tom."""
    return tom(s, 118.0)


def tom_high(s: Stroke) -> Samples:
    """Return a high tom."""
    return tom(s, 167.0)


def shaker(s: Stroke) -> Samples:
    """Return a shaker: grains that gather in some 10 ms and stop."""
    t = s.time(0.13)
    rise = 0.05 + 0.95 * (1.0 - np.exp(t / -s.near(0.008, 0.2))) ** 2
    return s.noise(t, 5200, s.bright(14_000)) * rise * fall(t, s.near(0.12, 0.1))


def cowbell(s: Stroke) -> Samples:
    """Return a cowbell: two square waves with a knock and a ring, or the modes of struck sheet metal."""
    t = s.time(0.42)
    if s.electronic:
        return s.squares(t, (540.0, 800.0), 500, s.bright(4200)) * (0.6 * fall(t, 0.06) + 0.5 * fall(t, 0.4))
    ring = [(587, 0.8, 0.4), (871, 1.0, 0.35), (1540, 0.35, 0.22), (2290, 0.3, 0.16), (3610, 0.2, 0.1)]
    return s.modes(t, ring, 0.002) + 0.35 * s.noise(t, 1800, s.bright(9000)) * fall(t, 0.02)


@dataclass(frozen=True)
class Voice:
    """How to sound a voice, its peak in a kit, and how many different strokes of it a part needs."""

    sound: Callable[[Stroke], Samples]
    peak: float
    variants: int


VOICES = {
    "kick": Voice(kick, 1.0, 4),
    "snare": Voice(snare, 0.8, 6),
    "rimshot": Voice(rimshot, 0.5, 6),
    "clap": Voice(clap, 0.65, 6),
    "closed_hat": Voice(closed_hat, 0.34, 8),
    "open_hat": Voice(open_hat, 0.38, 4),
    "ride": Voice(ride, 0.34, 4),
    "crash": Voice(crash, 0.6, 3),
    "tom_low": Voice(tom_low, 0.8, 4),
    "tom_mid": Voice(tom_mid, 0.75, 4),
    "tom_high": Voice(tom_high, 0.7, 4),
    "shaker": Voice(shaker, 0.22, 8),
    "cowbell": Voice(cowbell, 0.4, 4),
}


def strike(voice: str, electronic: bool, velocity: float, sample_rate: int, rng: np.random.Generator) -> Samples:
    """Return one stroke of a voice, shape (frames,), its onset in the first frame.

    ``velocity`` (0..1) is its loudness and its brightness; the peak is ``VOICES[voice].peak * velocity``
    within 0.4 dB, by which strokes differ. The last 3 ms fade to silence.
    """
    kind = VOICES[voice]
    out = kind.sound(Stroke(electronic, velocity, sample_rate, rng))
    attack = max(1, round(ATTACK_S * sample_rate))
    out[:attack] *= np.arange(1, attack + 1) / attack
    fade = round(END_FADE_S * sample_rate)
    out[len(out) - fade :] *= np.linspace(1.0, 0.0, fade)
    gain_db = rng.uniform(-0.4, 0.4)
    out *= kind.peak * velocity * 10 ** (gain_db / 20) / np.max(np.abs(out))
    return out
