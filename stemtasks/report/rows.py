"""The timeline of the report: sections, a row a stem, the mix, the master, and its gain reduction and loudness."""

from __future__ import annotations

from typing import Any

from stemtasks.audio.facts import Facts
from stemtasks.report import drawing, dynamics
from stemtasks.report.markup import at, audio, level, number, table, text
from stemtasks.report.material import Material, StemMaterial
from stemtasks.report.pictures import picture_of
from stemtasks.timeline import clock

NOTE = (
    "A click moves the player there. Waveforms show the highest and lowest sample and, darker, the RMS; heights are "
    "the square root of the amplitude, so that soft parts are seen. Dotted lines are seams and joins."
)
SPECTRUM = "40 Hz to 20 kHz or half the sample rate, octaves equally high; a step of colour is 6 dB."
SEAM_FIGURES = (
    ("dip_db", "Dip", "dB"),
    ("rise_db", "Rise", "dB"),
    ("level_step_db", "Level step", "dB"),
    ("jump_ratio", "Jump", "x"),
    ("beat_error_ms", "Beat error", "ms"),
    ("onset_error_ms", "Onset error", "ms"),
    ("onset_offset_ms", "Onset offset", "ms"),
)
STEPS = "the level step is judged at overlaps of 0.1 s and more"


def timeline(song: Material) -> str:
    """Return all rows, one above the other over the same time."""
    stems = "".join(_stem(song, stem, place) for place, stem in enumerate(song.stems, 1))
    return (
        f'<section aria-labelledby="timeline">\n<h2 id="timeline">Timeline</h2>\n<p class="note">{NOTE}</p>\n'
        f'<div class="row"><div class="head"><h3>Sections</h3></div>\n<div>{drawing.ruler(song.axis)}</div></div>\n'
        f"{stems}{_whole(song, 'mix', song.mix, song.mix)}{_whole(song, 'master', song.master, song.premaster)}"
        f"{_reduction(song)}"
        f"{_loudness(song)}</section>\n"
    )


def _stem(song: Material, stem: StemMaterial, place: int) -> str:
    picture, rate = song.read(f"picture/{stem.name}"), song.axis.sample_rate
    seams = stem.align.get("seam_list", [])
    joins = [each for each in stem.joins.get("list", []) if each["frame"] < song.axis.frames]
    listed = [("Seam", each) for each in seams] + [("Join", each) for each in joins]
    marks = [(each["frame"], _said(what, each, rate)) for what, each in listed]
    gain = song.mix["gains"].get(stem.name)
    data = f'data-track="part" data-stem="{text(stem.name)}"'
    if gain is not None:  # what is in a group is heard in it
        share = gain / max(1.0, *song.mix["gains"].values())
        data = f'data-track="stem" data-stem="{text(stem.name)}" data-gain="{share:.6f}"'
    file = f"{stem.name}.wav"
    more = (
        _spectrum(song, stem.title, picture, song.inputs[f"spectrogram/{stem.name}"].read_bytes())
        + dynamics.drawn(song.axis, stem.facts["processed"], stem.title)
        + (_figures("seams", seams, stem.align["seams"], stem.title, rate) if seams else "")
        + (_figures("joins", joins, stem.joins["count"], stem.title, rate) if joins else "")
        + audio(f"{stem.title}, as delivered", f"{stem.folder}/{file}", together=gain is not None)
        + ("" if stem.is_group else audio(f"{stem.title}, aligned", f"aligned/{file}"))
        + ("" if stem.is_group else audio(f"{stem.title}, as rendered", f"stems/{file}"))
    )
    return _row(
        data,
        f"stem-{place}",
        stem.title,
        f"{_fit(song, stem)}{stem.marks}, {_levels(stem.facts['processed'])}{dynamics.line(stem.facts['processed'])}",
        "".join(
            f'<button type="button" data-set="{does}" aria-pressed="false" aria-label="{says} {text(stem.title)}">'
            f"{says}</button>"
            for does, says in (("solo", "Solo"), ("mute", "Mute"))
            if gain is not None
        ),
        drawing.waveform(song.axis, picture, f"Waveform of {stem.title}{stem.marks}", marks),
        more,
    )


def _levels(facts: Facts) -> str:
    """Return the peak, and how much left and right are the same where there are two."""
    correlation = facts.get("stereo_correlation")
    sides = "" if correlation is None else f", correlation of left and right {correlation:+.2f}"
    return f"peak {level(facts['peak_dbfs'], 'dBFS')}{sides}"


