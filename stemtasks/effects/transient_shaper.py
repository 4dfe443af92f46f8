"""Transient shaper: more or less of each attack and of what follows it, whatever its level."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from stemtasks.audio.blocks import Block, Blocks, Stream, reblocked
from stemtasks.audio.keyed import CHUNK_FRAMES, noting
from stemtasks.dsp.ballistics import OnePole, Release
from stemtasks.dsp.gain_computer import amplitudes, decibels, loudest, times
from stemtasks.dsp.sliding import Held
from stemtasks.units import Fraction, Range

# a level is the highest of so long, so that no cycle of a note above 42 Hz is an attack
_PERIOD_MS = 12.0
_FLOOR = 10 ** (-90 / 20)
_FAST_ATTACK_MS, _FAST_RELEASE_MS, _SMOOTH_MS = 1.0, 10.0, 5.0
_FULL_DB = 6.0
"""The difference between two followers at which the whole gain is given."""


def transient_shaper(
    blocks: Blocks,
    stream: Stream,
    *,
    noted: dict[str, Any],
    attack_db: Annotated[float, Range(-24.0, 24.0, "dB")] = 6.0,
    sustain_db: Annotated[float, Range(-24.0, 24.0, "dB")] = 0.0,
    attack_ms: Annotated[float, Range(2.0, 200.0, "ms")] = 20.0,
    sustain_ms: Annotated[float, Range(20.0, 2000.0, "ms")] = 200.0,
    mix: Fraction = 1.0,
) -> Blocks:
    """Lift or lower attacks and decays by how two followers of the amplitude differ; latency 0, no tail.

    A follower that rises in 1 ms is above one that rises in ``attack_ms`` while a sound begins. One that falls in
    ``sustain_ms`` is above one that falls in 10 ms while it dies away. 6 dB between two is the whole gain, less is a
    share of it. What is steady is left as it is, and there is no threshold: loud and soft are treated alike, down to
    -90 dBFS. All channels are treated alike, by the loudest.

    Parameters
    ----------
    attack_db
        The gain where a sound begins.
    sustain_db
        The gain where a sound dies away.
    attack_ms
        The time constant of the slow follower: after a step from silence the whole gain lasts 0.7 of it, half of the
        gain 1.2.
    sustain_ms
        The time constant of the slow fall: how long a decay is followed.
    mix
        Share of the shaped signal; 0 is the input alone.
    """
    followers = _Followers(stream, attack_ms, sustain_ms)
    highest = lowest = 0.0
    with noting(noted, lambda: {"max_gain_db": round(highest, 2), "min_gain_db": round(lowest, 2)}):
        for block in reblocked(blocks, CHUNK_FRAMES):
            attack, sustain = followers(block)
            gain_db = attack * attack_db + sustain * sustain_db
            highest, lowest = max(highest, float(gain_db.max())), min(lowest, float(gain_db.min()))
            gains = amplitudes(gain_db)
            gains *= mix
            gains += 1.0 - mix
            yield times(block, gains)


class _Followers:
    """How much of a beginning and of a decay each frame is, 0 to 1."""

    def __init__(self, stream: Stream, attack_ms: float, sustain_ms: float) -> None:
        per_ms = stream.sample_rate / 1000
        self._held = Held(round(_PERIOD_MS * per_ms))
        self._short, self._long = Release(_FAST_RELEASE_MS * per_ms), Release(sustain_ms * per_ms)
        self._fast, self._slow = OnePole(_FAST_ATTACK_MS * per_ms), OnePole(attack_ms * per_ms)
        self._smooth, self._smooth_long = (OnePole(_SMOOTH_MS * per_ms) for _ in range(2))

    def __call__(self, block: Block) -> tuple[Block, Block]:
        """Return two arrays of shape (frames,)."""
        held = self._held(loudest(np.abs(block)))
        short, long = self._short(held), self._long(held)
        return _share(self._fast(short), self._slow(short)), _share(self._smooth_long(long), self._smooth(short))


def _share(higher: Block, lower: Block) -> Block:
    """Return what share of the whole gain one follower's lead over another is: 0 to 1."""
    lead = decibels((higher + _FLOOR) / (lower + _FLOOR))
    lead *= 1.0 / _FULL_DB
    return np.clip(lead, 0.0, 1.0, out=lead)
