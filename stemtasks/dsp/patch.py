"""One note or chord of a subtractive synthesiser: detuned oscillators, a swept resonant low-pass, an envelope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

from stemtasks.dsp.envelope import Adsr
from stemtasks.dsp.oscillators import Oscillator, harmonics_below_nyquist
from stemtasks.dsp.sections import Filter, Sections
from stemtasks.music.pitch import frequency_hz

Samples = NDArray[np.float64]

PIECE_FRAMES = 1 << 14  # a few arrays of it stay in the processor's cache
STEP_FRAMES = 64  # a moving cutoff is set anew this often: 0.7 to 1.5 ms
HIGHEST_CUTOFF = 0.45  # of the sample rate
LOWEST_HZ = 20.0


@dataclass(frozen=True)
class Patch:
    """What all notes of a synth share; ``detune_cents`` lies between the lowest and the highest unison voice."""

    waveform: str
    voices: int
    detune_cents: float
    sub: float
    width: float
    envelope: Adsr
    cutoff_hz: float
    resonance: float
    filter_envelope_octaves: float
    filter_decay_ms: float
    sample_rate: int
    seed: int

    def frames(self, held: int) -> int:
        """Return how many frames a note sounds that is held for ``held`` frames."""
        return self.envelope.frames(held)

    def pieces(self, notes: tuple[int, ...], held: int, accent_db: float) -> Iterator[Samples]:
        """Yield the notes (MIDI numbers) sounded together: arrays of shape (n, 2), or (n, 1) without width.

        One note is about 1.0 at its peak before the filter; a chord is divided by the root of its notes.
        An accent also opens the filter, by an octave for each 6 dB. The same notes give the same samples.
        """
        sources = list(self._sources(notes))
        sweep = Sweep(
            self.cutoff_hz * 2.0 ** (accent_db / 6.0),
            self.resonance,
            self.filter_envelope_octaves,
            self.filter_decay_ms,
            self.sample_rate,
            self.channels,
        )
        level = 10.0 ** (accent_db / 20.0) / len(notes) ** 0.5
        total = self.frames(held)
        for start in range(0, total, PIECE_FRAMES):
            count = min(PIECE_FRAMES, total - start)
            mix = np.zeros((self.channels, count))
            for oscillator, gains in sources:
                wave = oscillator.read(start, count)
                for channel, gain in enumerate(gains):
                    mix[channel] += wave * gain
            mix *= level
            filtered = sweep(mix.T, start)
            yield filtered * self.envelope.gains(start, start + count, held)[:, None]

    def _sources(self, notes: tuple[int, ...]) -> Iterator[tuple[Oscillator, Samples]]:
        """Yield each oscillator with its gain per channel.

        Phases are drawn for each note, so that a chord does not begin with all of its peaks at once; the
        detuning is uneven by up to a tenth, so that the voices' beats do not fall into a rhythm; every
        second note has its voices in the other order from left to right, so that no side is the sharper one.
        """
        spread = np.linspace(-1.0, 1.0, self.voices) if self.voices > 1 else np.zeros(1)
        for index, note in enumerate(notes):
            rng = np.random.Generator(np.random.PCG64([self.seed, note]))
            phases = rng.random(self.voices)
            cents = self.detune_cents / 2.0 * spread * (1.0 + 0.1 * (rng.random(self.voices) - 0.5))
            harmonics = harmonics_below_nyquist(frequency_hz(note + np.max(cents) / 100.0), self.sample_rate)
            for voice in range(self.voices):
                frequency = frequency_hz(note + cents[voice] / 100.0)
                side = self.width * spread[voice] * (-1) ** index
                gains = self._panned(float(side)) / self.voices**0.5
                yield Oscillator(self.waveform, frequency, self.sample_rate, phases[voice], harmonics), gains
        below = frequency_hz(notes[0] - 12)
        if self.sub and below >= LOWEST_HZ:
            yield Oscillator("sine", below, self.sample_rate), self._panned(0.0) * self.sub

    @property
    def channels(self) -> int:
        """Return the channels of the pieces: 2 if the voices are spread, else 1."""
        return 2 if self.width and self.voices > 1 else 1

    def _panned(self, side: float) -> Samples:
        """Return the gains of equal power for a place from -1 to 1, 1.0 each in the middle; one gain without width."""
        if self.channels == 1:
            return np.ones(1)
        angle = (side + 1.0) * np.pi / 4.0
        gains: Samples = np.sqrt(2.0) * np.array([np.cos(angle), np.sin(angle)])
        return gains


class Sweep:
    """A low-pass of 12 dB per octave whose cutoff starts ``octaves`` from ``cutoff_hz`` and falls back to it.

    It is within 5 % of the way after ``decay_ms``. Coefficients: R. Bristow-Johnson, 'Cookbook formulae for
    audio EQ biquad filter coefficients' (W3C Note, 2021), LPF.
    """

    def __init__(
        self, cutoff_hz: float, q: float, octaves: float, decay_ms: float, sample_rate: int, channels: int
    ) -> None:
        self.cutoff_hz, self.q, self.octaves, self.sample_rate = cutoff_hz, q, octaves, sample_rate
        self.time_constant = max(decay_ms, 0.1) / 3000.0 * sample_rate
        # where the sweep is within a hundredth of an octave, it is over
        away = max(abs(octaves) / 0.01, 1.0)
        self.settled = ceil(self.time_constant * log(away) / STEP_FRAMES) * STEP_FRAMES
        self.filter = Filter(self._lowpass(np.array([cutoff_hz])), channels)
        self.rest = self.filter.sos

    def __call__(self, block: Samples, start: int) -> Samples:
        """Return the filtered frames from ``start`` on: shape (frames, channels); blocks come in order.

        The cutoff changes at multiples of ``STEP_FRAMES``, where ``start`` should lie too.
        """
        moving = min(max(self.settled - start, 0), len(block))
        steps = range(0, moving, STEP_FRAMES)
        frames = start + np.array(steps)
        rows = self._lowpass(self.cutoff_hz * 2.0 ** (self.octaves * np.exp(-frames / self.time_constant)))
        out = np.empty_like(block)
        for begin, row in zip(steps, rows, strict=True):
            self.filter.sos = row[None]
            end = min(begin + STEP_FRAMES, moving)
            out[begin:end] = self.filter(block[begin:end])
        self.filter.sos = self.rest
        if moving < len(block):
            out[moving:] = self.filter(block[moving:])
        return out

    def _lowpass(self, cutoff_hz: Samples) -> Sections:
        """Return one section for each cutoff: shape (cutoffs, 6)."""
        w = 2.0 * np.pi * np.minimum(cutoff_hz / self.sample_rate, HIGHEST_CUTOFF)
        cosine, alpha = np.cos(w), np.sin(w) / (2.0 * self.q)
        b = (1.0 - cosine) / 2.0
        ones = np.ones_like(w)
        rows = np.stack([b, 2.0 * b, b, 1.0 + alpha, -2.0 * cosine, 1.0 - alpha], axis=1) / (1.0 + alpha)[:, None]
        rows[:, 3] = ones
        return np.ascontiguousarray(rows)
