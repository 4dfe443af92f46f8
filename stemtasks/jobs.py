"""What each task of a song is to make: spec -> jobs, plain data, one function a stage."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import stemtasks
from stemtasks import plugins, sources
from stemtasks.action.keys import Job
from stemtasks.delivery.names import archive_name
from stemtasks.errors import SpecError
from stemtasks.paths import BUILD
from stemtasks.spec import schema
from stemtasks.spec.song import Named, Song, Stem, beats_per_bar, plain
from stemtasks.spec.tables import VerifyTable
from stemtasks.timeline import frames_of_beats
from stemtasks.units import duration_of


def _modules(stage: str, *chosen: tuple[plugins.Kind, str]) -> frozenset[str]:
    return frozenset(plugins.module_name(kind, name) for kind, name in [("stages", stage), *chosen])


def _stem_modules(stem: Stem) -> frozenset[str]:
    return _modules("stem", ("generators", stem.generator.name))


def _align_modules(stem: Stem) -> frozenset[str]:
    # 'auto' may choose any of them
    chosen = plugins.names("strategies") if stem.align.name == "auto" else (stem.align.name,)
    return _modules("align", *(("strategies", name) for name in chosen))


def _process_modules(stem: Stem) -> frozenset[str]:
    return _modules("process", *(("effects", effect.name) for effect in stem.effects))


def _out(song: Song, *parts: str) -> str:
    return "/".join((BUILD.name, song.name, *parts))


def _in(song: Song, path: str) -> str:
    """Return where a file that the spec names lies; one that is built here by the name that its task gives it."""
    file = song.file(path)
    with contextlib.suppress(ValueError, OSError):
        return (BUILD / file.resolve().relative_to(BUILD.resolve())).as_posix()
    return file.as_posix()


def _audio(song: Song, folder: str, name: str) -> dict[str, str]:
    parts = (folder,) if folder else ()
    return {"audio": _out(song, *parts, f"{name}.wav"), "facts": _out(song, *parts, f"{name}.json")}


def _where(song: Song, table: str) -> str:
    return f"{song.path.as_posix()}: {table}"


def reference(song: Song) -> Job:
    """Return the job that measures the reference, or takes the duration that is given."""
    table = song.reference
    limits: dict[str, Any] = {"sample_rate": table.sample_rate, "channels": table.channels}
    if table.min_duration is not None:
        limits["min_duration_s"] = _seconds(song, table.min_duration)
    params: dict[str, Any] = {"sample_rate": song.song.sample_rate}
    if table.duration is not None:
        params |= {"duration": _beats(song, table.duration), "bpm": song.song.bpm}
    return Job(
        task=f"reference:{song.name}",
        stage="reference",
        inputs={"file": _in(song, table.file)} if table.file else {},
        outputs={"facts": _out(song, "reference.json")},
        params=params,
        limits=limits,
        modules=_modules("reference"),
        where=_where(song, "reference"),
    )


def timing(song: Song) -> Job:
    """Return the job that turns bpm and sections into frames."""
    table = song.song
    per_bar = beats_per_bar(table.time_signature)
    sections = [
        {
            "name": section.name,
            "beats": None if section.fill else section.beats if section.bars is None else section.bars * per_bar,
            "key": section.key,
        }
        for section in song.sections
    ]
    return Job(
        task=f"timing:{song.name}",
        stage="timing",
        inputs={"reference": _out(song, "reference.json")},
        outputs={"facts": _out(song, "timing.json")},
        params={
            "sample_rate": table.sample_rate,
            "tail_seconds": table.tail_seconds,
            "bpm": table.bpm,
            "time_signature": table.time_signature,
            "beats_per_bar": per_bar,
            "key": table.key,
            "sections": sections,
        },
        modules=_modules("timing"),
        where=song.path.as_posix(),
    )


def stem(song: Song, stem: Stem) -> Job:
    """Return the job that renders one stem.

    A generator that asks for the timeline renders the length it is given, by default the target;
    one that does not has its own length, which is held against the stem's ``duration``.
    """
    drawn = schema.of("generators", stem.generator.name)
    channels = stem.table.channels or song.song.channels
    limits = _limits(stem.verify, song, channels, "FLOAT")
    frames = None
    if stem.table.duration is not None:
        seconds = _seconds(song, stem.table.duration)
        limits["duration_s"] = round(seconds, 9)
        if "timeline" in drawn.wants:
            frames = round(seconds * song.song.sample_rate)
    arguments = dict(stem.generator.arguments)
    inputs = {"timing": _out(song, "timing.json")} if "timeline" in drawn.wants else {}
    for parameter in drawn.parameters:
        if parameter.reads_files:
            named = arguments.pop(parameter.name)
            listed = {parameter.name: named} if isinstance(named, str) else {}
            if isinstance(named, list):
                listed = {f"{parameter.name}/{index}": path for index, path in enumerate(named)}
            inputs |= {role: _in(song, path) for role, path in listed.items()}
    seed = stem.table.seed if stem.table.seed is not None else song.seed("stem", stem.name)
    return Job(
        task=f"stem:{song.name}/{stem.name}",
        stage="stem",
        inputs=inputs,
        outputs=_audio(song, "stems", stem.name),
        params={
            "generator": stem.generator.name,
            "arguments": arguments,
            "sample_rate": song.song.sample_rate,
            "channels": channels,
            "frames": frames,
            "seed": seed if "seed" in drawn.wants else None,
        },
        limits=limits,
        modules=_stem_modules(stem),
        where=_where(song, f"stems.{stem.name}"),
    )


def align(song: Song, stem: Stem) -> Job:
    """Return the job that fits one stem to the target."""
    channels = stem.table.channels or song.song.channels
    kind = stem.table.kind or ("drums" if stem.generator.name == "drums" else None)
    return Job(
        task=f"align:{song.name}/{stem.name}",
        stage="align",
        inputs={"audio": _out(song, "stems", f"{stem.name}.wav"), "timing": _out(song, "timing.json")},
        outputs=_audio(song, "aligned", stem.name),
        params={
            "strategy": stem.align.name,
            "arguments": stem.align.arguments,
            "kind": kind,
            "bpm": stem.table.bpm,
            "seed": song.seed("align", stem.name),
        },
        limits=_limits(stem.verify, song, channels, "FLOAT"),
        modules=_align_modules(stem),
        where=_where(song, f"stems.{stem.name}.align"),
    )


def process(song: Song, stem: Stem) -> Job:
    """Return the job that runs one stem's effects."""
    return Job(
        task=f"process:{song.name}/{stem.name}",
        stage="process",
        inputs={"audio": _out(song, "aligned", f"{stem.name}.wav"), "timing": _out(song, "timing.json")},
        outputs=_audio(song, "processed", stem.name),
        params={
            "effects": [_effect(song, stem, index, effect) for index, effect in enumerate(stem.effects)],
            "gain_db": stem.table.gain_db,
            "pan": stem.table.pan,
            "channels": song.song.channels,
            "subtype": song.song.subtype,
            "tail": stem.table.tail,
            "seed": song.seed("process", stem.name),
        },
        limits=_limits(stem.verify, song, song.song.channels, song.song.subtype),
        modules=_process_modules(stem),
        where=_where(song, f"stems.{stem.name}"),
    )


