"""Master: the mix at the loudness asked for, its true peak under the ceiling, in the song's format."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.audio.limits import failures
from stemtasks.job import Job
from stemtasks.spec.deliveries import PREMASTER, master_subtype

if TYPE_CHECKING:
    from stemtasks.spec.deliveries import Mastered
    from stemtasks.spec.song import Song


def job(song: Song, mastered: Mastered) -> Job:
    """Return what the song's master is made of, or that of a delivery or an album that asks for another one.

    With an album's ``gain`` the loudness asked is that of the song's own master, and the gain more.
    """
    delivery = mastered.delivery
    source, made, where = song.premaster, song.product("master"), song.where("master")
    task, inputs = song.called(mastered.name), dict[str, str]()
    subtype: str = song.song.subtype
    loudness_lufs, ceiling_dbtp = song.loudness_lufs, song.master.ceiling_dbtp
    if delivery is not None:
        made, where, task = delivery.product(song, "master"), delivery.where(song), delivery.called(song, mastered.name)
        if delivery.mastered and delivery.mastered.sample_rate != song.song.sample_rate:
            source = delivery.product(song, "converted", PREMASTER)
        ceiling_dbtp, subtype = song.ceiling_of(delivery), master_subtype(song, delivery)
        if delivery.gain is None:
            loudness_lufs = song.loudness_of(delivery)
        else:
            inputs = {"gain": delivery.gain}
    return Job(
        task=f"master:{task}",
        stage="master",
        inputs=_files(source) | inputs,
        outputs=_files(made),
        params={
            "loudness_lufs": loudness_lufs,
            "ceiling_dbtp": ceiling_dbtp,
            "subtype": subtype,
            "dither": song.dither_of(subtype),
            "seed": song.seed("master"),
        },
        limits=song.master_limits if delivery is None else song.own_master_limits(delivery),
        where=where,
    )


def _files(path: str) -> dict[str, str]:
    return {"audio": f"{path}.wav", "facts": f"{path}.json", "loudness": f"{path}.loudness.json"}


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the master, its facts and its loudness over time."""
    from stemtasks.audio.mastering import master

    master(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits: the format, silence, clipping, the loudness and the true peak."""
    found = failures(facts, limits)
    lufs, target, true_peak = facts["lufs"], limits.get("loudness_lufs"), facts["true_peak_dbtp"]
    if target is None:  # what an album's gain asks is known only where it was made
        target = facts.get("master", {}).get("loudness_target")
    ceiling = limits.get("ceiling_dbtp")
    if target is not None and lufs is None:
        found.append(
            f"its loudness cannot be measured (silence, or shorter than 0.4 s), wanted {target} LUFS: "
            'give loudness_lufs = "off"'
        )
    elif target is not None and abs(lufs - target) > limits["loudness_tolerance_lu"]:
        reason = ""
        if facts["master"]["at_limit"]:
            under_dbtp = facts["master"]["ceiling_dbtp"]
            raised = "raise ceiling_dbtp, " if target - lufs <= -under_dbtp else ""
            reason = (
                f": the mix's peaks leave no room under {under_dbtp} dBTP: lower loudness_lufs by "
                f"{ceil((target - lufs) * 10) / 10:.1f} dB, {raised}or tame the peaks of the stems"
            )
        found.append(f"loudness is {lufs:.1f} LUFS, wanted {target} +-{limits['loudness_tolerance_lu']}{reason}")
    if ceiling is not None and true_peak > ceiling:
        over_db = ceil((true_peak - ceiling) * 10) / 10
        what = "mix.gain_db" if target is None else "loudness_lufs"
        found.append(
            f"true peak is {true_peak} dBTP, the ceiling is {ceiling}: lower {what} by {over_db:.1f} dB, or raise "
            "ceiling_dbtp"
        )
    return found


def summary(facts: dict[str, Any]) -> str:
    """Return the master's loudness and true peak, and what the limiter did where that was not asked for or is much."""
    said = f"{level(facts['lufs'], 'LUFS')}, {level(facts['true_peak_dbtp'], 'dBTP')}"
    how = facts.get("master", {})
    reduction_db, distortion_db = how.get("max_reduction_db", 0.0), how.get("limiter_distortion_db")
    if reduction_db > 0.0 and how.get("loudness_target") is None:
        said += f", peaks turned down by up to {ceil(reduction_db * 10) / 10:.1f} dB for the ceiling"
    elif how.get("limiter") == "hard":
        said += f", limited hard, by up to {reduction_db:.1f} dB"
    else:
        return said
    return said if distortion_db is None else f"{said}, distortion {distortion_db:.0f} dB"
