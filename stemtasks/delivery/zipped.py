"""The archive: one zip of stems, master and what the delivery formats write, after the last checks."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from stemtasks.audio.facts import Facts, read_facts, write_facts
from stemtasks.audio.matched import with_match
from stemtasks.audio.musical import OF_A_MIX, OF_A_STEM, measure_music
from stemtasks.audio.sync import InReference
from stemtasks.delivery.checks import disagreements, header_disagreements
from stemtasks.delivery.contents import contents_of
from stemtasks.delivery.delivered import at_rate
from stemtasks.delivery.dressing import dressed_of
from stemtasks.delivery.enclosed_report import NAME as REPORT
from stemtasks.delivery.enclosed_report import enclosed
from stemtasks.delivery.handover import Handover
from stemtasks.delivery.names import file_names, folder_name
from stemtasks.delivery.storing import laid, stored
from stemtasks.errors import VerificationError
from stemtasks.plugins import call
from stemtasks.timeline import Timeline


def write_archive(inputs: dict[str, Path], outputs: dict[str, Path], params: dict[str, Any]) -> None:
    """Check that the files belong together, then write ``outputs["archive"]``, and its contents as its facts.

    With ``params["names"]`` it is no zip but these files, ``outputs["file000"]`` and so on.

    ``inputs`` are ``stems/NAME``, ``facts/NAME``, ``master``, ``master_facts``, ``mix``, ``mix_facts`` and ``timing``;
    with ``align_facts/NAME``, the facts of the aligned stem, the contents say which strategy was chosen and why; with
    ``reference`` and ``sync/NAME``, how far each file is from the reference, too; with
    ``match/NAME``, what was found of its fader there. What the stems and the mix sound
    like in each section is measured here.
    A delivery has what its ``params["delivery"]`` says, which may be no stems or no master; with ``delivered_mix`` and
    ``delivered_mix_facts`` it has the mix, with ``previews`` and ``previews_facts`` a preview, with ``report`` that.
    ``params["sha256"]`` has the inputs' digests, ``params["wav_chunks"]`` what WAVs say of themselves
    (``dressing.py``): the contents have digest and size of what is delivered. Raises VerificationError with all that
    is wrong, in one line, before a byte is written.
    """
    params = params | {"gains_db": with_match(params["gains_db"], inputs)}
    timeline = Timeline.load(inputs["timing"])
    delivered = at_rate(timeline, params["sample_rate"])
    order = params["delivery"]["order"] if "delivery" in params else sorted(params["stems"])
    facts = {name: _stem_facts(inputs, name) for name in order}
    mix = read_facts(inputs["mix_facts"])
    master, delivered_mix, preview = (
        read_facts(inputs[role]) if role in inputs else None
        for role in ("master_facts", "delivered_mix_facts", "previews_facts")
    )
    wrong = disagreements(inputs, facts, master, mix, timeline, delivered, params, delivered_mix)
    if preview is not None:
        wrong += [f"preview: {phrase}" for phrase in header_disagreements(inputs["previews"], preview)]
    if wrong:
        raise VerificationError("nothing is delivered: " + "; ".join(wrong))
    names = file_names(params)
    roles = {name: "delivered_mix" if role == "mix" else role for role, name in names.items()}
    summing = params["parts"].get("sum")
    summed = None if summing is None else call(summing, inputs, facts, params, arguments={}, offered={})
    digests = {
        name: {"sha256": params["sha256"][role], "bytes": inputs[role].stat().st_size} for name, role in roles.items()
    }
    handed = contents_of(facts, master, mix, delivered, params, names, digests, delivered_mix, preview, summed)
    if "reference" in inputs:
        _look_in_reference(handed, inputs, params["sha256"]["reference"])
    _listen(handed, inputs, timeline, params)
    folder = folder_name(params)
    sources = {name: inputs[role] for name, role in roles.items()}
    dressed = {
        each["name"]: dressed_of(sources[each["name"]], each, handed, params["wav_chunks"]) for each in handed["files"]
    }
    places = {name: outputs[f"file{place:03}"] for place, name in enumerate(params.get("names", ()))}
    with laid(places) if places else stored(outputs["archive"], folder) as archive:
        digests |= archive.copy(sources, delivered.delivered_frames, dressed)
        for each in handed["files"]:
            each.update(digests[each["name"]])
        there = {name: found["sha256"] for name, found in digests.items()}
        if "report" in inputs:
            page = enclosed(inputs["report"].read_text(encoding="utf-8"), handed["files"]).encode()
            there[REPORT] = sha256(page).hexdigest()
            archive.write(REPORT, page)
        for name, content in _written(handed, there, params):
            archive.write(name, content)
    write_facts(outputs["facts"], handed)


def _look_in_reference(handed: dict[str, Any], inputs: dict[str, Path], sha256: str) -> None:
    """Add ``sync`` to what is said of each file, of each aligned stem (in ``align``) and of the mix.

    Of the stems it is known by now; the mix and the master are looked for here.
    """
    with InReference(inputs["reference"], sha256) as reference:
        for file in handed["files"]:
            if file["role"] == "stem" and f"sync/{file['stem']}" in inputs:
                found = read_facts(inputs[f"sync/{file['stem']}"])
                file["align"]["sync"], file["sync"] = found["aligned"], found["processed"]
            elif file["role"] == "master":
                file["sync"] = reference.measure(inputs["master"])
        handed["mix"]["sync"] = reference.measure(inputs["mix"])


def _listen(handed: dict[str, Any], inputs: dict[str, Path], timeline: Timeline, params: dict[str, Any]) -> None:
    """Add ``sections`` to what is said of each stem and of the mix: what is heard against the keys and the tempo.

    Of a stem that is delivered as it was made it is known by now.
    """
    for file in handed["files"]:
        if file["role"] == "stem":
            heard = file["measurements"].pop("sections", None)
            if heard is None:
                path, has_notes = inputs[f"stems/{file['stem']}"], params["has_notes"][file["stem"]]
                heard = measure_music(path, at_rate(timeline, params["sample_rate"]), OF_A_STEM, has_notes)
            file["sections"] = heard
    handed["mix"]["sections"] = measure_music(inputs["mix"], timeline, OF_A_MIX)


def _written(handed: dict[str, Any], sha256_of: dict[str, str], params: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield the files that the delivery formats write, each format knowing what is there before it."""
    for chosen in params["formats"]:
        reference = params["parts"][f"delivery/{chosen['format']}"]
        handover = Handover(handed, dict(sha256_of))
        for name, content in call(reference, handover, arguments=chosen["arguments"], offered={}):
            if name in sha256_of:
                raise VerificationError(
                    f"delivery format {chosen['format']}: a file {name!r} is in the archive already"
                )
            sha256_of[name] = sha256(content).hexdigest()
            yield name, content


def _stem_facts(inputs: dict[str, Path], name: str) -> Facts:
    """Return what a processed stem measures, and how it was aligned if that is among the inputs."""
    facts = read_facts(inputs[f"facts/{name}"])
    aligned = inputs.get(f"align_facts/{name}")
    return facts if aligned is None else facts | {"align": read_facts(aligned)["align"]}
