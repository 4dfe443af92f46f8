"""Tests, and how much of what hypothesis draws they try: ``STEMTASKS_FUZZ=40 pytest`` tries forty times as much."""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """Return how many examples to try where CI tries ``count``."""
    return count * int(os.environ.get("STEMTASKS_FUZZ", "1"))
