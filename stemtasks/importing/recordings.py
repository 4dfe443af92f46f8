"""The recordings of a folder, measured; what cannot be a stem is left out, with the reason."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from stemtasks.audio.blocks import Stream
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.limits import NOTHING_DBFS
from stemtasks.audio.pieces import check_source
from stemtasks.audio.recording import check_recording
from stemtasks.audio.source import Source
from stemtasks.audio.stamp import start_stamp
from stemtasks.audio.stated import stated_bpm
from stemtasks.audio.surveying import Survey, survey
from stemtasks.audio.wav import write_wav
from stemtasks.errors import AudioError
from stemtasks.generators.file import file
from stemtasks.importing.naming import named
from stemtasks.importing.proposal import Recording, Tell, Value
from stemtasks.importing.words import said_by

CHANNELS = 2
MOST_THREADS = 4
RATES_HZ = (8_000, 384_000)
SUBTYPES = {"FLOAT": "FLOAT", "DOUBLE": "FLOAT", "PCM_16": "PCM_16"}
"""What a song delivers whose recordings are mostly so; of all others PCM_24."""
LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
NEAR_LENGTHS, NEAR_SECONDS = 3.0, 1800.0
"""Recordings of one session begin within three times the longest, or half an hour, of each other."""


def measured(folder: Path, paths: list[str], left_out: dict[str, str], tell: Tell) -> list[Recording]:
    """Return the recordings that can be stems, in their order; the reasons of the others are added to ``left_out``."""
    surveys: dict[str, Survey] = {}
    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1), "survey") as threads:
        waiting = {threads.submit(surveyed, folder / path): path for path in paths}
        for done in as_completed(waiting):
            path = waiting[done]
            try:
                surveys[path] = done.result()
            except AudioError as error:
                left_out[path] = str(error).removeprefix(f"{folder / path}: ")
            tell("measured", len(surveys) + sum(path in left_out for path in paths), len(paths))
    kept = [path for path in paths if path in surveys and not _useless(surveys[path], path, left_out)]
    bases = [os.path.splitext(os.path.basename(path))[0] for path in kept]
    found = []
    for path, base, call in zip(kept, bases, named(bases), strict=True):
        said, whole = said_by(call.title, os.path.basename(os.path.dirname(path))), said_by(base)
        mix = said.mix or (whole.mix if said.group is None else None)
        bpm = whole.bpm or stated_bpm(str(folder / path))
        said = replace(said, mix=mix, bpm=whole.bpm, key=whole.key)
        found.append(Recording(path, call.name, call.title, said, surveys[path], bpm))
    return found


def surveyed(path: Path) -> Survey:
    """Return what a recording measures; AudioError where it cannot be a stem."""
    found = survey(path)
    with Source(path) as source:
        check_recording(source, Stream(48_000, CHANNELS, 0, Path()))
        if not found.facts["invalid_samples"]:
            check_source(source)
    return found


def measure_stems(recordings: list[Recording], sample_rate: int, tell: Tell) -> None:
    """Measure recordings as stems, where the song's sample rate or its two channels make another sound of them."""
    others = [
        each
        for each in recordings
        if each.survey.facts["sample_rate"] != sample_rate or each.survey.facts["channels"] > CHANNELS
    ]
    for place, each in enumerate(others, 1):
        with tempfile.TemporaryDirectory(prefix="stemtasks-import-") as folder:
            stem = Path(folder) / "stem.wav"
            write_stem(each, sample_rate, stem)
            facts = measure_levels(stem)
        each.facts = {name: facts[name] for name in each.facts if name in facts} | {"is_over": facts["peak_dbfs"] > 0.0}
        tell("resampled", place, len(others))


def write_stem(recording: Recording, sample_rate: int, path: Path) -> None:
    """Write a recording as its stem: at the song's sample rate, in stereo."""
    source = recording.survey.path
    write_wav(path, file(Stream(sample_rate, CHANNELS, 0, path.parent), file=source), sample_rate, CHANNELS)


def _useless(survey: Survey, path: str, left_out: dict[str, str]) -> bool:
    facts = survey.facts
    if not facts["frames"]:
        left_out[path] = "holds no audio (0 frames)"
    elif facts["invalid_samples"]:
        left_out[path] = f"{facts['invalid_samples']} samples are NaN or infinite: export it again"
    elif facts["peak_dbfs"] <= NOTHING_DBFS:
        left_out[path] = "is silent"
    return path in left_out


def sample_rate_of(recordings: list[Recording]) -> Value:
    """Return the sample rate that most have, the highest of those."""
    rates = Counter(each.survey.facts["sample_rate"] for each in recordings)
    usual = [rate for rate in rates if RATES_HZ[0] <= rate <= RATES_HZ[1]]
    if not usual:
        return Value(48_000, f"the recordings have {max(rates)} Hz, which no song has")
    rate = max(usual, key=lambda each: (rates[each], each))
    return Value(rate, _of_all(rates[rate], len(recordings)))


def subtype_of(recordings: list[Recording]) -> Value:
    """Return what is delivered: as the recordings, and FLOAT where one is above full scale, which PCM would clip."""
    over = [each for each in recordings if each.facts["is_over"]]
    if over:
        loudest = max(over, key=lambda each: each.facts["peak_dbfs"])
        peak = loudest.facts["peak_dbfs"]
        return Value("FLOAT", f"{loudest.name} peaks at {peak:+.2f} dBFS, which PCM would clip")
    subtypes = Counter(each.survey.facts["subtype"] for each in recordings if each.survey.facts["subtype"] not in LOSSY)
    if not subtypes:
        return Value("PCM_24", "or PCM_16, or FLOAT")
    usual = max(subtypes, key=lambda each: (subtypes[each], each))
    subtype = SUBTYPES.get(usual, "PCM_24")
    alike = sum(count for each, count in subtypes.items() if SUBTYPES.get(each, "PCM_24") == subtype)
    why = _of_all(alike, len(recordings))
    return Value(subtype, f"{why}; PCM_24 keeps more of what effects do" if subtype == "PCM_16" else why)


def _of_all(count: int, of: int) -> str:
    return f"as all {of} recordings" if count == of > 1 else f"as {count} of {of} recordings" if of > 1 else ""


def place(folder: Path, recordings: list[Recording]) -> None:
    """Place recordings by their start stamps, where those differ by a frame or more."""
    stamps = {each.path: stamp for each in recordings if (stamp := start_stamp(str(folder / each.path))) is not None}
    if len(stamps) < 2:
        return
    first, last = min(stamps.values()), max(stamps.values())
    rate = max(each.survey.facts["sample_rate"] for each in recordings)
    if last - first < Fraction(1, 2 * rate):
        return
    longest = max(each.seconds for each in recordings)
    together = last - first <= max(NEAR_LENGTHS * longest, NEAR_SECONDS)
    for each in recordings:
        if each.path not in stamps:
            continue
        if together:
            each.offset_s = float(stamps[each.path] - first)
            each.start = Value("stamp", f"its start stamp is {each.offset_s:.3f} s after the first one")
        else:
            each.start = Value("file", 'its start stamp is of another session; "stamp" would place it by that')
