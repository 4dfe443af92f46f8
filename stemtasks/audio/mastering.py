"""The sound of the stage ``master``: the mix at the loudness asked for, its true peak under the ceiling.

The mix is read once for what a limiter needs to know of it (true peak and K-weighted energy of each 1/6 ms).
Gains are tried on that, not on the audio; the chosen one is rendered, and the file measured back.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log10
from pathlib import Path
from typing import Any, NamedTuple

from stemtasks.audio.blocks import Blocks
from stemtasks.audio.facts import Facts, decibels, read_facts, write_facts
from stemtasks.audio.levels import measure_levels
from stemtasks.audio.loudness import LOUDNESS, measure_levels_and_loudness
from stemtasks.audio.programme import Programme
from stemtasks.audio.source import Source
from stemtasks.audio.true_peak import OtherMeters, TruePeakMeter
from stemtasks.audio.wav import write_wav
from stemtasks.dsp.gain_stages import CLEAN, HARD, Manner
from stemtasks.dsp.limiter import MARGIN_DB
from stemtasks.links import link
from stemtasks.progress import whole


class Limiter(NamedTuple):
    """A limiter, and by how much it may turn peaks down."""

    name: str
    manner: Manner
    reduction_db: float


LIMITERS = (Limiter("clean", CLEAN, 12.0), Limiter("hard", HARD, 24.0))
"""The next one is for targets that one cannot reach."""
TOLERANCE_LU = 0.05
_MAX_RENDERS = 4
# a limiter mostly needs no more gain than this beyond what a mix that is not limited does
_LIFTED_DB = 3.0
# of noise up to the Nyquist frequency, yet other long meters than those that are tried may read so much more
_YET_OTHERS_DB = 0.03
# dither may lift a peak by as much, in 16 bits at the lowest ceiling that makes sense
_CLEAR_DB = 0.01


def master(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the master, its facts and its ``loudness`` over time.

    Where the target cannot be reached it is the closest, for ``verify`` to refuse.

    ``params["loudness_lufs"]`` None leaves the loudness as it is and only holds the ceiling; where nothing is left
    to do, the master is the mix by another name. With an input ``gain``, facts that have a ``gain_db``, the loudness
    asked is that plus the gain. A ``draft`` holds the ceiling by our meter alone.
    """
    mix_facts = read_facts(inputs["facts"])
    asked, ceiling = params["loudness_lufs"], params["ceiling_dbtp"]
    if "gain" in inputs and mix_facts["lufs"] is not None:
        asked = round((mix_facts["lufs"] if asked is None else asked) + read_facts(inputs["gain"])["gain_db"], 3)
    target = None if mix_facts["lufs"] is None else asked
    gain_db = 0.0 if target is None else target - mix_facts["lufs"]
    with Source(inputs["audio"]) as mix:

        def write(blocks: Blocks) -> Facts:
            form = params["subtype"], params["seed"], params["dither"]
            write_wav(outputs["audio"], blocks, mix.sample_rate, mix.channels, *form)
            whole(outputs["audio"])
            meter = TruePeakMeter(mix.sample_rate, mix.channels)
            facts = measure_levels_and_loudness(outputs["audio"], meter, outputs["loudness"])
            return facts | {"true_peak_dbtp": decibels(meter.finish())}

        def highest_dbtp(facts: Facts, path: Path = outputs["audio"]) -> float:
            return float(facts["true_peak_dbtp"]) if "draft" in params else _highest_dbtp(path, facts, ceiling)

        facts = None
        if mix_facts["peak_dbfs"] + gain_db <= ceiling - _CLEAR_DB:
            # what its samples leave room for is tried: only the file tells what is between them
            gain = 10 ** (gain_db / 20)
            if gain == 1.0 and params["subtype"] == mix.subtype:
                facts, made = _of_itself(mix, mix_facts), inputs
            else:
                facts, made = write(block * gain for block in mix.blocks()), outputs
            how = {"gain_db": round(gain_db, 3), "max_reduction_db": 0.0, "passes": 1, "at_limit": False}
            if facts["true_peak_dbtp"] > ceiling or highest_dbtp(facts, made["audio"]) > ceiling:
                facts = None
            elif made is inputs:
                for role in ("audio", "loudness"):
                    link(inputs[role], outputs[role])
        if facts is None:
            for limiter in LIMITERS:
                floor = _floor(mix_facts["peak_dbfs"] - limiter.reduction_db, gain_db, ceiling)
                with Programme(mix, limiter.manner, floor, Path(outputs["audio"]).parent) as programme:
                    limited = _limited(programme, limiter, write, highest_dbtp, target, gain_db, ceiling)
                if limited is not None:
                    facts, how = limited
                    break
    assert facts is not None
    how |= {"loudness_target": asked, "ceiling_dbtp": ceiling}
    write_facts(outputs["facts"], facts | {"master": how})


