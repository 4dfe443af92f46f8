"""The units of every parameter: a name, a range and what the numbers mean, read by ``schema.py`` from signatures.

An effect, a generator or a strategy annotates its keyword parameters with these names (or with
``Annotated[float, Range(low, high, 'unit')]``, ``Literal[...]``, ``bool``, or ``str``, ``list[str]``
and ``dict[str, Any]``, each with ``Longest``); its signature is then its schema. Every number has
both ends of a range and every text and list a longest length, so that no spec asks for a machine
that nobody has. The annotations are evaluated without
importing the module they stand in, so that checking a spec imports no numpy. Annotations may
therefore only use ``Annotated``, ``Any``, ``Literal``, the builtins and the names of this module.
"""

from __future__ import annotations

import difflib
import re
import string
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from stemtasks.errors import shown
from stemtasks.positions import LENGTHS, PLAIN_POSITION, PLAIN_POSITIONS, POSITIONS, SECTIONS, Known, length_in

NOTE = re.compile(r"([A-Ga-g])([#b]{0,2})(-1|[0-9])")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
SIGNING_KEY = "STEMTASKS_CACHE_KEY"
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",  # sums in another order are other bytes
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "PYTHONHASHSEED": "0",
    "TZ": "UTC",
}
"""What a program has in its environment wherever it runs, beside HOME and TMPDIR, a folder of its own."""


@dataclass(frozen=True)
class Range:
    """A closed interval and its unit; ``below_nyquist`` also asks for less than half the sample rate."""

    low: float
    high: float
    unit: str = ""
    below_nyquist: bool = False

    def __str__(self) -> str:
        high = "half the sample rate" if self.below_nyquist else f"{self.high:g}"
        return f"{self.low:g} to {high}" + (f" {self.unit}" if self.unit else "")


@dataclass(frozen=True)
class Longest:
    """The most characters of a text, entries of a list, or keys of a table."""

    length: int
    of: str = "characters"

    def __str__(self) -> str:
        return f"at most {self.length} {self.of}"

    @property
    def is_told(self) -> bool:
        """Return whether a description of the parameter says it: of texts and tables nobody needs to know."""
        return self.of not in ("characters", "keys")

    def problem(self, value: str | list[Any] | dict[str, Any]) -> str | None:
        """Return what is wrong with a value, or None."""
        return None if len(value) <= self.length else f"has {len(value)} {self.of}; {self} are allowed"


@dataclass(frozen=True)
class InputPath:
    """A file the stage reads, relative to the spec's folder; its content is part of the key.

    Its path is not, unless it is one of a list: those may be named by patterns and folders, and have their names too.
    """

    def __str__(self) -> str:
        return "a path relative to the spec's folder"


@dataclass(frozen=True)
class CommandLine:
    """A program and its arguments, in which these ``placeholders`` stand for what is known only when it runs.

    The program, what interprets it, and the files that arguments name are part of the key by their content.
    """

    placeholders: str

    def __str__(self) -> str:
        return "a program and its arguments"

    def problem(self, value: list[str]) -> str | None:
        """Return what is wrong with a value, or None."""
        known = sorted(self.placeholders.split())
        if not value or not value[0]:
            return "is empty; name the program first, then its arguments"
        used = set()
        if "{" in value[0].replace("{{", "") and not re.fullmatch(r"\{python\}|\{inputs?\}|\{input\}/.+", value[0]):
            return f"{value[0]!r}: the program is a name on PATH, an absolute path, {{python}}, or {{input}}"
        for argument in value:
            if "\0" in argument:
                return "an argument holds a NUL character, which no program can be given; remove it"
            try:
                named = [name for _, name in pieces_of(argument) if name is not None]
            except ValueError as error:
                return f"{argument!r}: {error}; a literal brace is doubled: {{{{ or }}}}"
            for name in named:
                if name not in known:
                    close = difflib.get_close_matches(name, known, 1)
                    hint = f"did you mean {{{close[0]}}}? " if close else ""
                    listed = ", ".join(f"{{{each}}}" for each in known)
                    found = f"{argument!r}: unknown placeholder {{{name}}}; {hint}known: {listed}"
                    return f"{found}; a literal brace is doubled: {{{{ or }}}}"
                if name == "inputs" and argument != "{inputs}":
                    return f"{argument!r}: {{inputs}} becomes one argument for each file, so it must be one by itself"
            used |= set(named)
        if "output" not in used:
            return "no argument holds {output}, the file it has to write; add it where the program wants it"
        return None


