"""Pages of a build as a whole: all songs at a glance, and how each file of one came to be and what changed in it.

They are of no key: what they say of seconds, and of what was restored, is of one build on one machine.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import quote

from stemtasks.report.markup import level, table, text
from stemtasks.report.png import difference
from stemtasks.report.style import STYLE
from stemtasks.timeline import clock

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
MORE_STYLE = """
a { color: var(--rms); }
td code { white-space: nowrap; }
.before { display: grid; gap: .5rem; margin: .5rem 0 1rem; }
.before img { width: 100%; height: 8rem; image-rendering: pixelated; background: #0a091c; display: block; }
@media (min-width: 50rem) { .before { grid-template-columns: repeat(3, 1fr); } }
"""
_ROW = re.compile(
    r'data-track="(?:(?:stem|part)" data-stem="(?P<stem>[^"]*)|(?P<whole>mix|master))"(?:(?!data-track=).)*?'
    r'src="data:image/png;base64,(?P<image>[^"]*)"',
    re.DOTALL,
)
_MADE_BY = re.compile(r"input .* changed \(made by (.*)\)")
FIGURES = {
    "lufs": "LUFS",
    "true_peak_dbtp": "dBTP",
    "lra_lu": "LU",
    "max_short_term_lufs": "LUFS at most in 3 s",
    "peak_dbfs": "dBFS peak",
    "rms_dbfs": "dBFS RMS",
    "stereo_correlation": "correlation of left and right",
    "frames": "frames",
}
"""Figures whose change is told."""


@dataclass(frozen=True)
class Made:
    """One file's task: its key, how the last build had it, the seconds of that and of making it, what it measures."""

    task: str
    key: str
    how: str
    took_s: float
    seconds: float
    summary: str
    reasons: tuple[str, ...] = ()
    """What differs from what was there before, a phrase each."""
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    """Its facts, where they are known."""


def song_page(
    row: dict[str, Any], tasks: list[dict[str, Any]], report_before: str | None, report_now: str | None
) -> str:
    """Return the page of one song: what the last build changed, and how each file came to be.

    ``tasks`` have the fields of ``Made``. Where the report of before is known, its spectrograms are held against those
    of the one now.
    """
    made = [Made(**each) for each in tasks]
    changed = [each for each in made if each.reasons]
    pictures = "".join(_pictures(images(report_before), images(report_now))) if report_before and report_now else ""
    link = '<a href="report.html">The report</a>, ' if row["report"] else ""
    return _page(
        f"{row['title']} - last build",
        row["title"],
        f'<p class="soft">{link}<a href="../index.html">all songs</a></p>\n'
        '<section aria-labelledby="changes">\n<h2 id="changes">What the last build changed</h2>\n'
        + (_changes(changed) + pictures if changed else '<p class="note">Nothing that was there before.</p>\n')
        + '</section>\n<section aria-labelledby="made">\n<h2 id="made">How each file came to be</h2>\n'
        + table(
            "Tasks in the last build, and the seconds that making each file took",
            ("Task", "Key", "Last build", "Seconds now", "Seconds to make", "What it measures"),
            (
                (
                    text(each.task),
                    f"<code>{each.key[:12]}</code>",
                    text(each.how),
                    f"{each.took_s:.2f}" if each.took_s else "",
                    f"{each.seconds:.2f}",
                    text(each.summary),
                )
                for each in made
            ),
            (3, 4),
        )
        + "</section>\n",
    )


def index_page(rows: Iterable[dict[str, Any]]) -> str:
    """Return the page over all songs; each row is of the last build that did anything for it."""
    rows = list(rows)
    failed = [row for row in rows if row["failed"]]
    said = "".join(
        f"<li><strong>{text(row['title'])}</strong>: {text(line)}</li>\n" for row in failed for line in row["failed"]
    )
    problems = (
        '<section aria-labelledby="failed">\n<h2 id="failed" class="bad">What failed</h2>\n'
        f"<ul>\n{said}</ul></section>\n"
        if said
        else ""
    )
    drawn = table(
        "What each song measures, and its last build",
        ("Song", "Duration", "Tempo", "Key", "Loudness", "True peak", "Checks", "Last build", "Seconds", "Archives"),
        map(_index_row, rows),
        (1, 2, 4, 5, 8),
    )
    return _page("Songs", "Songs", problems + drawn)


def _index_row(row: dict[str, Any]) -> tuple[str, ...]:
    place = quote(row["name"])
    title = f'<a href="{place}/report.html">{text(row["title"])}</a>' if row["report"] else text(row["title"])
    good = "bad" if row["failed"] or row["passed"] != row["checks"] else "good"
    checks = f"{row['passed']} of {row['checks']}" if row["checks"] else ""
    counts = ", ".join(f"{count} {how}" for how, count in row["counts"].items())
    return (
        title,
        "" if row["seconds"] is None else clock(row["seconds"] * 1000),
        "" if row["bpm"] is None else f"{row['bpm']:g}",
        text(row["key"] or ""),
        level(row["lufs"], "LUFS") if "lufs" in row else "",
        level(row["true_peak_dbtp"], "dBTP") if "true_peak_dbtp" in row else "",
        f'<span class="{good}">{"failed" if row["failed"] else checks}</span>',
        f'<a href="{place}/build.html">{text(counts)}</a>',
        f"{row['took_s']:.1f}",
        ", ".join(f'<a href="{place}/{quote(name)}">{text(name)}</a>' for name in row["archives"]),
    )


def images(page: str) -> dict[str, bytes]:
    """Return the spectrograms of a report by what they show: stems by their names in the spec, ``mix``, ``master``."""
    return {
        f"stem {unescape(row['stem'])}" if row["stem"] is not None else row["whole"]: base64.b64decode(row["image"])
        for row in _ROW.finditer(page)
    }


def _changes(changed: list[Made]) -> str:
    rows = ((text(each.task), _listed(_reasons(each)), _listed(_figures(each)) or "as before") for each in changed)
    return table("Files that changed, why, and by how much", ("Task", "What differs", "Figures"), rows)


def _reasons(made: Made) -> Iterator[str]:
    """Yield what differs, all that other tasks made in one phrase."""
    makers = dict.fromkeys(found[1] for phrase in made.reasons if (found := _MADE_BY.fullmatch(phrase)))
    yield from (phrase for phrase in made.reasons if not _MADE_BY.fullmatch(phrase))
    if makers:
        yield f"what {', '.join(makers)} made"


def _figures(made: Made) -> Iterator[str]:
    for name, unit in FIGURES.items():
        before, after = made.before.get(name), made.after.get(name)
        if isinstance(before, (int, float)) and isinstance(after, (int, float)) and before != after:
            yield f"{before:g} \N{RIGHTWARDS ARROW} {after:g} {unit}"


def _listed(phrases: Iterable[str]) -> str:
    return "<br>".join(map(text, phrases))


def _pictures(before: dict[str, bytes], after: dict[str, bytes]) -> Iterator[str]:
    for name, image in after.items():
        old = before.get(name)
        if old is None or old == image:
            continue
        apart = difference(old, image)
        shown = [("before", old), ("now", image), *([] if apart is None else [("difference", apart)])]
        figures = "".join(
            f'<figure><img alt="Spectrogram of {text(name)}, {what}" src="data:image/png;base64,'
            f'{base64.b64encode(picture).decode()}"><figcaption>{text(name)}, {what}</figcaption></figure>\n'
            for what, picture in shown
        )
        yield f'<div class="before">\n{figures}</div>\n'


def _page(title: str, heading: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{text(title)}</title>\n<link rel="icon" href="data:,">\n<style>{STYLE}{MORE_STYLE}</style>\n</head>\n'
        f"<body>\n<header>\n<h1>{text(heading)}</h1>\n</header>\n<main>\n{body}</main>\n"
        '<footer class="note"><p>Written by stemtasks at the end of the last build. In a difference a step of colour '
        "is 6 dB: orange is more, blue is less.</p></footer>\n</body>\n</html>\n"
    )
