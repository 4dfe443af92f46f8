"""Archive: the last checks of every file, then one zip of stems, master, and what the delivery formats write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemtasks import sources
from stemtasks.audio.as_written import mix_failures, stem_failures
from stemtasks.audio.in_time import is_found, sync_failures
from stemtasks.audio.limits import failures
from stemtasks.delivery.enclosed_report import NAME as REPORT
from stemtasks.delivery.names import archive_name, file_names, folder_name
from stemtasks.job import Job
from stemtasks.spec import parts
from stemtasks.spec.deliveries import delivered_file, is_converted
from stemtasks.spec.groups import Group, outside_of
from stemtasks.stages.process import WITHOUT_NOTES

if TYPE_CHECKING:
    from stemtasks.spec.deliveries import Delivery
    from stemtasks.spec.song import Song, Stem

CORRECT_STEMS = "correct its stems with align = { sync = true }"
MADE_BY_STAGES = ("stem", "align", "process", "mix", "master")
CONVERTED_BY = "convert"
SUMMING = "stemtasks.audio.delivered_sum:delivered_sum"
"""A part, so that it is in the keys of deliveries alone whose files are not the song's."""


def job(song: Song, delivery: Delivery) -> Job:
    """Return what the archive is made of, the song's own or that of a delivery.

    Where the reference is a file, the mix and the master are looked for in it before anything is zipped.
    """
    own = delivery.is_the_songs
    stems = song.delivered(delivery.groups) if own or "stems" in delivery.forms else ()
    inputs = {
        "mix": song.product("mix.wav"),
        "mix_facts": song.product("mix.json"),
        "timing": song.product("timing.json"),
    }
    if own or "master" in delivery.forms:
        master = song.audio("master") if own else delivered_file(song, delivery, "master")
        inputs |= {"master": master["audio"], "master_facts": master["facts"]}
    if "previews" in delivery.forms:
        preview = delivered_file(song, delivery, "previews")
        inputs |= {"previews": preview["audio"], "previews_facts": preview["facts"]}
    if "mix" in delivery.forms:
        mix = delivered_file(song, delivery, "mix")
        inputs |= {"delivered_mix": mix["audio"], "delivered_mix_facts": mix["facts"]}
    for stem in stems:
        made = song.processed(stem.name) if own else delivered_file(song, delivery, "stems", stem)
        inputs[f"stems/{stem.name}"] = made["audio"]
        inputs[f"facts/{stem.name}"] = made["facts"]
        if not isinstance(stem, Group):
            inputs[f"align_facts/{stem.name}"] = song.product("aligned", f"{stem.name}.json")
    if song.has_report(delivery):
        inputs["report"] = song.product("report.html")
    if song.reference.file is not None:
        inputs["reference"] = song.input(song.reference.file)
        inputs |= song.found_by_match(strip.name for strip in song.handed(delivery.groups))
        inputs |= {
            f"sync/{stem.name}": song.product("sync", f"{stem.name}.json")
            for stem in stems
            if not isinstance(stem, Group)
        }
    params = {
        **song.archive_params(delivery),
        "channels": song.song.channels,
        "stems": {stem.name: stem.described for stem in stems},
        "has_notes": {stem.name: stem.kind not in WITHOUT_NOTES for stem in stems},
        "gains_db": song.handed_gains_db(delivery.groups),
        "loudness_lufs": song.loudness_lufs if own else song.loudness_of(delivery),
        "ceiling_dbtp": song.master.ceiling_dbtp if own else song.ceiling_of(delivery),
        "formats": [{"format": each.name, "arguments": each.arguments} for each in delivery.formats],
        "wav_chunks": list(song.wav_chunks),
        "made_by": _made_by(song, delivery),
    }
    facts = song.product("archive.json") if own else song.product("deliveries", delivery.name, "archive.json")
    outputs = {"archive": song.product(archive_name(params)), "facts": facts}
    if delivery.table.container == "folder":
        report = [REPORT] if song.has_report(delivery) else []
        params["names"] = [*file_names(params).values(), *report, *delivery.written]
        places = {f"file{place:03}": name for place, name in enumerate(params["names"])}
        outputs = {role: song.product(folder_name(params), name) for role, name in places.items()} | {"facts": facts}
    withheld = [strip.name for strip in song.handed(delivery.groups) if not strip.table.deliver]
    if withheld:
        params["withheld"] = withheld
    if outside := outside_of(song, delivery.groups):
        params["not_in_stems"] = outside
    summing: dict[str, str] = {}
    if stems and not outside and _sums_again(song, delivery):
        summing = {"sum": SUMMING}
        inputs |= {f"withheld/{name}": song.processed(name)["audio"] for name in withheld}
        if rounded := song.rounded(delivery.groups):
            params["rounded"] = rounded
    return Job(
        task=f"archive:{song.called(delivery.name)}",
        stage="archive",
        inputs=inputs,
        outputs=outputs,
        params=params,
        limits=_limits(song, delivery, stems),
        parts={f"delivery/{each.name}": each.reference for each in delivery.formats} | summing,
        where=song.where("archive" if own else f"deliveries.{delivery.name}"),
    )


def _sums_again(song: Song, delivery: Delivery) -> bool:
    """Return whether the files are not those that the mix was summed of, and might be."""
    if delivery.is_the_songs or not is_converted(song, delivery, "stems"):
        return bool(song.groups) and not delivery.groups
    return not delivery.forms["stems"].is_lossy


