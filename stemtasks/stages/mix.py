"""Mix: the sum of the processed stems, each times its gain, as 32-bit float."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.audio.limits import failures
from stemtasks.job import Job
from stemtasks.spec.chains import BUS, chain

if TYPE_CHECKING:
    from stemtasks.spec.song import Song

MAX_RESIDUAL_DBFS = -120.0
HOT_DBFS = 18.0
"""Above this the sum may be off by its rounding alone: a bit of float is then more than -120 dBFS."""


def job(song: Song) -> Job:
    """Return what the mix is made of."""
    chained = chain(song, song.mix_effects, "effects", "mix")
    timing = {"timing": song.product("timing.json")} if song.mix_effects else {}
    return Job(
        task=f"mix:{song.name}",
        stage="mix",
        inputs={
            **{f"stems/{strip.name}": song.processed(strip.name)["audio"] for strip in song.mixed},
            **song.found_by_match(strip.name for strip in song.mixed),
            **timing,
            **chained.inputs,
        },
        outputs=song.audio("mix") | {"loudness": song.product("mix.loudness.json")},
        params={
            "gains_db": song.gains_db,
            "channels": song.song.channels,
            "sample_rate": song.song.sample_rate,
            **({"effects": chained.effects} if song.mix_effects else {}),
            **chained.mistakes,
        },
        parts={**chained.parts, **({"bus": BUS} if song.mix_effects else {})},
        limits=song.mix_limits,
        where=song.where("mix"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the sum of the stems and groups behind the mix's effects, its facts and its loudness over time."""
    from stemtasks.audio.summing import mix

    mix(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits: the format, silence, DC, and stems that do not sum to the mix."""
    found = failures(facts, limits)
    residual = facts["sum_residual_dbfs"]
    peak_db = facts["peak_dbfs"]
    if residual > MAX_RESIDUAL_DBFS and peak_db > HOT_DBFS:
        lower = ceil(peak_db)
        found.append(
            f"it peaks at {peak_db:+.1f} dBFS, too hot for 32-bit float to hold the sum of the stems to "
            f"{MAX_RESIDUAL_DBFS:g} dBFS: lower mix.gain_db by {lower} dB, or what is too loud in it"
        )
    elif residual > MAX_RESIDUAL_DBFS:
        found.append(f"stems times gains differ from the mix by {residual} dBFS, {MAX_RESIDUAL_DBFS} is allowed")
    return found


def summary(facts: dict[str, Any]) -> str:
    """Return the mix's loudness and peak."""
    chain = f"{' > '.join(facts['effects'])}, " if facts.get("effects") else ""
    return f"{chain}{level(facts['lufs'], 'LUFS')}, peak {level(facts['peak_dbfs'], 'dBFS')}"
