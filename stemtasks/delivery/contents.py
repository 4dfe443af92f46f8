"""What the archive says of its song: of every file what it is, what it measures and what made it, as plain data."""

from __future__ import annotations

import re
from typing import Any

from stemtasks.audio.facts import Facts
from stemtasks.timeline import Timeline

SCHEMA_VERSION = 1
SUM_RESIDUAL_DBFS = -120.0
CONTRACT = f"Stems are pre-master and sum at the recorded gains to the mix, to {SUM_RESIDUAL_DBFS:g} dBFS."
NOT_THE_MIX = "Stems are pre-master and sum at the recorded gains to the mix without what is not in them: "
NO_STEMS = "Stems are not part of this delivery."

_FOLDERS = re.compile(r"(?<![\w.~/\\:-])(?:~|[A-Za-z]:)?[/\\](?:[^/\\\s\"']+[/\\])+")


def contents_of(
    stems: dict[str, Facts],
    master: Facts | None,
    mix: Facts,
    timeline: Timeline,
    params: dict[str, Any],
    names: dict[str, str],
    digests: dict[str, dict[str, Any]],
    delivered_mix: Facts | None = None,
    preview: Facts | None = None,
    delivered_sum: dict[str, float] | None = None,
) -> dict[str, Any]:
    """Return what delivery formats write from, and what stands beside the archive as its facts.

    ``params`` are the archive stage's, ``names`` are ``names.file_names``, and ``digests`` holds
    ``{"sha256", "bytes"}`` by a file's name. ``mix_gain_db`` is the mix's fader; ``gain_db`` and ``pan`` are
    in the stem's file already. ``timeline`` is at the sample rate of what is delivered. ``delivered_mix`` is what the
    mix measures where it is delivered, ``preview`` the same of a preview, ``delivered_sum`` how far the stems are from
    the mix (``audio/delivered_sum.py``).
    """
    files = [_stem(stem, facts, params) | {"name": names[f"stems/{stem}"]} for stem, facts in stems.items()]
    if delivered_mix is not None:
        files.append({"role": "mix", "measurements": _delivered(delivered_mix), "name": names["mix"]})
    asked = {name: params[name] for name in ("loudness_lufs", "ceiling_dbtp")}
    for role, facts, part in (("master", master, "master"), ("preview", preview, "previews")):
        if facts is not None:
            files.append({"role": role, "measurements": _delivered(facts), "name": names[part]} | asked)
    return {
        "schema_version": SCHEMA_VERSION,
        "song": _song(timeline, params),
        "sections": _sections(timeline),
        "contract": _contract(params, stems, delivered_sum),
        **({"not_in_stems": params["not_in_stems"]} if params.get("not_in_stems") else {}),
        **({} if delivered_sum is None else {"delivered_sum": delivered_sum}),
        "files": [file | digests[file["name"]] for file in files],
        "mix": {"measurements": _delivered(mix), "gains_db": params["gains_db"]},
        "made_by": params["made_by"],
        "keys": params.get("keys") or {},
    }


def _contract(params: dict[str, Any], stems: dict[str, Facts], delivered_sum: dict[str, float] | None) -> str:
    """Return what may be relied on: what stems, in the form that is delivered, sum to."""
    if not stems:
        return NO_STEMS
    withheld = params.get("withheld") or []
    if outside := params.get("not_in_stems"):
        return f"{NOT_THE_MIX}{', '.join(outside)}."
    they = f"with {', '.join(withheld)}, of this song but not delivered, they sum" if withheld else "they sum"
    if delivered_sum is not None:
        rate, most = params["sample_rate"], delivered_sum["max_residual_dbfs"]
        return f"Stems are pre-master; {they} at the recorded gains to the mix at {rate} Hz, to {most:.1f} dBFS."
    if any(facts.get("source") for facts in stems.values()):
        return f"Stems are pre-master and encoded with losses: {they} at the recorded gains to about the mix."
    return f"Stems are pre-master; {they}{CONTRACT.partition('sum')[2]}" if withheld else CONTRACT


def _song(timeline: Timeline, params: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": params["song"],
        "title": params.get("title") or params["song"],
        "artist": params.get("artist"),
        "bpm": timeline.bpm,
        "key": timeline.key,
        "time_signature": timeline.time_signature,
        "sample_rate": params["sample_rate"],
        "channels": params["channels"],
        "subtype": params["subtype"],
        "frames": timeline.frames,
        "tail_frames": timeline.tail_frames,
        "delivered_frames": timeline.delivered_frames,
        **({"delivery": params["delivery"]["name"]} if "delivery" in params else {}),
        **({"tags": params["tags"]} if params.get("tags") else {}),
    }


def _sections(timeline: Timeline) -> list[dict[str, Any]]:
    return [
        {
            "name": section.name,
            "key": section.key,
            "start_frame": section.start_frame,
            "end_frame": section.end_frame,
            "start_s": round(section.start_frame / timeline.sample_rate, 6),
            "end_s": round(section.end_frame / timeline.sample_rate, 6),
            "start_bar": round(section.start_beat / timeline.beats_per_bar + 1, 6),
            "bars": round(section.beats / timeline.beats_per_bar, 6),
        }
        for section in timeline.sections
    ]


def _stem(name: str, facts: Facts, params: dict[str, Any]) -> dict[str, Any]:
    stem = params["stems"][name]
    if "stems" in stem:  # a group
        return {
            "role": "stem",
            "stem": name,
            "title": stem.get("title") or name,
            "measurements": _delivered(facts),
            "stems": stem["stems"],
            "effects": _delivered(stem["effects"]),
            "gain_db": stem["gain_db"],
            "pan": stem["pan"],
            "mix_gain_db": params["gains_db"][name],
        }
    # 'auto' chooses while it aligns, so what was chosen, and why, is among the facts
    chosen = facts.get("align") or {}
    return {
        "role": "stem",
        "stem": name,
        "title": stem.get("title") or name,
        "measurements": _delivered({key: value for key, value in facts.items() if key != "align"}),
        "generator": stem["generator"],
        "arguments": _delivered(stem["arguments"]),
        **({"mend": _delivered(stem["mend"])} if "mend" in stem else {}),
        "align": _delivered(stem["align"] | chosen),
        "effects": _delivered(stem["effects"]),
        "gain_db": stem["gain_db"],
        "pan": stem["pan"],
        **({"match": facts["match"]} if "match" in facts else {}),
        "mix_gain_db": params["gains_db"][name],
    }


def _delivered(data: Any) -> Any:
    """Return plain data without the folders of absolute paths: where files are on this machine is not delivered."""
    if isinstance(data, dict):
        return {key: _delivered(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_delivered(value) for value in data]
    return _FOLDERS.sub("", data) if isinstance(data, str) else data
