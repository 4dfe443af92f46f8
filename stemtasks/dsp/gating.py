"""When a gate is open: from a level that reaches its threshold until one that has stayed below another for a while."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]
Mask = NDArray[np.bool_]

_NEVER = -(1 << 62)


class Gating:
    """A gate's state, group by group; it begins shut.

    It opens at ``open_db``. It shuts where the level has been below ``shut_db`` for more than ``hold`` frames. That it
    is open says that it opened later than it last shut, which is three running maxima of frames' numbers.
    """

    def __init__(self, open_db: float, shut_db: float, hold: int) -> None:
        self._open_db, self._shut_db, self._hold = open_db, shut_db, hold
        self._loud = self._opened = self._shut = _NEVER

    def __call__(self, level_db: Samples) -> Mask:
        """Return whether the gate is open: shape (frames,)."""
        frame = np.arange(len(level_db))
        loud = _last(frame, level_db >= self._shut_db, self._loud)
        opened = _last(frame, level_db >= self._open_db, self._opened)
        shut = _last(frame, frame - loud > self._hold, self._shut)
        self._loud, self._opened, self._shut = (
            max(_NEVER, int(last[-1]) - len(level_db)) for last in (loud, opened, shut)
        )
        is_open: Mask = opened > shut
        return is_open


def _last(frame: NDArray[np.int64], holds: Mask, before: int) -> NDArray[np.int64]:
    """Return the number of the last frame up to each where something holds, those before the group being negative."""
    found = np.where(holds, frame, _NEVER)
    found[0] = max(found[0], before)
    return np.maximum.accumulate(found, out=found)
