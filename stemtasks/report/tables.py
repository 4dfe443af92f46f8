"""The tables of the report: sections, checks, and how each file came to be."""

from __future__ import annotations

from typing import Any

from stemtasks import automation
from stemtasks.report.markup import at, number, pairs, said, table, text
from stemtasks.report.material import Material, StemMaterial
from stemtasks.timeline import clock

SHOWN = ("Master", "Mix")
"""Files whose checks are open to see."""


def sections(song: Material) -> str:
    """Return where each section begins and ends, and its key."""
    line = song.timeline
    rows = [
        (
            text(each.name),
            at(each.start_frame / line.sample_rate),
            clock(each.end_frame * 1000 / line.sample_rate),
            number(each.beats / line.beats_per_bar if line.bpm else None, 2),
            text(each.key or "-"),
        )
        for each in line.sections
    ]
    drawn = table("Where sections begin and end", ("Section", "Start", "End", "Bars", "Key"), rows, (1, 2, 3))
    return f'<section aria-labelledby="sections">\n<h2 id="sections">Sections</h2>\n{drawn}</section>\n'


def checked(song: Material) -> str:
    """Return every check with its figure, its limit and its verdict, a table a file."""
    tables = []
    for what, found in song.checks:
        rows = [(text(check.what), text(check.found), text(check.allowed), _verdict(check.passed)) for check in found]
        passed = sum(check.passed for check in found)
        drawn = table(f"Checks: {what}", ("Check", "Found", "Allowed", "Verdict"), rows)
        shown = " open" if what in SHOWN or passed < len(found) else ""
        tables.append(
            f"<details{shown}><summary>{text(what)}: {passed} of {len(found)} passed</summary>{drawn}</details>\n"
        )
    return (
        '<section aria-labelledby="checks">\n<h2 id="checks">Checks</h2>\n'
        '<p class="note">Every file was measured when it was made, and held against these limits before anything used '
        f"it.</p>\n{''.join(tables)}</section>\n"
    )


def _verdict(passed: bool) -> str:
    sign, kind, word = ("✓", "good", "passed") if passed else ("✗", "bad", "failed")
    return f'<span class="{kind}" data-check="{word}">{sign} {word}</span>'


def made(song: Material) -> str:
    """Return what each file was made by: its parameters, what was chosen for it, and its digest."""
    digests = song.params["sha256"]
    stems = "".join(
        f"<details><summary>{text(stem.title)}</summary>{pairs(_made_stem(song, stem), 'made')}</details>\n"
        for stem in song.stems
    )
    how = {key: value for key, value in song.master.get("master", {}).items() if value is not None}
    whole = [("Mix, SHA-256", _digest(digests["mix"])), ("Master, SHA-256", _digest(digests["master"]))]
    chains = (("Mix", song.mix), ("Master", song.premaster))
    whole += [(f"{what}'s effects", text(" > ".join(facts["effects"]))) for what, facts in chains if "effects" in facts]
    whole.append(("Mastering", text(said(how))))
    return (
        '<section aria-labelledby="made">\n<h2 id="made">How each file came to be</h2>\n'
        f"{stems}<details open><summary>Mix and master</summary>{pairs(whole, 'made')}</details>\n</section>\n"
    )


def _made_stem(song: Material, stem: StemMaterial) -> list[tuple[str, str]]:
    spec, fitted = stem.described, stem.align
    if stem.is_group:
        return [("Sum of", text(", ".join(spec["stems"]) or "what is sent to it")), *_faders(song, stem)]
    asked = said(spec["align"]["arguments"])
    return [
        ("Generator", text(f"{spec['generator']}: {said(spec['arguments'])}")),
        *([("Mended", text(_chain(spec["mend"])))] if "mend" in spec else []),
        ("Alignment", text(f"{fitted['strategy']} ({fitted['reason']}){': ' if asked else ''}{asked}")),
        *_faders(song, stem),
        *[("Remark", text(remark)) for remark in stem.facts["stem"].get("remarks", ())],
    ]


def _faders(song: Material, stem: StemMaterial) -> list[tuple[str, str]]:
    spec, found = stem.described, stem.facts["processed"].get("match")
    return [
        ("Effects", text(_chain(spec["effects"]) or "none")),
        ("Gain, pan", f"{automation.said(spec['gain_db'], _signed)} dB, {automation.said(spec['pan'], _signed)}"),
        *([("As in the reference", _placed(found))] if found else []),
        ("Fader", f"{song.faders_db[stem.name]:+.2f} dB"),
        ("SHA-256", _digest(song.params["sha256"][f"audio/{stem.name}"])),
    ]


def _placed(found: dict[str, Any]) -> str:
    """Return what a match with the reference has found of a stem."""
    inverted = ", inverted" if found["polarity"] < 0 else ""
    return f"{found['gain_db']:+.2f} dB (in the fader), pan {found['pan']:+.2f}{inverted}"


def _signed(number: float) -> str:
    return f"{number:+.2f}"


def _digest(sha256: str) -> str:
    return f"<code>{sha256}</code>"


def _chain(effects: list[dict[str, Any]]) -> str:
    return "; ".join(f"{each['effect']}: {said(each['arguments'])}" for each in effects)