def pieces_of(argument: str) -> list[tuple[str, str | None]]:
    """Return an argument as texts, each with the name of the placeholder after it; raises ``ValueError``."""
    pieces = []
    for literal, name, form, conversion in string.Formatter().parse(argument):
        if form or conversion:
            raise ValueError(f"{{{name}}} takes no format")
        pieces.append((literal, name))
    return pieces


@dataclass(frozen=True)
class VariableName:
    """Names of environment variables, whose values are part of the key."""

    def __str__(self) -> str:
        return "names of environment variables"

    def problem(self, value: list[str]) -> str | None:
        """Return what is wrong with a value, or None."""
        for name in value:
            if not VARIABLE.fullmatch(name):
                return f"{name!r} is no variable's name: letters, digits and _ alone; its value comes from outside"
            if name == SIGNING_KEY:
                return f"{name} signs what this build trusts, and is handed to no program; remove it"
        return None


@dataclass(frozen=True)
class NoteName:
    """A pitch such as ``A4``, ``C#3``, ``Bb2`` (A4 = 440 Hz), octaves -1 to 9."""

    def __str__(self) -> str:
        return "a note such as 'A4', 'C#3' or 'Bb2'"

    def problem(self, value: str) -> str | None:
        """Return what is wrong with a value, or None."""
        return None if NOTE.fullmatch(value) else f"{shown(value)} is not {self}"


@dataclass(frozen=True)
class Duration:
    """A length of time: seconds, 'm:ss', '90 s', '64 bars' or '256 beats'; or, on a song's timeline, a section's."""

    or_section: bool = False

    def __str__(self) -> str:
        return f"seconds, or text such as {LENGTHS}" + (f", or {SECTIONS}" if self.or_section else "")

    def problem(self, value: float | str, known: Known) -> str | None:
        """Return what is wrong with a value, or None."""
        length = length_in(value)
        if length is None:
            return (
                known.no_section(str(value)) if self.or_section else f"{shown(value)} is not a length of time: {self}"
            )
        number, unit = length
        if not (number >= 0 if self.or_section else number > 0) or number > (86_400 if unit == "s" else 100_000):
            most = "86400 s (a day)" if unit == "s" else f"100000 {unit}"
            return f"{number:g} {unit} {'is' if unit == 's' else 'are'} outside 0 to {most}"
        return known.no_tempo(value) if unit != "s" else None


@dataclass(frozen=True)
class PartName:
    """Another stem or group of the song, whose processed file the stage reads; its name is not part of the key."""

    def __str__(self) -> str:
        return "the name of a stem or group"


@dataclass(frozen=True)
class StemName:
    """Another stem of the song, whose aligned file the stage reads; its name is not part of the key."""

    def __str__(self) -> str:
        return "the name of a stem"


@dataclass(frozen=True)
class Entries:
    """A list of tables with the keys of a dataclass, named ``module:Class``, which may have a function ``problem``.

    Its files are inputs by their place in the list (``clips/0/file``), and are paths of real files at run time. A field
    that ends in ``_`` is a key that Python has as a word of its own (``from_``).
    """

    table: str


@dataclass(frozen=True)
class Place:
    """A place on the song's timeline: seconds, 'm:ss.mmm', a bar and a beat, or a section."""

    or_section: bool = True

    def __str__(self) -> str:
        return f"seconds, or text such as {POSITIONS if self.or_section else PLAIN_POSITIONS}"

    def problem(self, value: float | str, known: Known) -> str | None:
        """Return what is wrong with a value, or None."""
        if isinstance(value, str):
            if self.or_section:
                return known.no_position(value)
            return None if PLAIN_POSITION.fullmatch(value.strip()) else f"{shown(value)} is no time: {self}"
        return None if 0 <= value <= 86_400 else f"{value:g} s is outside 0 to 86400 s (a day)"


