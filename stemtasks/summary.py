"""The measurement that matters of a stage's output, in a few words, from its facts alone."""

from __future__ import annotations

from typing import Any

ASKED = "asked for in the spec"


def clock(seconds: float) -> str:
    """Return seconds as m:ss.mmm."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes}:{rest // 1000:02d}.{rest % 1000:03d}"


def level(value: float | None, unit: str) -> str:
    """Return a level with its unit, or that there is none to measure."""
    return f"silent ({unit})" if value is None else f"{value:.1f} {unit}"


def _stem(facts: dict[str, Any]) -> str:
    return f"{facts['frames']} frames, peak {level(facts['peak_dbfs'], 'dBFS')}"


def _align(facts: dict[str, Any]) -> str:
    align = facts["align"]
    why = align["reason"].removesuffix(f": {align['strategy']}")
    seams = f", {align['seams']} seam{'s' if align['seams'] > 1 else ''}" if align.get("seams") else ""
    return f"{facts['frames']} frames, {align['strategy']}{seams}" + (f" ({why})" if why != ASKED else "")


def _process(facts: dict[str, Any]) -> str:
    chain = " > ".join(facts["effects"]) or "no effects"
    return f"{facts['frames']} frames, {chain}, peak {level(facts['peak_dbfs'], 'dBFS')}"


def _loud(facts: dict[str, Any]) -> str:
    return f"{level(facts['lufs'], 'LUFS')}, {level(facts['true_peak_dbtp'], 'dBTP')}"


def _mix(facts: dict[str, Any]) -> str:
    return f"{level(facts['lufs'], 'LUFS')}, peak {level(facts['peak_dbfs'], 'dBFS')}"


def _reference(facts: dict[str, Any]) -> str:
    return f"{facts['target_frames']} frames, {clock(facts['duration_s'])}"


def _timing(facts: dict[str, Any]) -> str:
    sections = len(facts["sections"])
    tempo = f", {facts['bpm']:g} bpm" if facts["bpm"] else ""
    return f"{sections} section{'s' if sections > 1 else ''}{tempo}"


def _archive(facts: dict[str, Any]) -> str:
    size = sum(file["bytes"] for file in facts["files"])
    stems = len(facts["files"]) - 1
    return f"{stems} stem{'s' if stems > 1 else ''} and the master, {size / 1e6:.1f} MB, all checks passed"


FORMATS = {
    "reference": _reference,
    "timing": _timing,
    "stem": _stem,
    "align": _align,
    "process": _process,
    "mix": _mix,
    "master": _loud,
    "archive": _archive,
}


def summarise(stage: str, facts: dict[str, Any]) -> str:
    """Return a stage's measurement in a few words, empty for a stage that measures nothing."""
    return FORMATS[stage](facts) if stage in FORMATS and facts else ""
