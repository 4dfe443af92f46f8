"""Archive: the last checks of every file, then one zip of stems, master, and what the delivery formats write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks import sources
from stemtasks.audio.as_written import mix_failures, stem_failures
from stemtasks.audio.in_time import is_found, sync_failures
from stemtasks.audio.limits import failures
from stemtasks.delivery.names import archive_name
from stemtasks.job import Job
from stemtasks.spec import parts

if TYPE_CHECKING:
    from stemtasks.spec.song import Song

MADE_BY_STAGES = ("stem", "align", "process", "mix", "master")


def job(song: Song) -> Job:
    """Return what the archive is made of.

    Where the reference is a file, the mix and the master are looked for in it before anything is zipped.
    """
    inputs = {
        "master": song.product("master.wav"),
        "master_facts": song.product("master.json"),
        "mix": song.product("mix.wav"),
        "mix_facts": song.product("mix.json"),
        "timing": song.product("timing.json"),
    }
    for stem in song.stems:
        inputs[f"stems/{stem.name}"] = song.product("processed", f"{stem.name}.wav")
        inputs[f"facts/{stem.name}"] = song.product("processed", f"{stem.name}.json")
        inputs[f"align_facts/{stem.name}"] = song.product("aligned", f"{stem.name}.json")
    if song.reference.file is not None:
        inputs["reference"] = song.input(song.reference.file)
    for stem in song.each("compared"):
        inputs[f"sync/{stem.name}"] = song.product("sync", f"{stem.name}.json")
    params = {
        "song": song.name,
        "title": song.title,
        "artist": song.song.artist or None,
        "subtype": song.song.subtype,
        "sample_rate": song.song.sample_rate,
        "channels": song.song.channels,
        "stems": {stem.name: stem.described for stem in song.stems},
        "gains_db": song.gains_db,
        "loudness_lufs": song.loudness_lufs,
        "ceiling_dbtp": song.master.ceiling_dbtp,
        "formats": [{"format": each.name, "arguments": each.arguments} for each in song.formats],
        "made_by": _made_by(song),
    }
    return Job(
        task=f"archive:{song.name}",
        stage="archive",
        inputs=inputs,
        outputs={"archive": song.product(archive_name(params)), "facts": song.product("archive.json")},
        params=params,
        limits={
            "mix": song.mix_limits,
            "master": song.master_limits,
            "stems": {stem.name: song.processed_limits(stem) for stem in song.stems},
        },
        parts={f"delivery/{each.name}": each.reference for each in song.formats},
        where=song.where("archive"),
    )


def _made_by(song: Song) -> dict[str, str]:
    """Return the versions of the libraries that made the song's sound, and a digest of the sources of this stage.

    Not the version of this package: it would build every archive anew and change nothing in it.
    """
    named = (part for stem in song.stems for part in (stem.generator, *stem.mend, stem.align, *stem.effects))
    modules = frozenset(part.reference.partition(":")[0] for part in named)
    stages = frozenset(parts.stage(stage, "run") for stage in MADE_BY_STAGES)
    own = sources.digest(frozenset([parts.stage("archive", "run")]))
    return {"stemtasks": f"sources {own[:12]}", **sources.versions(stages | modules)}


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the zip, and what it holds as its facts."""
    from stemtasks.delivery.zipped import write_archive

    write_archive(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits in any file of the archive, a phrase each that starts with the file.

    ``limits`` has those of ``mix``, ``master`` and, by name, ``stems``.
    """
    found = []
    for file in facts["files"]:
        master = file["role"] == "master"
        name = "master" if master else f"stem {file['stem']}"
        held = limits["master"] if master else limits["stems"][file["stem"]]
        phrases = failures(file["measurements"], held)
        phrases += stem_failures(file.get("sections", []), facts["sections"], held)
        if master:
            phrases += sync_failures(file.get("sync"), held) + _loudness_failures(file, held)
        found += [f"{name}: {phrase}" for phrase in phrases]
    mix = failures(facts["mix"]["measurements"], limits["mix"]) + sync_failures(facts["mix"].get("sync"), limits["mix"])
    mix += mix_failures(facts["mix"]["sections"], facts["sections"], limits["mix"])
    return found + [f"mix: {phrase}" for phrase in mix]


def _loudness_failures(master: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    facts, wanted, ceiling = master["measurements"], master["loudness_lufs"], master["ceiling_dbtp"]
    found = []
    if wanted is not None and (facts["lufs"] is None or abs(facts["lufs"] - wanted) > limits["loudness_tolerance_lu"]):
        tolerance = limits["loudness_tolerance_lu"]
        found.append(f"its loudness is {facts['lufs']} LUFS, {wanted} within {tolerance} LU is asked")
    if facts["true_peak_dbtp"] > ceiling:
        found.append(f"its true peak is {facts['true_peak_dbtp']} dBTP, the ceiling is {ceiling}")
    return found


def summary(facts: dict[str, Any]) -> str:
    """Return how much is delivered, and how many of the files were found in the reference, and so judged by it."""
    size = sum(file["bytes"] for file in facts["files"])
    stems = len(facts["files"]) - 1
    looked = [file["sync"] for file in facts["files"] if "sync" in file]
    found = [abs(sync["offset_ms"]) for sync in looked if is_found(sync)]
    in_time = ""
    if found:
        in_time = f", {len(found)} of {len(looked)} found in the reference within {max(found):.2f} ms"
    elif looked:
        in_time = ", sync not judged (none of it is found in the reference)"
    return f"{stems} stem{'s' if stems > 1 else ''} and the master, {size / 1e6:.1f} MB, all checks passed{in_time}"