@dataclass(frozen=True)
class Automated:
    """A table that may stand in place of a number, which then changes along the song (``spec/automating.py``)."""


CutoffHz = Annotated[float, Range(1.0, 384_000.0, "Hz", below_nyquist=True)]
Bpm = Annotated[float, Range(10.0, 1000.0, "beats/min")]
GainDb = Annotated[float, Range(-144.0, 48.0, "dB")]
LevelDbfs = Annotated[float, Range(-144.0, 0.0, "dBFS")]
TimeMs = Annotated[float, Range(0.0, 60_000.0, "ms")]
EnvelopeMs = Annotated[float, Range(0.0, 20_000.0, "ms")]
OverlapMs = Annotated[float, Range(0.0, 10_000.0, "ms")]
Seconds = Annotated[float, Range(0.0, 86_400.0, "s")]
AttackMs = Annotated[float, Range(0.0, 1000.0, "ms")]
ReleaseMs = Annotated[float, Range(1.0, 10_000.0, "ms")]
HoldMs = Annotated[float, Range(0.0, 5000.0, "ms")]
LookaheadMs = Annotated[float, Range(0.0, 50.0, "ms")]
RmsMs = Annotated[float, Range(0.1, 1000.0, "ms")]
Ratio = Annotated[float, Range(1.0, 100.0)]
KneeDb = Annotated[float, Range(0.0, 48.0, "dB")]
RangeDb = Annotated[float, Range(0.0, 144.0, "dB")]
Beats = Annotated[float, Range(0.0, 100_000.0, "beats")]
Fraction = Annotated[float, Range(0.0, 1.0)]
Pan = Annotated[float, Range(-1.0, 1.0, "(left to right)")]
Q = Annotated[float, Range(0.05, 40.0)]
FilterOrder = Annotated[int, Range(1, 16)]
Cents = Annotated[float, Range(-1200.0, 1200.0, "cents")]
Octave = Annotated[int, Range(-1, 9)]
Text = Annotated[str, Longest(1000)]
File = Annotated[str, InputPath(), Longest(4096)]
Files = Annotated[list[Annotated[str, Longest(4096)]], InputPath(), Longest(1000, "files")]
Arguments = Annotated[list[Annotated[str, Longest(10_000)]], Longest(1000, "arguments")]
Patterns = Annotated[dict[str, Any], Longest(1000, "patterns")]
Variables = Annotated[list[Annotated[str, Longest(200)]], VariableName(), Longest(1000, "variables")]
RateHz = Annotated[float, Range(0.001, 40.0, "Hz")]
PeriodBeats = Annotated[float, Range(0.03125, 1024.0, "beats")]
Degrees = Annotated[float, Range(0.0, 360.0, "degrees")]
Feedback = Annotated[float, Range(-0.95, 0.95)]
Note = Annotated[str, NoteName()]
OwnLength = Annotated[float | str, Duration()]
Length = Annotated[float | str, Duration(or_section=True)]
Position = Annotated[float | str, Place()]
PlainPosition = Annotated[float | str, Place(or_section=False)]
Sidechain = Annotated[str, PartName(), Longest(200)]
AlignedStem = Annotated[str, StemName(), Longest(200)]
Entry = Annotated[dict[str, Any], Longest(100, "keys")]
Clips = Annotated[list[Entry], Longest(10_000, "clips"), Entries("stemtasks.spec.clip_tables:ClipTable")]
Edits = Annotated[list[Entry], Longest(10_000, "edits"), Entries("stemtasks.spec.clip_tables:EditTable")]
FadeCurve = Literal["smooth", "linear", "equal_power", "exponential"]
Automation = Annotated[dict[str, Any], Automated(), Longest(5, "keys")]
