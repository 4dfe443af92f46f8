"""The units of every parameter: a name, a range and what the numbers mean, read by ``spec.py`` from signatures.

An effect, a generator or a strategy annotates its keyword parameters with these names (or with
``Annotated[float, Range(low, high, 'unit')]``, ``Literal[...]``, ``bool``, ``str``, ``list[str]``
or ``dict[str, Any]``); its signature is then its schema. The annotations are evaluated without
importing the module they stand in, so that checking a spec imports no numpy. Annotations may
therefore only use ``Annotated``, ``Any``, ``Literal``, the builtins and the names of this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Range:
    """A closed interval and its unit; ``below_nyquist`` also asks for less than half the sample rate."""

    low: float
    high: float
    unit: str = ""
    below_nyquist: bool = False


@dataclass(frozen=True)
class InputPath:
    """A file the stage reads, relative to the spec's folder; its content is part of the key, its path is not."""


@dataclass(frozen=True)
class NoteName:
    """A pitch such as ``A4``, ``C#3``, ``Bb2`` (A4 = 440 Hz), -1 to 9."""


CutoffHz = Annotated[float, Range(1.0, 384_000.0, "Hz", below_nyquist=True)]
Bpm = Annotated[float, Range(10.0, 1000.0, "beats/min")]
GainDb = Annotated[float, Range(-144.0, 48.0, "dB")]
LevelDbfs = Annotated[float, Range(-144.0, 0.0, "dBFS")]
TimeMs = Annotated[float, Range(0.0, 60_000.0, "ms")]
Seconds = Annotated[float, Range(0.0, 86_400.0, "s")]
Beats = Annotated[float, Range(0.0, 100_000.0, "beats")]
Fraction = Annotated[float, Range(0.0, 1.0)]
Pan = Annotated[float, Range(-1.0, 1.0, "-1 left, 0 centre, 1 right")]
Q = Annotated[float, Range(0.05, 40.0)]
FilterOrder = Annotated[int, Range(1, 16)]
Cents = Annotated[float, Range(-1200.0, 1200.0, "cents")]
Octave = Annotated[int, Range(-1, 9)]
File = Annotated[str, InputPath()]
Files = Annotated[list[str], InputPath()]
Note = Annotated[str, NoteName()]
