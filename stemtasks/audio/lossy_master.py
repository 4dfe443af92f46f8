"""A master that loses in its encoding, which moves its peaks: it is limited anew until it is right as decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemtasks.audio.converting import Encoder
from stemtasks.audio.facts import read_facts
from stemtasks.audio.mastering import master

_MOST_ENCODINGS = 5
_CLEAR_DB = 0.05
"""How far below what was over the next try is."""
_TOLERANCE_LU = 0.1
"""An encoder leaves out the highest frequencies, which noise is louder by."""


def lossy_master(
    inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any], encoder: Encoder
) -> tuple[Path, dict[str, Any]]:
    """Write ``audio`` of the WAV master, and return the WAV that it was encoded from and how it was made.

    Where the true peak of what is decoded is above ``params["ceiling_dbtp"]``, or its loudness off by more than 0.1 LU,
    the master is limited anew by as much and encoded again. What stays wrong is for ``verify``.
    """
    folder, source = outputs["audio"].parent, inputs["audio"]
    ceiling = limit = params["ceiling_dbtp"]
    limited = {role: folder / f"limited.{ending}" for role, ending in (("audio", "wav"), ("facts", "json"))}
    limited["loudness"] = folder / "limited.loudness.json"
    asked, wanted = params["loudness_lufs"], params["loudness_lufs"]
    for encodings in range(1, _MOST_ENCODINGS + 1):
        encoder.write(source)
        facts = encoder.measured("master")
        over_db = facts["true_peak_dbtp"] - ceiling
        off_lu = 0.0 if asked is None or facts["lufs"] is None else asked - facts["lufs"]
        if (over_db <= 0 and abs(off_lu) <= _TOLERANCE_LU) or encodings == _MOST_ENCODINGS:
            break
        if over_db > 0:
            # a master ends a little below its ceiling, and a limit above its peaks would change nothing
            reached = read_facts(inputs["facts"] if encodings == 1 else limited["facts"])["true_peak_dbtp"]
            limit = min(limit, reached) - over_db - _CLEAR_DB
        wanted = None if asked is None else wanted + off_lu
        form = {"loudness_lufs": wanted, "ceiling_dbtp": limit, "subtype": "FLOAT"}
        for path in limited.values():
            path.unlink(missing_ok=True)
        master(inputs, limited, form | {"dither": "off", "seed": params["seed"]})
        source = limited["audio"]
    for role in ("facts", "loudness"):
        limited[role].unlink(missing_ok=True)
    return source, {"encoded": {"passes": encodings, "limited_dbtp": round(limit, 3)}}
