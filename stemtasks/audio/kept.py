"""What a match has found as lines of a spec, to be kept in place of the match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stemtasks.audio.facts import Facts
from stemtasks.dsp.pan import balance, balance_of, constant_power, constant_power_of

if TYPE_CHECKING:
    from stemtasks.automation import Number

HEAD = """\
# What the match with the reference has found. These lines in the spec keep it, in place of match and level there.
# A fader that the spec has already is added to the one here; a pan here replaces the spec's.
"""
INVERT = '{ name = "gain", gain_db = 0, invert = true }'


def kept(found: dict[str, Facts], pans: dict[str, Number], channels: dict[str, int], places: bool) -> str:
    """Return TOML: the faders, and with ``places`` the pan of each stem that has moved, and the effect that inverts it.

    ``pans`` are the spec's and ``channels`` those of the aligned stems, by which they are panned. Of a pan that changes
    along the song a comment says what was found behind it.
    """
    gains_db, tables = {}, []
    for name, each in found.items():
        if not places:
            gains_db[name] = each["level_db"]
            continue
        before, more_db, lines = pans[name], 0.0, list[str]()
        if isinstance(before, dict):
            lines += [f"# its pan, which changes, balanced by {each['pan']:g} behind that"] if each["pan"] else []
        else:
            pan, more_db = _placed(each["pan"], before, channels[name])
            lines += [f"pan = {pan:g}"] if abs(pan - before) >= 0.0005 else []
        gains_db[name] = round(each["gain_db"] + more_db, 2)
        if each["polarity"] < 0:
            lines.append(f"# last of its effects: {INVERT}")
        if lines:
            tables.append("\n".join([f"[stems.{name}]", *lines]))
    faders = "\n".join(["[mix.gains_db]", *(f"{name} = {gain_db:g}" for name, gain_db in gains_db.items())])
    return "\n".join([HEAD, faders, *(f"\n{table}" for table in tables)]) + "\n"


def _placed(found: float, pan: float, channels: int) -> tuple[float, float]:
    """Return the pan that does what ``pan`` and then a balance of ``found`` do, and the gain in dB that it needs."""
    if not found:
        return pan, 0.0
    gains = (constant_power(pan) if channels == 1 else balance(pan)) * balance(found)
    of, law = (constant_power_of, constant_power) if channels == 1 else (balance_of, balance)
    position = round(of(gains), 3)
    loudest = int(gains.argmax())
    more_db: Any = 20.0 * np.log10(gains[loudest] / law(position)[loudest])
    return position, float(more_db)
