"""The tempo and the key of the song, and the kind of what no name says, by what is stated and what is heard."""

from __future__ import annotations

from collections import Counter

from stemtasks.audio.tempo import Tempo, tempo_of
from stemtasks.audio.tonality import FEWEST, Tones, key_of, tones_of
from stemtasks.importing.proposal import Proposal, Recording, Tell, Value

TRACK_SECONDS, TRACK_SHARE = 20.0, 0.6
"""A recording so long, and so much of the longest, is of the whole song and no loop."""
ALIKE = 0.012
WHOLE_BEATS = 1 / 8
LOOP_SECONDS = 30.0
CLEAR_MARGIN, CLEAR_RELATIVE = 0.06, 0.05
DRUMS_TONAL = 0.36
BASS_TONAL, BASS_LOW = 0.6, 0.55
HALF_BELOW, DOUBLE_ABOVE = 90.0, 140.0


def find_pulse(proposal: Proposal, tell: Tell) -> None:
    """Give the song a tempo, and each recording that states another one its own."""
    stated = Counter(each.stated_bpm for each in proposal.stems if each.stated_bpm is not None)
    tell("listened for a beat", 0, 1)
    if stated:
        bpm, count = stated.most_common(1)[0]
        source = next(each for each in proposal.stems if each.stated_bpm == bpm)
        said = "the name" if source.said.bpm == bpm else "the header"
        of = f" and {count - 1} more" if count > 1 else ""
        proposal.bpm = Value(bpm, f"{said} of {source.path}{of} says it")
        for each in proposal.stems:
            if each.stated_bpm not in (None, bpm):
                said = "name" if each.said.bpm else "header"
                each.bpm = Value(each.stated_bpm, f"its {said} says it; the song has {bpm:g}")
    else:
        found = _heard(proposal)
        if found is not None:
            tempo, where = found
            proposal.bpm = Value(tempo.bpm, _why(tempo, where), is_sure=not tempo.doubt)
    tell("listened for a beat", 1, 1)


def _why(tempo: Tempo, where: str) -> str:
    other = 2 * tempo.bpm if tempo.bpm < HALF_BELOW else tempo.bpm / 2
    octave = f"; it may be felt as {other:g}" if tempo.bpm < HALF_BELOW or tempo.bpm > DOUBLE_ABOVE else ""
    return f"heard in {where}{octave}" if not tempo.doubt else f"not sure: {tempo.doubt} ({where})"


def _heard(proposal: Proposal) -> tuple[Tempo, str] | None:
    """Return the tempo of what is as long as the song, or the one that most loops have."""
    longest = max(each.seconds for each in proposal.stems)
    tracks = [
        each
        for each in proposal.stems
        if each.seconds >= max(TRACK_SECONDS, TRACK_SHARE * longest) and not each.offset_s
    ]
    if not tracks and proposal.reference is None:
        return _of_loops(proposal)
    drums = [each for each in tracks if each.group == "drums"]
    chosen, where = (drums, "the drums") if drums else (tracks, "all that is as long as the song")
    if not drums and proposal.reference is not None:
        chosen, where = [proposal.reference], "the mix"
    tempo = tempo_of(_paths(proposal, chosen), max(each.seconds for each in chosen))
    return (tempo, where) if tempo is not None else None


def _of_loops(proposal: Proposal) -> tuple[Tempo, str] | None:
    found = []
    for each in proposal.stems:
        if each.seconds < 2 * LOOP_SECONDS:
            tempo = tempo_of(_paths(proposal, [each]), each.seconds)
            if tempo is not None:
                found.append((each, Tempo(_whole(tempo.bpm, each.seconds), tempo.doubt)))
    if not found:
        return None
    counts = [sum(_are_alike(tempo.bpm, other.bpm) for _, other in found) for _, tempo in found]
    first = max(range(len(found)), key=lambda place: (counts[place], not found[place][1].doubt, -place))
    source, tempo = found[first]
    if counts[first] == 1 and len(found) > 1:
        return Tempo(tempo.bpm, f"{len(found)} loops have as many tempos"), source.path
    also = f" and {counts[first] - 1} more" if counts[first] > 1 else ""
    return Tempo(tempo.bpm, "" if counts[first] > 1 else tempo.doubt), f"{source.path}{also}"


