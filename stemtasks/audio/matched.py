"""What a match with a rough mix has found of single stems, where their gains are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stemtasks.audio.facts import read_facts


def with_match(gains_db: Mapping[str, float], inputs: Mapping[str, Path]) -> dict[str, float]:
    """Return the gains of stems by name with those that ``inputs["match/NAME"]`` have, where there are some."""
    return {
        name: round(gain_db + float(read_facts(inputs[f"match/{name}"])["gain_db"]), 6)
        if f"match/{name}" in inputs
        else gain_db
        for name, gain_db in gains_db.items()
    }