def _of_itself(mix: Source, mix_facts: Facts) -> Facts:
    """Return the facts of a master that is the mix: its loudness is known, its true peak is not."""
    meter = TruePeakMeter(mix.sample_rate, mix.channels)
    facts = {name: mix_facts[name] for name in LOUDNESS} | measure_levels(mix.path, meter)
    return facts | {"true_peak_dbtp": decibels(meter.finish())}


def _highest_dbtp(path: Path, facts: Facts, ceiling: float) -> float:
    """Return the highest that our meter or any other (``OtherMeters``) reads of a file, as far as above the ceiling."""
    with Source(path) as made:
        enough = 10 ** ((ceiling - _YET_OTHERS_DB) / 20)
        others = OtherMeters(made.channels, 10 ** (facts["true_peak_dbtp"] / 20), enough)
        for block in made.blocks():
            others(block)
    return float(max(facts["true_peak_dbtp"], decibels(others.finish()) + _YET_OTHERS_DB))


def _floor(lowest_dbfs: float, gain_db: float, ceiling: float) -> float:
    """Return a true peak that hardly a gain of this master lifts to the limiter's threshold; lower ones may wait.

    The limiter takes back some of the gain, and renders may lower the threshold, each by what the one before was over.
    With a loudness asked, what is further below the highest than the limiter may reduce, ``lowest_dbfs``, is never
    lifted to it.
    """
    return 10 ** (max(lowest_dbfs - 0.1, ceiling - MARGIN_DB - gain_db - _LIFTED_DB) / 20)


def _limited(
    programme: Programme,
    limiter: Limiter,
    write: Callable[[Blocks], Facts],
    highest_dbtp: Callable[[Facts], float],
    target: float | None,
    gain_db: float,
    ceiling: float,
) -> tuple[Facts, dict[str, Any]] | None:
    """Render through the limiter until loudness and ceiling hold on the file itself; return its facts and how.

    None where the target asks for more reduction than this limiter may give, and there is another.
    """
    limit_dbtp, correction, wanted_db, passes = ceiling - MARGIN_DB, 0.0, gain_db, 0
    while True:
        highest_db = limit_dbtp + limiter.reduction_db - 20 * log10(programme.true_peak)
        if target is not None:
            wanted_db = programme.gain_db_for(target + correction, wanted_db, highest_db, limit_dbtp)
            if wanted_db >= highest_db and limiter is not LIMITERS[-1]:
                return None
        facts = write(programme.rendered(wanted_db, limit_dbtp))
        passes += 1
        at_limit = target is not None and wanted_db >= highest_db
        error = 0.0 if target is None or at_limit or facts["lufs"] is None else target - facts["lufs"]
        over_db = highest_dbtp(facts) - ceiling
        if passes == _MAX_RENDERS or (abs(error) <= TOLERANCE_LU and over_db <= 0):
            break
        correction += error
        if over_db > 0:
            limit_dbtp -= over_db + 0.02
    reduction_db = 20 * log10(programme.true_peak) + wanted_db - limit_dbtp
    return facts, {
        "gain_db": round(wanted_db, 3),
        "max_reduction_db": round(max(0.0, reduction_db), 3),
        "passes": passes,
        "at_limit": at_limit,
        "limiter": limiter.name,
        "limiter_distortion_db": programme.distortion_db(wanted_db, limit_dbtp),
    }