def _whole(bpm: float, seconds: float) -> float:
    """Return the tempo of which a loop has whole beats, if that is near."""
    beats = seconds * bpm / 60.0
    if seconds > LOOP_SECONDS or round(beats) < 2 or abs(beats - round(beats)) > WHOLE_BEATS:
        return bpm
    exact = round(beats) * 60.0 / seconds
    near = round(exact)
    return float(near) if abs(near / exact - 1.0) < 1e-3 else round(exact, 3)


def other_bpm(recording: Recording, bpm: float) -> Value | None:
    """Return the tempo of a loop that holds whole beats of that, and not of the song's; it is to be decided."""
    found = tempo_of([recording.survey.path], recording.seconds)
    if found is None or recording.seconds > LOOP_SECONDS:
        return None
    own = _whole(found.bpm, recording.seconds)
    beats, of_song = (recording.seconds * each / 60.0 for each in (own, bpm))
    is_whole, is_songs = (abs(each - round(each)) <= WHOLE_BEATS and round(each) > 0 for each in (beats, of_song))
    if not is_whole or is_songs or _are_alike(own, bpm):
        return None
    return Value(own, f"it holds {round(beats)} beats at {own:g}, and {of_song:.2f} at {bpm:g}", is_sure=False)


def _are_alike(one: float, other: float) -> bool:
    return any(abs(one / other * ratio - 1.0) < ALIKE for ratio in (0.5, 1.0, 2.0))


def find_key_and_kinds(proposal: Proposal, tell: Tell) -> None:
    """Give the song a key, and stems whose names say no kind the one that they sound like."""
    heard: dict[str, Tones] = {}
    for place, each in enumerate(proposal.stems, 1):
        if each.said.kind not in ("drums", "fx"):
            path = str(proposal.folder / each.path)
            heard[each.path] = tones_of(path, each.survey.starts_s, each.survey.ends_s)
        tell("listened for notes", place, len(proposal.stems))
    for each in proposal.stems:
        if each.said.group is not None:
            each.kind = Value(each.said.kind, f"its name says '{each.said.word}'")
        else:
            each.kind = _by_sound(heard[each.path])
    tonal = [
        tones
        for each in proposal.stems
        if (tones := heard.get(each.path)) and not (each.kind and each.kind.value == "drums")
    ]
    proposal.key = _stated_key(proposal) or _key(tonal)


def _by_sound(tones: Tones) -> Value | None:
    if tones.windows < FEWEST:
        return None
    if tones.tonal < DRUMS_TONAL:
        return Value("drums", "by its sound, which has no notes", is_sure=False)
    if tones.tonal >= BASS_TONAL and tones.low >= BASS_LOW:
        return Value("bass", "by its sound, low notes", is_sure=False)
    return None


def _stated_key(proposal: Proposal) -> Value | None:
    stated = Counter(each.said.key for each in proposal.stems if each.said.key)
    if not stated:
        return None
    key, count = stated.most_common(1)[0]
    source = next(each.path for each in proposal.stems if each.said.key == key)
    return Value(key, f"the name of {source} says it", is_sure=count == stated.total())


def _key(tonal: list[Tones]) -> Value | None:
    found = key_of(tonal)
    if found is None:
        return None
    if found.margin < CLEAR_MARGIN:
        return Value(found.key, f"not sure: other keys fit nearly as well; also '{found.relative}'", is_sure=False)
    if found.relative_margin < CLEAR_RELATIVE:
        return Value(found.key, f"heard in the notes; '{found.relative}' has the same ones")
    return Value(found.key, "heard in the notes")


def _paths(proposal: Proposal, recordings: list[Recording]) -> list[str]:
    return [str(proposal.folder / each.path) for each in recordings]