def _fit(song: Material, stem: StemMaterial) -> str:
    """Return how a stem came to its length; of a group what it sums."""
    if stem.is_group:
        titles = {each.name: each.title for each in song.stems}
        summed = stem.facts["processed"]["summed"]
        said = [f"{titles[each['of']]}{' (sent)' if 'send' in each else ''}" for each in summed]
        return text(f"group of {', '.join(said)}")
    return "fits as it is" if stem.align["strategy"] == "none" else text(stem.align["strategy"])


def _whole(song: Material, kind: str, facts: Facts, chain: Facts) -> str:
    """Return the row of the mix or the master; ``chain`` is what its effects noted."""
    picture, image = picture_of(song.inputs[kind])
    return _row(
        f'data-track="{kind}" data-gain="1"',
        kind,
        kind.capitalize(),
        f"{level(facts['lufs'], 'LUFS')}, {_levels(facts)}{dynamics.line(chain)}",
        f'<button type="button" data-hear>Hear the {kind}</button>',
        drawing.waveform(song.axis, picture, f"Waveform of the {kind}"),
        _spectrum(song, f"the {kind}", picture, image)
        + dynamics.drawn(song.axis, chain, f"the {kind}")
        + audio(f"The {kind}", f"{kind}.wav", together=True),
    )


def _row(data: str, name: str, title: str, about: str, buttons: str, drawn: str, more: str) -> str:
    return (
        f'<div class="row" role="group" aria-labelledby="{name}" {data}>\n'
        f'<div class="head"><h3 id="{name}">{text(title)}</h3><span class="buttons" data-live hidden>{buttons}</span>'
        f'<p class="soft">{about}</p></div>\n<div class="lane">{drawn}</div>\n'
        f'<details class="more"><summary>Spectrogram, figures and files</summary>\n{more}</details>\n</div>\n'
    )


def _spectrum(song: Material, what: str, picture: dict[str, Any], image: bytes) -> str:
    drawn = drawing.spectrogram(song.axis, picture, image, f"Spectrogram of {what}")
    return f"<figure>{drawn}<figcaption>{SPECTRUM}</figcaption></figure>\n"


def _figures(what: str, listed: list[dict[str, Any]], count: int, title: str, rate: int) -> str:
    """Return the table of what seams or joins measure."""
    first = what.capitalize() if len(listed) == count else f"The first {len(listed)} of {count} {what}"
    figures = [figure for figure in SEAM_FIGURES if any(figure[0] in each for each in listed)]
    rows = [
        (
            at(each["frame"] / rate),
            number(each["overlap_frames"] * 1000 / rate, 1),
            *(number(each.get(name), 2) for name, *_ in figures),
        )
        for each in listed
    ]
    head = ("At", "Overlap ms", *(f"{says} {unit}" for _, says, unit in figures))
    return table(f"{first} of {title}; {STEPS}", head, rows, range(1, len(head)))


def _said(what: str, mark: dict[str, Any], rate: int) -> str:
    figures = [f"{says.lower()} {mark[name]:g} {unit}" for name, says, unit in SEAM_FIGURES if mark.get(name)]
    return ", ".join([f"{what} at {clock(mark['frame'] * 1000 / rate)}", *figures])


def _reduction(song: Material) -> str:
    taken = song.reduction_db
    about = f"gain {song.gain_db:+.2f} dB, at most {max(taken, default=0.0):.1f} dB taken away"
    return _curve(
        "Gain reduction", f'<p class="soft">{about}</p>', drawing.reduction(song.axis, taken, "of the master")
    )


def _loudness(song: Material) -> str:
    curves = {name: song.read(f"{name}_loudness") for name in ("mix", "master")}
    colours = {"master": "master", "mix": "mix"}
    if song.target_lufs is not None:
        colours["target"] = f"target {song.target_lufs:g}"
    key = "".join(f'<span><i style="color:var(--{name})"></i>{says}</span>' for name, says in colours.items())
    about = f'<p class="soft">short-term (3 s), LUFS</p><p class="key soft">{key}</p>'
    return _curve("Loudness", about, drawing.loudness(song.axis, curves, song.target_lufs))


def _curve(title: str, about: str, drawn: str) -> str:
    return f'<div class="row"><div class="head"><h3>{title}</h3>{about}</div>\n<div class="lane">{drawn}</div></div>\n'
