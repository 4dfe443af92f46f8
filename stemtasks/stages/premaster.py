"""Premaster: the mix through the master's effects, as 32-bit float: what every master of the song is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.audio.limits import failures
from stemtasks.job import Job
from stemtasks.spec.chains import BUS, chain

if TYPE_CHECKING:
    from stemtasks.spec.deliveries import Mastered
    from stemtasks.spec.song import Song


def job(song: Song, premastered: Mastered) -> Job:  # noqa: ARG001 - there is one, of a song that asks for it
    """Return what the premaster is made of."""
    chained = chain(song, song.master_effects, "effects", "master")
    return Job(
        task=f"premaster:{song.name}",
        stage="premaster",
        inputs={"audio": song.product("mix.wav"), "timing": song.product("timing.json"), **chained.inputs},
        outputs=song.audio("premaster") | {"loudness": song.product("premaster.loudness.json")},
        params={"effects": chained.effects, **chained.mistakes},
        limits=song.mix_limits,
        parts={**chained.parts, "bus": BUS},
        where=song.where("master"),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the mix behind the effects, its facts and its loudness over time."""
    from stemtasks.audio.facts import write_facts
    from stemtasks.audio.loudness import measure_levels_and_loudness
    from stemtasks.plugins import load

    noted = load(params["parts"]["bus"])(inputs["audio"], outputs["audio"], inputs, params)
    facts = measure_levels_and_loudness(outputs["audio"], over_time=outputs["loudness"])
    write_facts(outputs["facts"], facts | noted)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits: the format, silence, DC."""
    return failures(facts, limits)


def summary(facts: dict[str, Any]) -> str:
    """Return the chain, and the loudness and peak behind it."""
    chained = " > ".join(facts["effects"])
    return f"{chained}, {level(facts['lufs'], 'LUFS')}, peak {level(facts['peak_dbfs'], 'dBFS')}"
