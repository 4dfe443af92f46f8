"""A draft of a song: the same song at a lower rate, for a first listen while it is written.

It has what is needed to listen, and nothing that is delivered. What the rate does not have, the draft does not either:
a frequency that a part is given above ``HIGHEST`` of the rate is taken as that, a note as one in a lower octave.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from stemtasks.automation import extremes, mapped
from stemtasks.errors import SpecError
from stemtasks.job import Job
from stemtasks.music.pitch import frequency_hz, midi_number
from stemtasks.paths import DRAFT_PREFIX
from stemtasks.spec import hints, parts, schema
from stemtasks.spec.song import Named, Song, Stem
from stemtasks.units import NoteName, Range

HIGHEST = 0.45
"""Of the rate: filters are well behaved below it, and resampling leaves little above."""
MARKING = "stemtasks.audio.draft_tag:mark"
OCTAVE = 12


def draft_of(song: Song) -> Song:
    """Return a song as its draft is built: at no more than ``song.draft_sample_rate``, without deliveries."""
    rate = min(song.song.sample_rate, song.song.draft_sample_rate)
    return replace(
        song,
        song=replace(song.song, sample_rate=rate, subtype="FLOAT"),  # nobody is handed it, and it needs no dither
        stems=tuple(_stem(stem, rate) for stem in song.stems),
        groups=tuple(replace(group, effects=_chain(group.effects, rate)) for group in song.groups),
        mix_effects=_chain(song.mix_effects, rate),
        master_effects=_chain(song.master_effects, rate),
        deliveries=(),
        is_draft=True,
    )


def of_draft(job: Job) -> Job:
    """Return a job as a draft has it; its key is no other's, also where the rate is the song's own."""
    marking = {"draft": MARKING} if "audio" in job.outputs else {}
    return replace(
        job, task=f"{DRAFT_PREFIX}{job.task}", params={**job.params, "draft": True}, parts={**job.parts, **marking}
    )


def _stem(stem: Stem, rate: int) -> Stem:
    return replace(
        stem,
        generator=_named("generators", stem.generator, rate),
        align=_named("strategies", stem.align, rate),
        effects=_chain(stem.effects, rate),
        mend=_chain(stem.mend, rate),
    )


def _chain(effects: tuple[Named, ...], rate: int) -> tuple[Named, ...]:
    return tuple(_named("effects", effect, rate) for effect in effects)


def _named(kind: parts.Kind, part: Named, rate: int) -> Named:
    """Return a part whose frequencies and notes a rate has; those of one part keep their order."""
    highest, changed = HIGHEST * rate, dict[str, Any]()
    limited = [each.name for each in schema.of(kind, part.name).parameters if _is_below_nyquist(each)]
    tops = {name: extremes(part.arguments[name] or 0.0)[1] for name in limited}
    above = {name: top for name, top in tops.items() if top > highest}
    for name, top in above.items():
        value, lowered = part.arguments[name], highest * top / max(above.values())
        changed[name] = mapped(value, partial(min, lowered)) if isinstance(value, dict) else lowered
    for each in schema.of(kind, part.name).parameters:
        note = part.arguments[each.name]
        if each.is_a(NoteName) and isinstance(note, str):
            changed[each.name] = _lowered(note, highest)
    return replace(part, arguments={**part.arguments, **changed})


def _is_below_nyquist(parameter: schema.Parameter) -> bool:
    return any(isinstance(mark, Range) and mark.below_nyquist for mark in hints.marks(parameter.annotation))


def _lowered(note: str, highest_hz: float) -> str:
    """Return a note by name, in as high an octave as lies below a frequency."""
    try:
        while frequency_hz(midi_number(note)) > highest_hz:
            octave = note.lstrip("ABCDEFGabcdefg#")
            note = f"{note.removesuffix(octave)}{int(octave) - 1}"
    except (SpecError, ValueError):
        pass
    return note
