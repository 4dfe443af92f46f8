"""The tables in lists of clips and of edits: each a dataclass, as the tables of a song are (``tables.py``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stemtasks.units import AlignedStem, FadeCurve, File, GainDb, Length, Position

WHAT_EDITS_TAKE = {
    "silence": ("from", "to"),
    "replace": ("from", "to", "with"),
    "cut": ("from", "to"),
    "insert": ("at", "from", "to"),
    "move": ("from", "to", "at"),
    "gain": ("from", "to", "gain_db"),
    "fade_in": ("from", "to"),
    "fade_out": ("from", "to"),
    "reverse": ("from", "to"),
}


@dataclass(frozen=True)
class ClipTable:
    """A piece of a recording, or of another stem, on the song's timeline.

    Attributes
    ----------
    file
        The recording that it is a piece of; or give 'stem'.
    stem
        The other stem that it is a piece of, as it is aligned: its times are the song's.
    at
        Where it begins on the song's timeline; right behind the clip before it in the list if left out.
    from
        Where in the recording it begins.
    length
        How much of the recording it takes; to its end if left out.
    gain_db
        Of this clip.
    fade_in
        At an edge that nothing touches. If left out 5 ms where the recording was cut, unless it begins with an attack.
        Where another clip touches it, the two overlap for so long instead of 'overlap_ms'.
    fade_out
        The same at its end.
    curve
        Of the fades: smooth (3t^2 - 2t^3), linear (-6 dB at the middle), equal_power (sine, -3 dB), exponential (even
        in decibels over 60 dB). Where clips overlap their correlation decides.
    reverse
        Play it backwards.
    repeat_until
        Repeat it up to this place on the song's timeline.
    """

    file: File | None = None
    stem: AlignedStem | None = None
    at: Position | None = None
    from_: Length = 0.0
    length: Length | None = None
    gain_db: GainDb = 0.0
    fade_in: Length | None = None
    fade_out: Length | None = None
    curve: FadeCurve = "smooth"
    reverse: bool = False
    repeat_until: Position | None = None

    @staticmethod
    def problem(clip: dict[str, Any]) -> str | None:
        """Return what is wrong with a clip as a whole, or None."""
        if (clip["file"] is None) == (clip["stem"] is None):
            return "give either 'file' or 'stem', which is what it is a piece of"
        return None


@dataclass(frozen=True)
class EditTable:
    """A change of a recording. All times are the recording's own, whatever other edits do.

    Attributes
    ----------
    do
        silence, replace (by a copy), cut, insert (a copy), move, gain, fade_in, fade_out or reverse.
    from
        Where what is changed, or copied by an insert, begins.
    to
        Where it ends.
    at
        Where an insert or a move puts it.
    with
        Where the copy begins that replaces it.
    gain_db
        Of a gain.
    curve
        Of a fade: smooth (3t^2 - 2t^3), linear (-6 dB at the middle), equal_power (sine, -3 dB), exponential (even in
        decibels over 60 dB).
    """

    do: Literal["silence", "replace", "cut", "insert", "move", "gain", "fade_in", "fade_out", "reverse"]
    from_: Length | None = None
    to: Length | None = None
    at: Length | None = None
    with_: Length | None = None
    gain_db: GainDb | None = None
    curve: FadeCurve | None = None

    @staticmethod
    def problem(edit: dict[str, Any]) -> str | None:
        """Return what is wrong with an edit as a whole, or None."""
        taken = WHAT_EDITS_TAKE[edit["do"]]
        missing = [name for name in taken if edit[name] is None]
        if missing:
            return f"'{missing[0]}' is missing; {edit['do']} takes {', '.join(taken)}"
        curve = ("curve",) if edit["do"].startswith("fade") else ()
        for name, value in edit.items():
            if value is not None and name not in ("do", *taken, *curve):
                return f"{edit['do']} takes no '{name}'; it takes {', '.join((*taken, *curve))}"
        return None
