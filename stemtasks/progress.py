"""How far a running job is: the one thing a stage may tell while it works, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

on_frames: ContextVar[Callable[[int], None] | None] = ContextVar("on_frames", default=None)
"""Called with the count of frames written so far."""
