"""The archive: the last checks of every file, then one zip of stems, master, manifest, track sheet and checksums.

The zip is stored, not deflated (float audio shrinks by 8 % for 40 times the time), and is the same bytes for
the same inputs: members in a fixed order, one fixed date and mode, nothing in it of the clock or the machine.
"""

from __future__ import annotations

import json
import stat
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

from stemtasks.audio.levels import Facts, failures
from stemtasks.audio.source import Source
from stemtasks.delivery.manifest import SUM_RESIDUAL_DBFS, as_json, manifest
from stemtasks.delivery.names import file_names, folder_name
from stemtasks.delivery.track_sheet import track_sheet
from stemtasks.errors import AudioError, VerificationError
from stemtasks.progress import on_final, on_frames
from stemtasks.timeline import Timeline

COPY_BYTES = 1 << 20
DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say


def run(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Check that the files belong together, then write ``outputs["archive"]`` and its manifest.

    The manifest stands beside the zip too, as its facts: ``verify`` holds every file's measurements in it
    against the limits before the zip gets its name. ``inputs`` are ``stems/NAME``, ``facts/NAME``, ``master``,
    ``master_facts``, ``mix``, ``mix_facts`` and ``timing``; with ``align_facts/NAME``, the facts of the aligned
    stem, the manifest says which strategy was chosen and why. ``params["sha256"]`` has the inputs' digests.
    Raises VerificationError with all that is wrong, in one line, before a byte is written.
    """
    timeline = Timeline.load(inputs["timing"])
    facts = {name: _stem_facts(inputs, name) for name in sorted(params["stems"])}
    master, mix = _facts(inputs["master_facts"]), _facts(inputs["mix_facts"])
    wrong = _failures(inputs, facts, master, mix, timeline, params)
    if wrong:
        raise VerificationError("nothing is delivered: " + "; ".join(wrong))
    names = file_names(params)
    roles = {names[stem]: f"stems/{stem}" for stem in facts} | {names[None]: "master"}
    sources = {name: inputs[role] for name, role in roles.items()}
    try:
        with (
            outputs["archive"].open("wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive,
        ):
            folder = folder_name(params)
            _copy(file, archive, folder, sources, timeline.delivered_frames)
            digests = {
                name: {"sha256": params["sha256"][role], "bytes": inputs[role].stat().st_size}
                for name, role in roles.items()
            }
            written = manifest(facts, master, mix, timeline, params, names, digests)
            outputs["facts"].write_text(as_json(written), encoding="utf-8")
            texts = {"manifest.json": as_json(written), "TrackSheet.txt": track_sheet(written)}
            sums = {name: entry["sha256"] for name, entry in digests.items()}
            sums |= {name: sha256(text.encode()).hexdigest() for name, text in texts.items()}
            texts["SHA256SUMS"] = "".join(f"{digest}  {name}\n" for name, digest in sums.items())
            for name, text in texts.items():
                archive.writestr(_member(folder, name), text.encode())
    except BaseException:
        # zipfile closes an interrupted archive into a whole one that lacks files
        outputs["archive"].unlink(missing_ok=True)
        raise


def verify(facts: Facts, limits: dict[str, Any]) -> list[str]:
    """Return what is outside the limits in any file of the manifest, a phrase each that starts with the file.

    ``limits`` has those of ``mix``, ``master`` and, by name, ``stems``.
    """
    found = []
    for file in facts["files"]:
        master = file["role"] == "master"
        name = "master" if master else f"stem {file['stem']}"
        held = limits["master"] if master else limits["stems"][file["stem"]]
        phrases = failures(file["measurements"], held)
        found += [f"{name}: {phrase}" for phrase in phrases + (_loudness_failures(file, held) if master else [])]
    return found + [f"mix: {phrase}" for phrase in failures(facts["mix"]["measurements"], limits["mix"])]


def _failures(
    inputs: dict[str, Path], stems: dict[str, Facts], master: Facts, mix: Facts, timeline: Timeline, params: Any
) -> list[str]:
    """Return what is not as it must be whatever the limits, a phrase each that starts with the file."""
    form = {
        "frames": timeline.delivered_frames,
        "sample_rate": params["sample_rate"],
        "channels": params["channels"],
        "subtype": params["subtype"],
    }
    found = []
    for name, facts in stems.items():
        phrases = failures(facts, form) + _disagreements(inputs[f"stems/{name}"], facts)
        found += [f"stem {name}: {phrase}" for phrase in phrases]
    phrases = failures(mix, form | {"subtype": "FLOAT"}) + _disagreements(inputs["mix"], mix)
    found += [f"mix: {phrase}" for phrase in phrases + _sum_failures(mix)]
    phrases = failures(master, form) + _disagreements(inputs["master"], master)
    phrases += [
        f"its {what} was not measured ({key})"
        for what, key in (("loudness", "lufs"), ("true peak", "true_peak_dbtp"))
        if master.get(key) is None
    ]
    return found + [f"master: {phrase}" for phrase in phrases]


def _disagreements(path: Path, facts: Facts) -> list[str]:
    """Return where a file's header differs from its facts, which then are of other bytes."""
    try:
        with Source(path) as source:
            header = {name: getattr(source, name) for name in ("frames", "sample_rate", "channels", "subtype")}
    except AudioError as error:
        return [str(error).removeprefix(f"{path}: ")]
    return [
        f"the file's {name} is {value}, its measurements say {facts[name]}: build it again"
        for name, value in header.items()
        if value != facts[name]
    ]


def _sum_failures(mix: Facts) -> list[str]:
    residual = mix.get("sum_residual_dbfs")
    if residual is None:
        return ["how far it is from the sum of its stems was not measured (sum_residual_dbfs)"]
    if not residual <= SUM_RESIDUAL_DBFS:
        return [f"it is {residual} dBFS from the sum of its stems, {SUM_RESIDUAL_DBFS} is allowed"]
    return []


def _loudness_failures(master: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    facts, wanted, ceiling = master["measurements"], master["loudness_lufs"], master["ceiling_dbtp"]
    found = []
    if wanted is not None and abs(facts["lufs"] - wanted) > limits["loudness_tolerance_lu"]:
        tolerance = limits["loudness_tolerance_lu"]
        found.append(f"its loudness is {facts['lufs']} LUFS, {wanted} within {tolerance} LU is asked")
    if facts["true_peak_dbtp"] > ceiling:
        found.append(f"its true peak is {facts['true_peak_dbtp']} dBTP, the ceiling is {ceiling}")
    return found


def _copy(file: BinaryIO, archive: zipfile.ZipFile, folder: str, sources: dict[str, Path], frames: int) -> None:
    """Store files in blocks, each read once; what is stored can be read by others before the rest is."""
    tick, final = on_frames.get(), on_final.get()
    total, copied, stored = sum(path.stat().st_size for path in sources.values()), 0, 0
    buffer = memoryview(bytearray(COPY_BYTES))
    for name, path in sources.items():
        with (
            path.open("rb", buffering=0) as source,
            archive.open(_member(folder, name, path.stat().st_size), "w") as member,
        ):
            while count := source.readinto(buffer):
                member.write(buffer[:count])
                copied += count
                if tick is not None:
                    tick(frames * copied // total)
        file.flush()
        if final is not None:
            final(Path(file.name), stored, file.tell())
            stored = file.tell()


def _member(folder: str, name: str, size: int = 0) -> zipfile.ZipInfo:
    """Return the entry of a file: zipfile takes the zip64 form by ``size``, which must be known before."""
    info = zipfile.ZipInfo(f"{folder}/{name}", DATE)
    info.create_system = 3  # Unix, on Windows too
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.file_size = size
    return info


def _stem_facts(inputs: dict[str, Path], name: str) -> Facts:
    """Return what a processed stem measures, and how it was aligned if that is among the inputs."""
    facts = _facts(inputs[f"facts/{name}"])
    aligned = inputs.get(f"align_facts/{name}")
    return facts if aligned is None else facts | {"align": _facts(aligned)["align"]}


def _facts(path: Path) -> Facts:
    facts: Facts = json.loads(path.read_text(encoding="utf-8"))
    return facts