def _effect(song: Song, stem: Stem, index: int, effect: Named) -> dict[str, Any]:
    """Return an effect's place in the chain, with a seed only where it draws from one."""
    wanted = "seed" in schema.of("effects", effect.name).wants
    seed = song.seed("effect", stem.name, str(index)) if wanted else None
    return {"effect": effect.name, "arguments": effect.arguments, "seed": seed}


def mix(song: Song) -> Job:
    """Return the job that sums the processed stems."""
    return Job(
        task=f"mix:{song.name}",
        stage="mix",
        inputs={f"stems/{stem.name}": _out(song, "processed", f"{stem.name}.wav") for stem in song.stems},
        outputs=_audio(song, "", "mix"),
        params={
            "gains_db": _faders(song),
            "channels": song.song.channels,
            "sample_rate": song.song.sample_rate,
        },
        limits=_limits(song.verify, song, song.song.channels, "FLOAT"),
        modules=_modules("mix"),
        where=_where(song, "mix"),
    )


def _faders(song: Song) -> dict[str, float]:
    return {stem.name: float(song.mix.gain_db + song.mix.gains_db.get(stem.name, 0.0)) for stem in song.stems}


def master(song: Song) -> Job:
    """Return the job that makes the master of the mix."""
    target = None if song.master.loudness_lufs == "off" else song.master.loudness_lufs
    return Job(
        task=f"master:{song.name}",
        stage="master",
        inputs={"audio": _out(song, "mix.wav"), "facts": _out(song, "mix.json")},
        outputs=_audio(song, "", "master"),
        params={
            "loudness_lufs": target,
            "ceiling_dbtp": song.master.ceiling_dbtp,
            "subtype": song.song.subtype,
            "seed": song.seed("master"),
        },
        limits=_master_limits(song),
        modules=_modules("master"),
        where=_where(song, "master"),
    )


