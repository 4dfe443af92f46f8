"""A small song of three stems that many tests build: its spec and its tasks.

Its rate is about the least with which the song does not fit into one block.
"""

from __future__ import annotations

from tests.pipeline import all_after, tasks_of

SPEC = """
[song]
bpm = 120
sample_rate = 9000
key = "G major"

[reference]
duration = "8 bars"

[[sections]]
name = "verse"
bars = 4

[[sections]]
name = "chorus"
bars = 4

[stems.bass]
generator = "tone"
note = "A2"
effects = [{ name = "lowpass", cutoff_hz = 800 }, { name = "delay", beats = 0.5 }]

[stems.drums]
generator = "drums"
duration = "2 bars"
align = "loop"
[stems.drums.patterns.default]
kick = "x...x...x...x..."
closed_hat = "x.x."

[stems.pad]
generator = "tone"
note = "E4"
duration = 10.0
align = "crossfade"
gain_db = -6
effects = [{ name = "highpass", cutoff_hz = 100 }]

[verify]
dc_offset = 0.02
"""

STEMS = ("bass", "drums", "pad")
ALL = tasks_of("song", STEMS)


def after(*tasks: str, spec: str = SPEC) -> list[str]:
    """Return some tasks and all that are made of what they make, sorted."""
    return all_after(spec, *tasks)