def _limits(song: Song, delivery: Delivery, stems: tuple[Stem | Group, ...]) -> dict[str, Any]:
    if delivery.is_the_songs:
        held = {stem.name: song.processed_limits(stem) for stem in stems}
        return {"mix": song.mix_limits, "master": song.master_limits, "stems": held}
    limits = {
        "mix": song.mix_limits | delivery.verify,
        "stems": {stem.name: song.delivered_limits(delivery, "stems", stem) for stem in stems},
    }
    for part, name in (("master", "master"), ("mix", "delivered_mix"), ("previews", "previews")):
        if part in delivery.forms:
            limits[name] = song.delivered_limits(delivery, part)
    return limits


def _made_by(song: Song, delivery: Delivery) -> dict[str, str]:
    """Return the versions of the libraries that made the song's sound, and a digest of the sources of this stage.

    Not the version of this package: it would build every archive anew and change nothing in it.
    """
    named = [part for stem in song.stems for part in (stem.generator, stem.align)]
    named += [effect for _, effect in song.effects()]
    modules = frozenset(part.reference.partition(":")[0] for part in named)
    made = [*MADE_BY_STAGES, *([] if delivery.is_the_songs else [CONVERTED_BY])]
    made += ["group"] * bool(song.groups) + ["premaster"] * bool(song.master_effects)
    made += ["match"] * bool(song.matched) + ["place"] * bool(song.mix.match)
    stages = frozenset(parts.stage(stage, "run") for stage in made)
    own = sources.digest(frozenset([parts.stage("archive", "run")]))
    return {"stemtasks": f"sources {own[:12]}", **sources.versions(stages | modules)}


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Write the zip, and what it holds as its facts."""
    from stemtasks.delivery.zipped import write_archive

    write_archive(inputs, outputs, params)


def verify(facts: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits in any file of the archive, a phrase each that starts with the file.

    ``limits`` has those of ``mix``, ``master`` and, by name, ``stems``; ``delivered_mix`` where the mix is delivered.
    """
    found = []
    for file in facts["files"]:
        name, held = _held(file, limits)
        phrases = failures(file["measurements"], held)
        if file["role"] == "stem":
            phrases += stem_failures(file.get("sections", []), held)
        if file["role"] == "master":
            phrases += sync_failures(file.get("sync"), held, CORRECT_STEMS)
        if file["role"] in ("master", "preview"):
            phrases += _loudness_failures(file, held)
        found += [f"{name}: {phrase}" for phrase in phrases]
    mix = failures(facts["mix"]["measurements"], limits["mix"])
    mix += sync_failures(facts["mix"].get("sync"), limits["mix"], CORRECT_STEMS)
    mix += mix_failures(facts["mix"]["sections"], limits["mix"])
    return found + [f"mix: {phrase}" for phrase in mix] + _sum_failures(facts.get("delivered_sum"))


def _held(file: dict[str, Any], limits: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what messages call a file, and its limits."""
    if file["role"] == "stem":
        return f"stem {file['stem']}", limits["stems"][file["stem"]]
    said = {"master": "master", "mix": "delivered mix", "preview": "preview"}[file["role"]]
    return said, limits.get({"delivered mix": "delivered_mix", "preview": "previews"}.get(said, said), {})


def _sum_failures(summed: dict[str, Any] | None) -> list[str]:
    """Return whether the stems as they are delivered are further from the mix than their rounding explains."""
    if summed is None or summed["residual_dbfs"] <= summed["max_residual_dbfs"]:
        return []
    most = summed["max_residual_dbfs"]
    return [f"the delivered stems sum to the mix within {summed['residual_dbfs']} dBFS, rounding explains {most}"]


def _loudness_failures(master: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    facts, wanted, ceiling = master["measurements"], master["loudness_lufs"], master["ceiling_dbtp"]
    found = []
    if wanted is not None and (facts["lufs"] is None or abs(facts["lufs"] - wanted) > limits["loudness_tolerance_lu"]):
        tolerance = limits["loudness_tolerance_lu"]
        found.append(f"its loudness is {facts['lufs']} LUFS, {wanted} within {tolerance} LU is asked")
    if facts["true_peak_dbtp"] > ceiling:
        found.append(f"its true peak is {facts['true_peak_dbtp']} dBTP, the ceiling is {ceiling}")
    return found


def summary(facts: dict[str, Any]) -> str:
    """Return how much is delivered, and how many of the files were found in the reference, and so judged by it."""
    size = sum(file["bytes"] for file in facts["files"])
    stems = sum(file["role"] == "stem" for file in facts["files"])
    held = [f"{stems} stem{'s' if stems > 1 else ''}"] if stems else []
    held += [
        f"the {role}" for role in ("mix", "master", "preview") if any(file["role"] == role for file in facts["files"])
    ]
    looked = [file["sync"] for file in facts["files"] if "sync" in file]
    found = [abs(sync["offset_ms"]) for sync in looked if is_found(sync)]
    in_time = ""
    if found:
        in_time = f", {len(found)} of {len(looked)} found in the reference within {max(found):.2f} ms"
    elif looked:
        in_time = ", sync not judged (none of it is found in the reference)"
    return f"{_listed(held)}, {size / 1e6:.1f} MB, all checks passed{in_time}"


def _listed(words: list[str]) -> str:
    """Return words as a person lists them: 'a, b and c'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