def _master_limits(song: Song) -> dict[str, Any]:
    return {
        **_limits(song.verify, song, song.song.channels, song.song.subtype),
        "loudness_lufs": None if song.master.loudness_lufs == "off" else song.master.loudness_lufs,
        "ceiling_dbtp": song.master.ceiling_dbtp,
    }


def archive(song: Song) -> Job:
    """Return the job that delivers stems and master in one zip."""
    inputs = {
        "master": _out(song, "master.wav"),
        "master_facts": _out(song, "master.json"),
        "mix": _out(song, "mix.wav"),
        "mix_facts": _out(song, "mix.json"),
        "timing": _out(song, "timing.json"),
    }
    stems = {}
    for each in song.stems:
        inputs[f"stems/{each.name}"] = _out(song, "processed", f"{each.name}.wav")
        inputs[f"facts/{each.name}"] = _out(song, "processed", f"{each.name}.json")
        inputs[f"align_facts/{each.name}"] = _out(song, "aligned", f"{each.name}.json")
        stems[each.name] = {
            "title": each.table.title or None,
            "generator": each.generator.name,
            "arguments": each.generator.arguments,
            "align": {"strategy": each.align.name, "arguments": each.align.arguments},
            "effects": [{"effect": effect.name, "arguments": effect.arguments} for effect in each.effects],
            "gain_db": each.table.gain_db,
            "pan": each.table.pan,
        }
    made_by = frozenset().union(
        *(modules(each) for each in song.stems for modules in (_stem_modules, _align_modules, _process_modules)),
        _modules("mix"),
        _modules("master"),
    )
    params = {
        "song": song.name,
        "title": song.title,
        "artist": song.song.artist or None,
        "subtype": song.song.subtype,
        "sample_rate": song.song.sample_rate,
        "channels": song.song.channels,
        "stems": stems,
        "gains_db": _faders(song),
        "loudness_lufs": None if song.master.loudness_lufs == "off" else song.master.loudness_lufs,
        "ceiling_dbtp": song.master.ceiling_dbtp,
        "made_by": {"stemtasks": stemtasks.__version__, **sources.versions(made_by)},
    }
    return Job(
        task=f"archive:{song.name}",
        stage="archive",
        inputs=inputs,
        outputs={"archive": _out(song, archive_name(params)), "facts": _out(song, "archive.json")},
        params=params,
        limits={
            "mix": _limits(song.verify, song, song.song.channels, "FLOAT"),
            "master": _master_limits(song),
            "stems": {
                each.name: _limits(each.verify, song, song.song.channels, song.song.subtype) for each in song.stems
            },
        },
        modules=_modules("archive"),
        where=_where(song, "archive"),
    )


def _limits(table: VerifyTable, song: Song, channels: int, subtype: str) -> dict[str, Any]:
    """Return the limits of an audio file: the spec's, and the format it must have."""
    return {
        **plain(table),
        "sample_rate": song.song.sample_rate,
        "channels": channels,
        "subtype": subtype,
    }


def _beats(song: Song, length: float | str) -> tuple[float, str]:
    """Return a length in seconds or in beats."""
    number, unit = duration_of(length)
    if unit == "bars":
        return number * beats_per_bar(song.song.time_signature), "beats"
    return number, unit


def _seconds(song: Song, length: float | str) -> float:
    """Return a length in seconds, on whole frames where it is musical."""
    number, unit = _beats(song, length)
    if unit == "s":
        return number
    bpm = song.song.bpm
    if bpm is None:
        raise SpecError(f"{song.path}: '{length}' needs song.bpm")
    return frames_of_beats(number, bpm, song.song.sample_rate) / song.song.sample_rate


JOBS: dict[str, Callable[..., Job]] = {
    "reference": reference,
    "timing": timing,
    "stem": stem,
    "align": align,
    "process": process,
    "mix": mix,
    "master": master,
    "archive": archive,
}
PER_STEM = ("stem", "align", "process")
