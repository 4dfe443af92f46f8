"""Whether a file is in time with the reference: its offset, drift and polarity, and how sure that is.

A few windows are looked at, spread over the file, so that neither time nor memory grows with its duration.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from stemtasks.audio.source import Source
from stemtasks.dsp.sync import CLEAR, REACH_SECONDS, Line, Look, Prepared, line, look, prepared

Mono = NDArray[np.floating]

WINDOW_SECONDS = 6
PLACES = 24
"""At most; windows overlap by half at most, so that what one says by chance is not said again by the next."""
FEW, MANY = 4, 12
"""Windows to look at where they agree at once, or nothing is found at all; and where they do not."""

_FEWEST = 4

_AGREE_SECONDS = 0.0007
_STRAIGHT = 3e-6
"""Drift that smears nothing within a window."""
_SILENT = 1e-4
_MOST_KEPT = 2
"""References whose windows are kept for other files of the same song, 11 MB of each at most."""


class _Windows(dict[int, Prepared]):
    """The windows of a reference that are prepared by now, by their place; one thread at a time adds to them."""

    def __init__(self) -> None:
        super().__init__()
        self.adding = threading.Lock()


_kept: dict[tuple[str, tuple[int, ...]], _Windows] = {}
_keeping = threading.Lock()


class InReference:
    """A reference that files are looked for in; windows of it are read and transformed once.

    With the ``sha256`` of its content that is once a process: each stem of a song is looked for by a task of its own.
    """

    def __init__(self, path: str | Path, sha256: str = "") -> None:
        self._stamp = _stamp(path)  # before it is opened
        self._source = Source(path)
        seconds = self._source.frames / self._source.sample_rate
        self._window = int(min(WINDOW_SECONDS, max(1, seconds // FEW)))
        self._known = _windows_of(sha256, self._stamp)
        last = max(0.0, seconds - self._window)
        count = min(PLACES, 1 + int(last / (self._window / 2)))
        self._starts = [round(place * last / max(1, count - 1) * self._source.sample_rate) for place in range(count)]
        self.order = _spread(count)
        self._is_narrow = all(self.window(place)[1].is_narrow for place in self.order[: 2 * FEW])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.__exit__()

    def measure(self, path: str | Path) -> dict[str, Any]:
        """Return ``{offset_ms, drift_ppm, drift_ms, polarity, confidence, windows}`` of a file.

        ``offset_ms`` is how late it is at the start, ``drift_ppm`` by how much it falls behind further (``drift_ms``
        over the length of both); ``polarity`` is 1 or -1. Where nothing is found these are None; ``confidence`` is
        the share of the ``windows`` that find it on one line.
        """
        with Source(path) as source:
            points = _Points(self, source)
            if not self._is_narrow:
                points.look_at(FEW)
            if points.clear and not points.all_agree:
                points.look_at(MANY)
            points.straighten()
            shared = min(source.frames / source.sample_rate, self._source.frames / self._source.sample_rate)
            return points.facts(shared)

    def window(self, place: int) -> tuple[float, Prepared]:
        """Return when a window of the reference starts, in seconds, and the window."""
        start, rate = self._starts[place], self._source.sample_rate
        with self._known.adding:
            window = self._known.get(place)
            if window is None:
                window = prepared(_mono(self._source, start, self._window * rate), rate, self._window)
                if _stamp(self._source.path) == self._stamp:  # else the task that asks is about to fail
                    self._known[place] = window
        return start / rate, window


class _Points:
    """What the windows of one file say: when, how late, and how clearly."""

    def __init__(self, reference: InReference, source: Source) -> None:
        self._reference, self._source = reference, source
        self._left = list(reference.order)
        self._found: list[tuple[float, float, Look]] = []  # time, lag, look
        self.line: Line | None = None

    @property
    def clear(self) -> int:
        return sum(each.clearness >= CLEAR for *_, each in self._found)

    @property
    def agreeing(self) -> list[tuple[float, float, Look]]:
        """The points that the line was laid through."""
        clear = [point for point in self._found if point[2].clearness >= CLEAR]
        return [point for point, near in zip(clear, self.line.agree, strict=True) if near] if self.line else []

    @property
    def all_agree(self) -> bool:
        return len(self.agreeing) == len(self._found)

    def look_at(self, count: int, along: Line | None = None) -> None:
        """Look at windows until there are so many that are not silent, and lay the line anew."""
        while self._left and len(self._found) < count:
            self._look(self._left.pop(0), along)
        clear = [(time, lag) for time, lag, each in self._found if each.clearness >= CLEAR]
        self.line = line([time for time, _ in clear], [lag for _, lag in clear], _AGREE_SECONDS)

    def straighten(self) -> None:
        """Look at many windows along the line, where its slope smears them or its lags leave their reach; twice."""
        for _ in range(2):
            if self.line is None or len(self.agreeing) < 3:
                return
            far = max(abs(lag) for _, lag, _ in self.agreeing) > 0.7 * REACH_SECONDS
            if abs(self.line.slope) <= _STRAIGHT and not far:
                return
            self._found, self._left = [], list(self._reference.order)
            self.look_at(MANY, self.line)

    def facts(self, seconds: float) -> dict[str, Any]:
        """Return what the line says over so many seconds."""
        agreeing, looked = self.agreeing, len(self._found)
        confidence = round(len(agreeing) / looked, 3) if looked and len(agreeing) >= _FEWEST else 0.0
        facts: dict[str, Any] = {"confidence": confidence, "windows": looked}
        if self.line is None or not confidence:
            return facts | {"offset_ms": None, "drift_ppm": None, "drift_ms": None, "polarity": None}
        signs = sum(each.sign for *_, each in agreeing)
        return facts | {
            "offset_ms": round(self.line.offset * 1000, 3),
            "drift_ppm": round(self.line.slope * 1e6, 2),
            "drift_ms": round(self.line.slope * seconds * 1000, 3),
            "polarity": None if abs(signs) < len(agreeing) / 2 else 1 if signs > 0 else -1,
        }

    def _look(self, place: int, along: Line | None = None) -> None:
        """Look at a window, unless there is nothing in the file or in the reference to go by."""
        start, window = self._reference.window(place)
        if window.is_narrow:
            return
        slope = along.slope if along else 0.0
        late = along.at(start) if along else 0.0
        rate, seconds = self._source.sample_rate, window.seconds - 2 * REACH_SECONDS
        first = round((start + REACH_SECONDS + late) * rate)
        piece = _stretched(_mono(self._source, first, round(seconds * (1 + slope) * rate) + 2), slope, seconds, rate)
        if float(np.sqrt(np.mean(piece * piece))) < _SILENT:
            return
        found = look(piece, rate, window)
        middle = seconds / 2
        lag = first / rate - (start + found.seconds) + slope * middle
        self._found.append((start + found.seconds + middle, lag, found))


def _stamp(path: str | Path) -> tuple[int, ...]:
    """Return what changes with a file; nothing where there is none.

    ``seen.py`` has the like, for what decides what there is to build; it would be in the keys of what is compared here.
    """
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _windows_of(sha256: str, stamp: tuple[int, ...]) -> _Windows:
    """Return the windows of a reference that are kept, or none yet; the reference asked for longest ago is dropped."""
    if not sha256:
        return _Windows()
    with _keeping:
        found = _kept.pop((sha256, stamp), None) or _Windows()
        _kept[sha256, stamp] = found
        while len(_kept) > _MOST_KEPT:
            del _kept[next(iter(_kept))]
        return found


def _spread(count: int) -> list[int]:
    """Return the numbers below ``count``, each farthest from those before it."""
    order, left = [0], list(range(1, count))
    while left:
        order.append(max(left, key=lambda place: min(abs(place - taken) for taken in order)))
        left.remove(order[-1])
    return order


def _stretched(piece: Mono, slope: float, seconds: float, rate: int) -> Mono:
    """Return ``seconds`` of a piece whose clock runs by ``slope`` too slow; linear between frames: phases are kept."""
    frames = round(seconds * rate)
    if not slope:
        return piece[:frames]
    stretched: Mono = np.interp(np.arange(frames) * (1 + slope), np.arange(len(piece)), piece)
    return stretched


def _mono(source: Source, first: int, frames: int) -> Mono:
    """Return the sum of the channels, shape (frames,), silence where the file is not."""
    before = max(0, -first)
    block = source.read_narrow(first + before, frames - before)
    mono = np.zeros(frames, dtype=block.dtype)
    for channel in block.T:
        mono[before : before + len(block)] += channel
    return mono
