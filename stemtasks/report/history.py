"""The page of a song's last build: what it changed, and how each file came to be.

It is of no key: what it says of seconds, and of what was restored, is of one build on one machine.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import quote

from stemtasks.paths import BUILD, LAST_BUILDS
from stemtasks.report.index import leaf
from stemtasks.report.markup import table, text
from stemtasks.report.png import difference

STYLE = """
td code { white-space: nowrap; }
.before { display: grid; gap: .5rem; margin: .5rem 0 1rem; }
.before img { width: 100%; height: 8rem; image-rendering: pixelated; background: #0a091c; display: block; }
@media (min-width: 50rem) { .before { grid-template-columns: repeat(3, 1fr); } }
"""
STEM, IMAGE = 'data-stem="', 'src="data:image/png;base64,'
"""What stands in a report's row before the stem's name, and before its spectrogram."""
_MADE_BY = re.compile(r"input .* changed \(made by (.*)\)")
TO_BUILD = "../" * len(LAST_BUILDS.relative_to(BUILD).parts)
FOOTER = (
    "Written by stemtasks at the end of the last build. In a difference a step of colour is 6 dB: orange is more, blue "
    "is less."
)
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
    link = f'<a href="{TO_BUILD}{quote(row["name"])}/report.html">The report</a>, ' if row["report"] else ""
    return leaf(
        f"{row['title']} - last build",
        row["title"],
        f'<p class="soft">{link}<a href="{TO_BUILD}index.html">all songs</a></p>\n'
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
        FOOTER,
        STYLE,
    )


def images(page: str) -> dict[str, bytes]:
    """Return the spectrograms of a report by what they show: stems by their names in the spec, ``mix``, ``master``."""
    found = {}
    for row in page.split('data-track="')[1:]:
        kind, image = row.partition('"')[0], _quoted(row, IMAGE)
        if image:
            name = f"stem {unescape(_quoted(row, STEM))}" if kind in ("stem", "part") else kind
            found[name] = base64.b64decode(image)
    return found


def _quoted(row: str, before: str) -> str:
    """Return what stands after ``before`` up to the next quotation mark."""
    return row.partition(before)[2].partition('"')[0]


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
