"""Make-style incremental builds for audio."""

from stemtasks import loading  # noqa: F401 - first, so that all others are loaded by it
