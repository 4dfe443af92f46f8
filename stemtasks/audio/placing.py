"""The sound of the stage ``place``: a processed stem with the pan and the polarity that a match has found."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from stemtasks.audio.facts import read_facts, write_facts
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.source import Source
from stemtasks.audio.wav import write_wav
from stemtasks.dsp import pan


def place(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write ``inputs["audio"]`` balanced by the pan and times the polarity that ``inputs["found"]`` has, and its facts.

    These are the facts that it had (``inputs["facts"]``), measured anew, and ``match`` with what was found. A stem that
    is in the middle and not inverted stays as it is, byte for byte.
    """
    found = read_facts(inputs["found"])
    with Source(inputs["audio"]) as source:
        gains = found["polarity"] * (pan.balance(found["pan"]) if source.channels == 2 else np.ones(1))
        if np.all(gains == 1.0):
            shutil.copyfile(inputs["audio"], outputs["audio"])
        else:
            blocks = (pan.scaled(block, gains) for block in source.blocks())
            form = source.channels, params["subtype"], params["seed"], params["dither"]
            write_wav(outputs["audio"], blocks, source.sample_rate, *form)
    facts = read_facts(inputs["facts"]) | measure_levels(outputs["audio"]) | {"match": found}
    write_facts(outputs["facts"], facts)
