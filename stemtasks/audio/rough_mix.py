"""A rough mix beside the stems that it was made of: read together, window by window, as often as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stemtasks.audio.rates import at_rate
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.dsp import pan
from stemtasks.dsp.cells import Cells, Spectra, edges_hz, first_bins, frame_length, spectra
from stemtasks.dsp.common_level import CommonLevel
from stemtasks.dsp.delays import Delays
from stemtasks.dsp.faders import Faders, faders_of
from stemtasks.errors import AudioError

WINDOW_SECONDS = 1.0
MOST_BYTES = 128 << 20
"""Of cells, whatever the song's length and count of stems: longer songs have longer windows."""
FRAMES_AT_ONCE = 8
SHORTER = 8
"""The frames by which a common level is followed are this much shorter."""
CLEAN_DB = -50.0
"""A sum that is explained so far had no compressor or limiter behind it."""
LEVEL_PASSES = 2

Samples = NDArray[np.float32]


class RoughMix:
    """Stems of one length and rate by name, and the rough mix, at their rate, in as many channels as both have."""

    def __init__(self, stems: dict[str, Path], reference: Path, scratch: Path) -> None:
        self._stack = ExitStack()
        try:
            self.sources = {name: self._stack.enter_context(Source(path)) for name, path in stems.items()}
            first = next(iter(self.sources.values()))
            self.sample_rate, self.stem_channels = first.sample_rate, first.channels
            self._reference = self._stack.enter_context(Source(self._at_rate(reference, scratch)))
        except BaseException:
            self._stack.close()
            raise
        self.channels = min(self.stem_channels, self._reference.channels)
        self.frames = min(first.frames, self._reference.frames)
        self.length = frame_length(self.sample_rate)
        self.hop = self.length // 2
        self._bins = first_bins(self.length, self.sample_rate)
        self.delays = np.zeros(len(stems))
        """By how many frames the rough mix is late after each stem."""
        self.window_frames, self.windows = self._windows()
        self.overall_db, self.window_levels_db = 0.0, np.zeros(self.windows)
        """Of the common level that the last pass has taken out."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def faders(self) -> Faders:
        """Return the gains of the stems in the rough mix (``dsp/faders.py``); the common level is taken out of it."""
        self._find_delays()
        found = faders_of(self._cells(None, None))
        for _ in range(LEVEL_PASSES):
            left, power = float(found.residual.sum()), float(found.measured.sum())
            if left <= power * 10 ** (CLEAN_DB / 10):
                break
            found = faders_of(self._cells(found, self._common_level(found)))
        return found

    def _at_rate(self, reference: Path, scratch: Path) -> Path:
        """Return the rough mix at the stems' rate: itself, or written anew."""
        with Source(reference) as source:
            if source.channels > 2 and source.channels != self.stem_channels:
                raise AudioError(
                    f"{reference}: it has {source.channels} channels and the song {self.stem_channels}: export it with "
                    "1 or as many as the song"
                )
            if source.sample_rate == self.sample_rate and source.format == "WAV":
                return reference
            blocks = at_rate(source.blocks(), source.frames, source.channels, source.sample_rate, self.sample_rate)
            written = scratch / "reference.wav"
            write_wav(written, blocks, self.sample_rate, source.channels)
        self._stack.callback(written.unlink)
        return written

    def _windows(self) -> tuple[int, int]:
        stems = len(self.sources)
        each = (len(edges_hz(self.sample_rate)) - 1) * self.channels * stems * (4 * stems + 8)
        most = max(1, MOST_BYTES // each)
        frames = max(WINDOW_SECONDS * self.sample_rate, self.frames / most)
        hops = max(1, round(frames / self.hop), -(-self.frames // (most * self.hop)))
        return hops * self.hop, max(1, -(-self.frames // (hops * self.hop)))

    def _pieces(self) -> Iterator[tuple[int, int, int]]:
        """Yield (window, first frame, count) of the frames that are transformed together."""
        at_once = max(1, min(FRAMES_AT_ONCE, 256 // len(self.sources)))
        for window in range(self.windows):
            start, end = window * self.window_frames, min((window + 1) * self.window_frames, self.frames)
            starts = range(start, end, self.hop)
            for place in range(0, len(starts), at_once):
                yield window, starts[place], len(starts[place : place + at_once])

    def _read(self, start: int, frames: int) -> Samples:
        """Return stems and, last, the rough mix: shape (stems + 1, channels, frames); silence where they are not."""
        read = np.zeros((len(self.sources) + 1, self.channels, frames), dtype=np.float32)
        places = [start - round(delay) for delay in self.delays.tolist()] + [start]
        for into, source, first in zip(read, [*self.sources.values(), self._reference], places, strict=True):
            before = max(0, -first)
            if frames <= before:
                continue
            block = source.read_narrow(first + before, frames - before)
            if self.channels < block.shape[1]:
                block = pan.middle(block.astype(np.float64))[:, None]
            with np.errstate(over="ignore"):
                into[:, before : before + len(block)] = block.T
        return read

    def _spectra(self, samples: Samples, count: int) -> Spectra:
        """Return the spectra of ``count`` frames, in time to a fraction of a sample."""
        views = sliding_window_view(samples, self.length, axis=-1)[:, :, :: self.hop][:, :, :count]
        found = spectra(views)
        parts = self.delays - np.round(self.delays)
        for stem in np.flatnonzero(parts):
            turn = np.exp(-2j * np.pi * np.arange(found.shape[-1]) * parts[stem] / self.length)
            found[stem] *= turn.astype(np.complex64)
        return found

    def _span(self, count: int) -> int:
        return (count - 1) * self.hop + self.length

    def _find_delays(self) -> None:
        delays = Delays(len(self.sources), self.length, self.sample_rate)
        for _, start, count in self._pieces():
            delays.add(self._spectra(self._read(start, self._span(count)), count))
        self.delays = delays.found()

    def _common_level(self, found: Faders) -> CommonLevel:
        # powers of cells are of all bins of a band, of so many frames
        bins = np.diff(self._bins) * self.channels * -(-self.frames // self.hop)
        power = found.modelled.sum(axis=(0, 2)) * np.abs(found.tone) ** 2 / np.maximum(bins, 1) / SHORTER
        late = float(np.median(self.delays - np.round(self.delays)))
        return CommonLevel(self.length // SHORTER, self.sample_rate, found.tone, power, late)

    def _cells(self, found: Faders | None, level: CommonLevel | None) -> Cells:
        """Return the cells of all of it; with what was ``found`` before, the common level is given to the stems."""
        cells = Cells.empty(self.windows, len(self._bins) - 1, self.channels, len(self.sources))
        summed = np.zeros((self.windows, 2))
        for window, start, count in self._pieces():
            span = self._span(count)
            if level is None or found is None:
                samples = self._read(start, span)
            else:
                samples, measured = self._levelled(start, span, found.gains, level)
                summed[window] += measured
            cells.add(window, self._spectra(samples, count), self._bins)
        if level is not None:
            self.overall_db = float(summed[:, 0].sum() / max(summed[:, 1].sum(), 1e-30))
            self.window_levels_db = summed[:, 0] / np.maximum(summed[:, 1], 1e-30)
        return cells

    def _levelled(
        self, start: int, span: int, gains: NDArray[np.float64], level: CommonLevel
    ) -> tuple[Samples, NDArray[np.float64]]:
        """Return ``_read`` with the common level on the stems, and (its sum in dB, weighted, and the weights)."""
        first, last = start // level.hop, -(-(start + span) // level.hop)
        begin = first * level.hop - level.length // 2
        wide = self._read(begin, (last - first) * level.hop + level.length)
        mix = np.einsum("ci,ict->ct", gains.astype(np.float32), wide[:-1])
        views = [sliding_window_view(each, level.length, axis=-1)[:, :: level.hop] for each in (mix, wide[-1])]
        level_db, weight = level(*views)
        samples = wide[:, :, start - begin : start - begin + span]
        places = (np.arange(first, last + 1) * level.hop - start).astype(np.float64)
        curve = np.interp(np.arange(span), places, 10 ** (level_db / 20))
        samples[:-1] *= curve.astype(np.float32)
        return samples, np.array([(level_db * weight).sum(), weight.sum()])
