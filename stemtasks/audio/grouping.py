"""The sound of the stage ``group``: stems and what is sent, summed, through the group's effects, gain and pan."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from stemtasks.audio.adding import check_alike, sum_of
from stemtasks.audio.chain import through_strip
from stemtasks.audio.facts import read_facts, write_facts
from stemtasks.audio.matched import with_match
from stemtasks.audio.source import Source
from stemtasks.dsp.level import amplitude


def group(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write what ``process`` does of the sum of ``inputs["sum/0"]``, ``sum/1`` and so on.

    ``params["summed"]`` says of each what it is of and its gain; the facts repeat it.
    """
    summed = [{**each, "gain_db": _gain_db(each, inputs)} for each in params["summed"]]
    gains = {f"sum/{place}": amplitude(each["gain_db"]) for place, each in enumerate(summed)}
    with ExitStack() as stack:
        sources = {role: stack.enter_context(Source(inputs[role])) for role in gains}
        check_alike(sources, params)
        frames, channels = next(iter(sources.values())).frames, params["channels"]
        through_strip(sum_of(sources, gains), channels, channels, frames, inputs, outputs, params)
    write_facts(outputs["facts"], read_facts(outputs["facts"]) | {"summed": summed})


def _gain_db(each: dict[str, Any], inputs: dict[str, Path]) -> float:
    """Return the gain of what is summed; what is sent is sent as loud whatever its fader does."""
    gain_db: float = each["gain_db"]
    return gain_db if "send" in each else with_match({each["of"]: gain_db}, inputs)[each["of"]]
