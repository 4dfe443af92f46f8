"""The last checks before a song is handed over: whether its files are those that were measured, and belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemtasks.audio.facts import Facts
from stemtasks.audio.limits import failures
from stemtasks.audio.source import Source
from stemtasks.delivery.contents import SUM_RESIDUAL_DBFS
from stemtasks.errors import AudioError
from stemtasks.timeline import Timeline


def disagreements(
    inputs: dict[str, Path],
    stems: dict[str, Facts],
    master: Facts | None,
    mix: Facts,
    timeline: Timeline,
    delivered: Timeline,
    params: Any,
    delivered_mix: Facts | None = None,
) -> list[str]:
    """Return what is not as it must be whatever the limits, a phrase each that starts with the file.

    ``timeline`` is the song's, ``delivered`` the same at the sample rate of what is delivered.
    """

    def form(part: str) -> dict[str, Any]:
        told = params.get("delivery", {}).get("parts", {}).get(part, {})
        subtype = told.get("subtype", params["subtype"])
        return _form(delivered, params) | {"subtype": subtype}

    found = []
    for name, facts in stems.items():
        phrases = failures(facts, form("stems")) + header_disagreements(inputs[f"stems/{name}"], facts)
        found += [f"stem {name}: {phrase}" for phrase in phrases]
    phrases = failures(mix, _form(timeline, params) | {"subtype": "FLOAT"}) + header_disagreements(inputs["mix"], mix)
    found += [f"mix: {phrase}" for phrase in phrases + _sum_failures(mix)]
    if delivered_mix is not None:
        phrases = failures(delivered_mix, form("mix")) + header_disagreements(inputs["delivered_mix"], delivered_mix)
        found += [f"delivered mix: {phrase}" for phrase in phrases]
    if master is None:
        return found
    phrases = failures(master, form("master")) + header_disagreements(inputs["master"], master)
    phrases += [
        f"its {what} was not measured ({key})"
        for what, key in (("loudness", "lufs"), ("true peak", "true_peak_dbtp"))
        # without a target, what is too short or too soft for a figure is delivered without one
        if master.get(key) is None and not (key == "lufs" and key in master and params["loudness_lufs"] is None)
    ]
    return found + [f"master: {phrase}" for phrase in phrases]


def _form(timeline: Timeline, params: Any) -> dict[str, Any]:
    """Return the length and the rate that all files of a timeline have."""
    return {
        "frames": timeline.delivered_frames,
        "sample_rate": timeline.sample_rate,
        "channels": params["channels"],
    }


def header_disagreements(path: Path, facts: Facts) -> list[str]:
    """Return where a file's header differs from its facts, which then are of other bytes.

    What only a program can read was read by one when it was made.
    """
    if facts.get("format") == "command":
        return []
    try:
        with Source(path) as source:
            header = {name: getattr(source, name) for name in ("frames", "sample_rate", "channels", "subtype")}
    except AudioError as error:
        return [str(error).removeprefix(f"{path}: ")]
    return [
        f"the file's {name} is {value}, its measurements say {facts[name]}: build it again"
        for name, value in header.items()
        if value != facts[name]
    ]


def _sum_failures(mix: Facts) -> list[str]:
    residual = mix.get("sum_residual_dbfs")
    if residual is None:
        return ["how far it is from the sum of its stems was not measured (sum_residual_dbfs)"]
    if not residual <= SUM_RESIDUAL_DBFS:
        return [f"it is {residual} dBFS from the sum of its stems, {SUM_RESIDUAL_DBFS} is allowed"]
    return []
