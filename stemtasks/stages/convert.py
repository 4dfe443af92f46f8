"""Convert: a stem, the mix or the master in the form that a delivery asks for: sample rate, subtype and format."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks.audio.facts import level
from stemtasks.audio.limits import failures
from stemtasks.job import Job
from stemtasks.spec import schema
from stemtasks.spec.deliveries import PREMASTER, converted_file, master_file
from stemtasks.spec.outside import outside
from stemtasks.spec.tables import FilesTable

if TYPE_CHECKING:
    from stemtasks.spec.deliveries import Converted
    from stemtasks.spec.song import Song

ENCODE = "stemtasks.audio.lossy_master:lossy_master"
"""A part, so that a limiter is in the keys of those files alone that are limited again."""
PROGRAM = "stemtasks.audio.commanded:commanded"
COMMAND = schema.of_table(FilesTable).only("encode", "command")
LOSSY_RESIDUAL_DB = -3.0
"""What an encoder leaves out lies below this; a file that is late, or inverted, or another's, is above."""
MEASURES = {"stems": "levels", "mix": "loudness", PREMASTER: "loudness", "master": "master", "previews": "master"}


def job(song: Song, converted: Converted) -> Job:
    """Return what one file of a delivery is made of; its name is in no key, so that two deliveries share a file."""
    delivery, part, form, stem = converted.delivery, converted.part, converted.form, converted.stem
    names = (part,) if stem is None else (part, stem.name)
    outputs = converted_file(song, delivery, form, *names)
    dither = song.dither_of(form.subtype)
    params: dict[str, Any] = {
        "format": form.format,
        "subtype": form.subtype,
        "sample_rate": form.sample_rate,
        "dither": dither,
        "seed": 0 if dither == "off" else song.seed("convert", *names),
        "measure": MEASURES[part],
    }
    encode: dict[str, str] = {}
    if part == "stems":
        inputs = {"audio": song.processed(names[-1])["audio"]}
        limits = song.delivered_limits(delivery, part, stem)
    elif part in ("master", "previews"):
        master = master_file(song, delivery)
        inputs = {"audio": master["audio"]}
        limits = song.delivered_limits(delivery, part)
        if form.is_lossy:
            inputs = master
            params |= {"loudness_lufs": song.loudness_of(delivery), "ceiling_dbtp": song.ceiling_of(delivery)}
            encode = {"encode": ENCODE}
    else:
        inputs = {"audio": f"{song.premaster if part == PREMASTER else song.product('mix')}.wav"}
        limits = {**song.mix_limits, **delivery.verify, "subtype": form.told, "sample_rate": form.sample_rate}
        if part == PREMASTER:
            outputs["loudness"] = outputs["facts"].replace(".json", ".loudness.json")
    if form.format == "command":
        encode["program"] = PROGRAM
        inputs = dict(inputs)
        for what in ("encode", "decode"):
            found = outside(song, COMMAND, {"command": list(getattr(form, what))})
            inputs |= {f"{what}/{role}": path for role, path in found.inputs.items()}
            params |= {what: found.arguments["command"], f"{what}_packages": found.packages, "told": form.told}
            if found.mistake:
                params["mistake"] = found.mistake
    return Job(
        task=f"convert:{delivery.called(song, converted.name)}",
        stage="convert",
        inputs=inputs,
        outputs=outputs,
        params=params,
        limits=limits | {"format": form.format, "fader": "gain_db" if part == "stems" else "mix.gain_db"},
        parts=encode,
        where=delivery.where(song),
    )


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the file, what it measures and how far it is from what it was made of."""
    from stemtasks.audio.converting import convert
    from stemtasks.errors import SpecError

    if "mistake" in params:
        raise SpecError(params["mistake"])
    convert(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits: the format, the length, the levels, and the distance from the source."""
    source = facts["source"]
    found = failures(facts, {**limits, "frames": source["frames"]})
    if facts["format"] != limits["format"]:
        found.append(f"its format is {facts['format']}, expected {limits['format']}")
    if facts["overs"]:
        over_db, what = facts["peak_before_dbfs"], "MP3" if facts["format"] == "mp3" else facts["subtype"]
        found.append(
            f"at {facts['sample_rate']} Hz it peaks at {over_db:+.2f} dBFS and {what} clips "
            f"{facts['overs']} samples: lower {limits['fader']} by {max(0.1, ceil(over_db * 10) / 10):.1f} dB, or "
            'deliver it as { format = "wav", subtype = "FLOAT" }'
        )
    elif source["residual_dbfs"] is not None and source["residual_dbfs"] > source["max_residual_dbfs"]:
        found.append(
            f"it differs from its source by {source['residual_dbfs']} dBFS, rounding explains "
            f"{source['max_residual_dbfs']}"
        )
    changed_db = source["residual_db"]
    if source["residual_dbfs"] is None and changed_db is not None and changed_db > LOSSY_RESIDUAL_DB:
        found.append(
            f"what the encoder changed is {changed_db} dB from the sound, {LOSSY_RESIDUAL_DB} is allowed: "
            "deliver it as flac or wav"
        )
    return found + _master_failures(facts, limits)


def _master_failures(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return how a master as it is delivered misses its loudness or its ceiling."""
    found = []
    target, ceiling, tolerance = (
        limits.get(name) for name in ("loudness_lufs", "ceiling_dbtp", "loudness_tolerance_lu")
    )
    if target is not None and (facts["lufs"] is None or abs(facts["lufs"] - target) > tolerance):
        found.append(f"its loudness is {facts['lufs']} LUFS as it is decoded, {target} within {tolerance} LU is asked")
    if ceiling is not None and facts["true_peak_dbtp"] > ceiling:
        found.append(f"its true peak is {facts['true_peak_dbtp']} dBTP as it is decoded, the ceiling is {ceiling}")
    if found:
        found[-1] += ": lower loudness_lufs or deliver it as flac"
    return found


def summary(facts: dict[str, Any]) -> str:
    """Return the form, and what matters of it."""
    form = facts["subtype"] if facts["format"] == "command" else f"{facts['format']} {facts['subtype']}"
    said = f"{facts['sample_rate']} Hz, {form}, {facts['frames']} frames"
    if "true_peak_dbtp" in facts:
        return f"{said}, {level(facts['lufs'], 'LUFS')}, {level(facts['true_peak_dbtp'], 'dBTP')}"
    residual_dbfs, residual_db = facts["source"]["residual_dbfs"], facts["source"]["residual_db"]
    if residual_dbfs is None:
        return f"{said}, difference from the source {residual_db} dB"
    return said if residual_dbfs <= -200 else f"{said}, within {residual_dbfs:.1f} dBFS of the source"
