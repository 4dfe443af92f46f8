"""Importing this is all there is to do: from then on a signal ends the process with a line, not with a traceback."""

from __future__ import annotations

from stemtasks.commands import signals

signals.on_signal(lambda: "stopped before any task was run: run doit again")
