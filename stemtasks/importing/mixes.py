"""Which of the recordings is a rough mix of the others: by its name, or because it is their sum."""

from __future__ import annotations

from pathlib import Path

from stemtasks.audio.sum_of_others import Windows, of_others
from stemtasks.importing.proposal import Recording, Tell
from stemtasks.importing.words import MIXES

LEAST = 0.5
"""Of the longest: what is shorter is no mix of all, whatever it is called."""
NEARLY = 0.8
"""Of the longest: a rough mix is of the whole song."""
MOST_TRIED = 8


def rough_mix(
    folder: Path, recordings: list[Recording], left_out: dict[str, str], tell: Tell
) -> tuple[Recording | None, str, list[Recording]]:
    """Return the mix that is the reference, how it was recognised, and the stems; other mixes are left out."""
    longest = max(each.survey.ends_s for each in recordings)
    mixes = [each for each in recordings if each.said.mix is not None and each.seconds >= LEAST * longest]
    others = [each for each in recordings if each not in mixes]
    if mixes and others:
        best = min(mixes, key=lambda each: (MIXES.index(each.said.mix or ""), -each.seconds))
        for each in mixes:
            if each is not best:
                left_out[each.path] = f"is a mix too, by its name; the reference is {best.path}"
        return best, f"its name says '{best.said.mix}'", others
    found = _by_sound(folder, recordings, tell)
    if found is None:
        return None, "", recordings
    mix, explained = found
    stems = [each for each in recordings if each is not mix]
    return mix, f"it is the sum of the others: {explained:.1%} of its energy", stems


def _by_sound(folder: Path, recordings: list[Recording], tell: Tell) -> tuple[Recording, float] | None:
    """Return the recording that is the sum of the others, of those in stereo whose names say nothing else."""
    if len(recordings) < 3:
        return None
    longest = max(each.survey.ends_s for each in recordings)
    candidates = [
        each
        for each in recordings
        if each.said.group is None and not each.survey.is_mono and each.survey.ends_s >= NEARLY * longest
    ]
    candidates.sort(key=lambda each: -each.survey.facts["rms_dbfs"])
    windows = Windows()
    for place, candidate in enumerate(candidates[:MOST_TRIED], 1):
        tell("looked for a mix", place, len(candidates[:MOST_TRIED]))
        paths = [str(folder / each.path) for each in recordings if each is not candidate]
        looked = of_others(str(folder / candidate.path), paths, candidate.seconds, windows)
        if looked.is_their_sum:
            return candidate, looked.explained
    return None
