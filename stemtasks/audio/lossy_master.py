"""A master that loses in its encoding, which moves its peaks: it is limited anew until the ceiling holds as decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemtasks.audio.converting import measured, write
from stemtasks.audio.mastering import master

_MOST_ENCODINGS = 5
_CLEAR_DB = 0.05
"""How far below what was over the next try is."""


def lossy_master(
    inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]
) -> tuple[Path, dict[str, Any]]:
    """Write ``audio`` of the WAV master, and return the WAV that it was encoded from and how it was made.

    Where the true peak of what is decoded is above ``params["ceiling_dbtp"]``, the master is limited lower by as much,
    at its loudness, and encoded again. What stays above is for ``verify``.
    """
    folder, source = outputs["audio"].parent, inputs["audio"]
    ceiling = limit = params["ceiling_dbtp"]
    limited = {role: folder / f"limited.{ending}" for role, ending in (("audio", "wav"), ("facts", "json"))}
    limited["loudness"] = folder / "limited.loudness.json"
    for encodings in range(1, _MOST_ENCODINGS + 1):
        write(source, outputs["audio"], params)
        over_db = measured(outputs["audio"], "master")["true_peak_dbtp"] - ceiling
        if over_db <= 0 or encodings == _MOST_ENCODINGS:
            break
        limit -= over_db + _CLEAR_DB
        form = {"loudness_lufs": params["loudness_lufs"], "ceiling_dbtp": limit, "subtype": "FLOAT"}
        for path in limited.values():
            path.unlink(missing_ok=True)
        master(inputs, limited, form | {"dither": "off", "seed": params["seed"]})
        source = limited["audio"]
    return source, {"encoded": {"passes": encodings, "limited_dbtp": round(limit, 3)}}
