"""What is drawn over the song's time, as SVG that is as wide as its box: a unit of its width is a column."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import ceil, copysign, floor, log
from typing import Any

from stemtasks.dsp.spectrogram import HIGHEST_HZ, LOWEST_HZ
from stemtasks.report.markup import text
from stemtasks.timeline import clock

CHANNEL_UNITS = 100
"""Height of a channel of a waveform."""
FULL_SCALE = 1000
LEVEL_UNITS = 200
MOST_TICKS = 6
TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800)
DIVISION_LU = 6
SCALE = ((100, "100 Hz"), (1000, "1 kHz"), (10_000, "10 kHz"))


@dataclass(frozen=True)
class Axis:
    """The time that all rows share, in frames."""

    frames: int
    sample_rate: int
    column_frames: int
    sections: tuple[tuple[str, int, int], ...]
    """Their names, first frames and ends."""

    @property
    def width(self) -> float:
        """Return the song's length in columns."""
        return self.frames / self.column_frames

    def percent(self, frame: float) -> str:
        """Return a place as a share of the width."""
        return f"{100 * frame / self.frames:.3f}%"

    def column(self, frame: float) -> str:
        """Return a place in columns."""
        return f"{frame / self.column_frames:.2f}"


def ruler(axis: Axis) -> str:
    """Return the sections, each a button that takes the player there, and some times below."""
    boxes = "".join(
        f'<button type="button" class="section" data-at="{start / axis.sample_rate:.6f}" disabled '
        f'style="left:{axis.percent(start)};width:{axis.percent(end - start)}" '
        f'title="{text(name)}, {clock(start * 1000 / axis.sample_rate)}">{text(name)}</button>'
        for name, start, end in axis.sections
    )
    seconds = axis.frames / axis.sample_rate
    step = next((step for step in TICK_SECONDS if seconds / step <= MOST_TICKS), TICK_SECONDS[-1])
    ticks = "".join(
        f'<span class="tick" style="left:{axis.percent(time * axis.sample_rate)}">{time // 60}:{time % 60:02d}</span>'
        for time in range(0, ceil(seconds), step)
    )
    return f'<div class="lane ruler">{boxes}</div>\n<div class="ticks" aria-hidden="true">{ticks}</div>'


def waveform(axis: Axis, picture: dict[str, Any], title: str, seams: Sequence[tuple[int, str]] = ()) -> str:
    """Return highest and lowest samples and RMS of each column, a band a channel, and marks where seams are.

    Heights are the square root of the amplitude, so that what is soft is seen too.
    """
    channels = len(picture["highest"])
    height = CHANNEL_UNITS * channels
    peaks, bodies = [], []
    for channel in range(channels):
        middle = CHANNEL_UNITS * channel + CHANNEL_UNITS // 2
        highest, lowest, rms = (picture[name][channel] for name in ("highest", "lowest", "rms"))
        peaks.append(
            _bars([(middle - _height(high), middle - _height(low)) for high, low in zip(highest, lowest, strict=True)])
        )
        bodies.append(_bars([(middle - _height(each), middle + _height(each)) for each in rms]))
    marks = "".join(
        f'<g class="seam" data-at="{frame / axis.sample_rate:.6f}"><title>{text(what)}</title>'
        f'<path d="M{axis.column(frame)} 0V{height}"/></g>'
        for frame, what in seams
    )
    drawn = f'<path class="peak" d="{"".join(peaks)}"/><path class="rms" d="{"".join(bodies)}"/>{marks}'
    return _svg(axis, height, title, drawn, f"wave of{channels}")


@cache  # of a few thousand figures, asked for ten thousand times
def _height(figure: int) -> int:
    return round(copysign(48 * (abs(figure) / FULL_SCALE) ** 0.5, figure))


def _bars(spans: Iterable[tuple[int, int]]) -> str:
    """Return upright lines, one a column, from top to bottom and at least one unit long; told from the one before."""
    steps: list[str] = []
    y = 0
    for top, bottom in spans:
        length = max(1, bottom - top)
        steps.append(f"m1 {top - y}v{length}" if steps else f"M.5 {top}v{length}")
        y = top + length
    return "".join(steps)


