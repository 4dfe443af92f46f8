"""Pictures of audio files, as the report shows them: a waveform as figures, a spectrogram as a PNG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemtasks.audio.facts import write_facts
from stemtasks.audio.picture import look_at
from stemtasks.report.png import png

SCALE = 1000
"""Of a waveform's figures, which are whole numbers: full scale."""


def picture_of(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return the waveform of a file as plain data, and its spectrogram as a PNG.

    ``highest``, ``lowest`` and ``rms`` have a list a channel of a figure a column, full scale being ``SCALE``.
    ``spectrogram_frames`` is how far the image reaches, which may be beyond the last of ``frames``.
    """
    seen = look_at(path)
    waveform = {
        "frames": seen.grid.frames,
        "column_frames": seen.grid.column_frames,
        "spectrogram_frames": seen.steps.shape[1] * seen.grid.span * seen.grid.cell_frames,
        **{
            name: (getattr(seen, name) * SCALE).clip(-SCALE, SCALE).round().astype(int).tolist()
            for name in ("highest", "lowest", "rms")
        },
    }
    return waveform, png(seen.steps)


def draw(inputs: dict[str, Path], outputs: dict[str, Path]) -> None:
    """Write the picture of ``inputs["audio"]``: ``outputs["spectrogram"]`` and, as facts, its waveform."""
    waveform, image = picture_of(inputs["audio"])
    outputs["spectrogram"].write_bytes(image)
    write_facts(outputs["facts"], waveform)
