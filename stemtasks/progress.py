"""What a stage may tell while it works, without knowing who listens: how far it is, and what it has started."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

on_frames: ContextVar[Callable[[int], None] | None] = ContextVar("on_frames", default=None)
"""Called with the count of frames written so far."""

on_final: ContextVar[Callable[[Path, int], None] | None] = ContextVar("on_final", default=None)
"""Called with an output and how many of its first bytes will not change: they can be read while the rest is written."""

process_groups: set[int] = set()
"""Process groups that jobs of this process have started and not ended, to be killed with it."""