def spectrogram(axis: Axis, picture: dict[str, Any], image: bytes, alternative: str) -> str:
    """Return a spectrogram as an image as wide as the song, with a scale."""
    width = 100 * picture["spectrogram_frames"] / picture["frames"]
    data = base64.b64encode(image).decode()
    top = min(HIGHEST_HZ, axis.sample_rate / 2)
    labels = "".join(
        _label(100 * log(top / hertz) / log(top / LOWEST_HZ), says) for hertz, says in SCALE if hertz < 0.8 * top
    )
    return (
        f'<div class="lane spectrum"><img alt="{text(alternative)}" style="width:{width:.3f}%" '
        f'src="data:image/png;base64,{data}">{labels}</div>'
    )


def reduction(axis: Axis, decibels: Sequence[float], what: str) -> str:
    """Return a gain reduction over time, hanging from the top, with a scale; ``what`` says whose it is."""
    deepest = max(3, ceil(max(decibels, default=0.0)))
    scale = 100 / deepest
    bars = "".join(f"M{column}.5 0V{value * scale:.0f}" for column, value in enumerate(decibels) if value)
    drawn = f'<path class="reduction" d="{bars}"/>'
    labels = _label(0.0, "0 dB") + _label(100.0, f"-{deepest} dB")
    title = f"Gain reduction {what} over time, at most {max(decibels, default=0.0):.1f} dB"
    return _svg(axis, 100, title, drawn, "levels low") + labels


def loudness(axis: Axis, curves: dict[str, dict[str, Any]], target: float | None) -> str:
    """Return the short-term loudness of files over time, by class, and a line at the target."""
    heard = [v for curve in curves.values() for v in curve["short_term_lufs"] if v is not None]
    top = _division(max([*heard, *([] if target is None else [target])], default=-DIVISION_LU) + 1, ceil)
    bottom = min(top - 4 * DIVISION_LU, max(top - 8 * DIVISION_LU, _division(min(heard, default=top), floor)))
    scale = LEVEL_UNITS / (top - bottom)
    lines, labels = [], []
    for lufs in range(top, bottom - 1, -DIVISION_LU):
        lines.append(f'<path class="grid" d="M0 {(top - lufs) * scale:.1f}H{axis.width:.2f}"/>')
        labels.append(_label(100 * (top - lufs) / (top - bottom), f"{lufs}"))
    if target is not None:
        lines.append(f'<path class="target" d="M0 {(top - target) * scale:.1f}H{axis.width:.2f}"/>')
    for name, curve in curves.items():
        points = _points(axis, curve, top, bottom, scale)
        lines.append(f'<path class="{name}" d="{points}"/>')
    title = "Short-term loudness of the mix and of the master over time in LUFS"
    title += "" if target is None else f", and the target of {target:g} LUFS"
    return _svg(axis, LEVEL_UNITS, title, "".join(lines), "levels") + "".join(labels)


def _points(axis: Axis, curve: dict[str, Any], top: int, bottom: int, scale: float) -> str:
    """Return a curve as a line that breaks where there is no figure, with a point a column at most."""
    values = curve["short_term_lufs"]
    every = max(1, axis.column_frames // curve["step_frames"])
    kept = [(place, values[place]) for place in range(0, len(values), every)]
    found = []
    for (_, before), (place, value) in pairwise([(0, None), *kept]):
        if value is not None:
            y = (top - max(bottom, value)) * scale
            found.append(f"{'M' if before is None else 'L'}{axis.column((place + 1) * curve['step_frames'])} {y:.1f}")
    return "".join(found)


def _division(lufs: float, to: Any) -> int:
    return int(to(lufs / DIVISION_LU)) * DIVISION_LU


def _label(percent: float, words: str) -> str:
    edge = " first" if percent < 1 else " last" if percent > 99 else ""
    return f'<span class="label{edge}" style="top:{percent:.1f}%" aria-hidden="true">{words}</span>'


def _svg(axis: Axis, height: int, title: str, drawn: str, kind: str) -> str:
    starts = "".join(f"M{axis.column(start)} 0V{height}" for _, start, _ in axis.sections if start)
    return (
        f'<svg class="{kind}" role="img" aria-label="{text(title)}" viewBox="0 0 {axis.width:.3f} {height}" '
        f'preserveAspectRatio="none"><path class="start" d="{starts}"/>{drawn}</svg>'
    )
