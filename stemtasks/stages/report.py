"""Report: a song at a glance, one HTML page that needs nothing but the audio beside it, for its players."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.job import Job

if TYPE_CHECKING:
    from stemtasks.spec.song import Song

MOST_BYTES, MOST_BYTES_A_ROW = 200_000, 80_000
"""Of the page without its rows, and of a stem's, the mix's or the master's."""


def job(song: Song) -> Job:
    """Return what the report is made of: what was measured, the pictures, and the limits, which it shows."""
    inputs = {
        "master": song.product("master.wav"),
        "master_facts": song.product("master.json"),
        "master_loudness": song.product("master.loudness.json"),
        "mix": song.product("mix.wav"),
        "mix_facts": song.product("mix.json"),
        "mix_loudness": song.product("mix.loudness.json"),
        "timing": song.product("timing.json"),
    }
    if song.master_effects:
        inputs["premaster"] = song.product("premaster.wav")
        inputs["premaster_facts"] = song.product("premaster.json")
    for strip in song.strips:
        inputs |= {f"{role}/{strip.name}": path for role, path in song.processed(strip.name).items()}
        inputs[f"picture/{strip.name}"] = song.product("pictures", f"{strip.name}.json")
        inputs[f"spectrogram/{strip.name}"] = song.product("pictures", f"{strip.name}.png")
    for stem in song.stems:
        inputs[f"stem_facts/{stem.name}"] = song.product("stems", f"{stem.name}.json")
        inputs[f"align_facts/{stem.name}"] = song.product("aligned", f"{stem.name}.json")
    for compared in song.each("compared"):
        inputs[f"sync/{compared.name}"] = song.product("sync", f"{compared.name}.json")
    inputs |= song.found_by_match(song.matched)
    return Job(
        task=f"report:{song.name}",
        stage="report",
        inputs=inputs,
        outputs={"page": song.product("report.html"), "facts": song.product("report.json")},
        params={
            "title": song.title,
            "artist": song.song.artist or None,
            "stems": {strip.name: strip.described for strip in song.strips},
            "order": [strip.name for strip in song.strips],
            "gains_db": {strip.name: song.fader_db(strip.name) for strip in song.strips} | song.gains_db,
            "limits": {
                "stems": {stem.name: song.stem_limits(stem) for stem in song.stems},
                "processed": {strip.name: song.processed_limits(strip) for strip in song.strips},
                "mix": song.mix_limits,
                "master": song.master_limits,
            },
        },
        limits={"stems": [strip.name for strip in song.strips]},
        where=song.where("report"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the page, and what it holds as its facts."""
    from stemtasks.report.page import write_report

    write_report(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is wrong with the page: a stem without a row, what it would load from elsewhere, its size."""
    found = [f"stem {name} has no row" for name in limits["stems"] if name not in facts["rows"]]
    found += [f"it refers to {reference!r}, which is not beside it" for reference in facts["elsewhere"]]
    most = MOST_BYTES + MOST_BYTES_A_ROW * (len(facts["rows"]) + 2)
    if facts["bytes"] > most:
        found.append(f"it has {facts['bytes']} bytes, {most} are allowed")
    return found


def summary(facts: dict[str, Any]) -> str:
    """Return how much it shows."""
    return f"{facts['passed']} of {facts['checks']} checks passed, {facts['bytes'] / 1e3:.0f} kB"
