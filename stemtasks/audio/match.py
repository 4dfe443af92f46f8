"""The stage ``match``: what a rough mix says of each stem's fader, pan and polarity, and how well the stems explain it.

Where a compressor, a limiter or an equaliser was behind the rough mix, their part is found too, and left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.facts import Facts, read_facts, write_facts
from stemtasks.audio.kept import kept
from stemtasks.audio.rough_mix import RoughMix
from stemtasks.dsp.cells import BANDS_AN_OCTAVE, edges_hz
from stemtasks.dsp.faders import Faders, Values
from stemtasks.dsp.pan import balance_of
from stemtasks.timeline import Timeline

LEAST_DB, MOST_DB = -60.0, 40.0
"""A stem below this is not heard in the rough mix; one above is as good as silent by itself."""
SURE = 3.0
"""A gain of fewer of its own standard errors is none."""


def match(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write ``facts``, ``kept`` (lines for a spec) and ``match/NAME``: gain, pan and polarity of a stem that asks.

    ``inputs`` are ``reference``, ``timing``, and ``stems/NAME`` and ``align_facts/NAME`` of all stems. With
    ``params["places"]`` each stem has its pan and polarity; else its gain alone is of use, of both channels together.
    """
    stems = {role.partition("/")[2]: path for role, path in sorted(inputs.items()) if role.startswith("stems/")}
    timeline = Timeline.load(inputs["timing"])
    with RoughMix(stems, inputs["reference"], outputs["facts"].parent) as rough:
        found = rough.faders()
        facts = _facts(list(stems), rough, found, timeline)
    write_facts(outputs["facts"], facts)
    channels = {name: int(read_facts(inputs[f"align_facts/{name}"])["channels"]) for name in stems}
    text = kept(facts["stems"], params["pans"], channels, params["places"])
    outputs["kept"].write_text(text, encoding="utf-8")
    for name, each in facts["stems"].items():
        if f"match/{name}" in outputs:
            outputs[f"match/{name}"].parent.mkdir(exist_ok=True)
            place = {"pan": each["pan"], "polarity": each["polarity"], "gain_db": each["gain_db"]}
            alone = {"pan": 0.0, "polarity": 1, "gain_db": each["level_db"]}
            write_facts(outputs[f"match/{name}"], place if params["places"] else alone)


def _facts(names: list[str], rough: RoughMix, found: Faders, timeline: Timeline) -> Facts:
    residual, measured = found.residual.sum(axis=2), found.measured.sum(axis=2)
    levels_db = found.level_db + rough.window_levels_db - rough.overall_db
    weights = found.modelled.sum(axis=(1, 2))
    sections = []
    for section in timeline.sections:
        share = _shares(section.start_frame, section.end_frame, rough.window_frames, len(weights))
        level_db = float((share * weights * levels_db).sum() / max(float((share * weights).sum()), 1e-30))
        left = _ratio_db(float(share @ residual.sum(axis=1)), float(share @ measured.sum(axis=1)))
        sections.append({"name": section.name, "residual_db": left, "level_db": round(level_db, 2)})
    return {
        "stems": {name: _stem(stem, names, rough, found) for stem, name in enumerate(names)},
        "residual_db": _ratio_db(float(residual.sum()), float(measured.sum())),
        "bands": _bands(residual.sum(axis=0), measured.sum(axis=0), found, rough.sample_rate),
        "sections": sections,
    }


def _stem(stem: int, names: list[str], rough: RoughMix, found: Faders) -> Facts:
    gains, powers = found.gains[:, stem], found.powers[:, stem]
    loudest = int(np.abs(gains).argmax())
    gain, error = abs(float(gains[loudest])), float(found.errors[loudest, stem])
    level = float(np.sqrt((gains**2 * powers).sum() / max(float(powers.sum()), 1e-30)))
    alike = [names[other] for members in found.alike if stem in members for other in members if other != stem]
    facts: Facts = {
        "delay_ms": round(float(rough.delays[stem]) * 1000.0 / rough.sample_rate, 3),
        "independence": round(float(found.independence[stem]), 4),
        "error_db": None,
        "state": "alike" if alike else "heard",
        **({"alike": alike} if alike else {}),
    }
    if not powers.sum() > 0.0:
        return facts | {"gain_db": 0.0, "level_db": 0.0, "pan": 0.0, "polarity": 1, "state": "silent"}
    gain_db = _decibels(gain) + rough.overall_db
    if gain <= SURE * error or gain_db <= LEAST_DB:
        return facts | {"gain_db": LEAST_DB, "level_db": LEAST_DB, "pan": 0.0, "polarity": 1, "state": "not_heard"}
    level_db = max(_decibels(level) + rough.overall_db, LEAST_DB)
    return facts | {
        "gain_db": round(min(gain_db, MOST_DB), 2),
        "level_db": round(min(level_db, MOST_DB), 2),
        "error_db": round(_decibels(1.0 + error / gain), 3),
        "pan": round(balance_of(np.abs(gains)), 3) if len(gains) == 2 else 0.0,
        "polarity": -1 if gains[loudest] < 0.0 else 1,
    }


def _bands(residual: Values, measured: Values, found: Faders, sample_rate: int) -> list[Facts]:
    """Return for each octave what is left of it, and what a master has done to it; the lowest is all below."""
    edges = edges_hz(sample_rate)
    bands = []
    for first in range(1, len(residual), BANDS_AN_OCTAVE):
        inside = slice(0 if first == 1 else first, first + BANDS_AN_OCTAVE)
        tone_db = float(np.mean(20.0 * np.log10(np.abs(found.tone[inside]))))
        bands.append(
            {
                "from_hz": round(float(edges[inside.start])),
                "to_hz": round(float(edges[min(inside.stop, len(residual))])),
                "residual_db": _ratio_db(float(residual[inside].sum()), float(measured[inside].sum())),
                "tone_db": round(tone_db, 2),
            }
        )
    return bands


def _shares(start: int, end: int, window_frames: int, windows: int) -> Values:
    """Return the share of each window that lies between two frames."""
    begins = np.arange(windows) * window_frames
    inside = np.minimum(begins + window_frames, end) - np.maximum(begins, start)
    shares: Values = np.clip(inside / window_frames, 0.0, 1.0)
    return shares


def _decibels(gain: float) -> float:
    return 20.0 * float(np.log10(max(gain, 1e-12)))


def _ratio_db(part: float, whole: float) -> float | None:
    """Return a ratio of powers in dB, at least -100; None of nothing."""
    return None if whole <= 0.0 else round(10.0 * float(np.log10(max(part / whole, 1e-10))), 2)
