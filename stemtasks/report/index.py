"""The page of all songs at a glance, which like the reports is the same for the same songs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from stemtasks.paths import BUILD, LAST_BUILDS
from stemtasks.report.markup import level, table, text
from stemtasks.report.style import STYLE
from stemtasks.timeline import clock

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
LINKS = "a { color: var(--rms); }\n"
LAST = LAST_BUILDS.relative_to(BUILD).as_posix()
FOOTER = "Written by stemtasks: the same songs give the same page."


def index_page(rows: Iterable[dict[str, Any]]) -> str:
    """Return the page over all songs."""
    rows = list(rows)
    failed = [row for row in rows if row["failed"]]
    said = "".join(
        f"<li><strong>{text(row['title'])}</strong>: {text(line)}</li>\n"
        for row in failed
        for line in row["failed"].values()
    )
    problems = (
        '<section aria-labelledby="failed">\n<h2 id="failed" class="bad">What failed</h2>\n'
        f"<ul>\n{said}</ul></section>\n"
        if said
        else ""
    )
    drawn = table(
        "What each song measures",
        ("Song", "Duration", "Tempo", "Key", "Loudness", "True peak", "Checks", "Archives", "Last build"),
        map(_row, rows),
        (1, 2, 4, 5),
    )
    return leaf("Songs", "Songs", problems + drawn, FOOTER)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    place = quote(row["name"])
    title = f'<a href="{place}/report.html">{text(row["title"])}</a>' if row["report"] else text(row["title"])
    good = "bad" if row["failed"] or row["passed"] != row["checks"] else "good"
    checks = f"{row['passed']} of {row['checks']}" if row["checks"] else ""
    return (
        title,
        "" if row["seconds"] is None else clock(row["seconds"] * 1000),
        "" if row["bpm"] is None else f"{row['bpm']:g}",
        text(row["key"] or ""),
        level(row["lufs"], "LUFS") if "lufs" in row else "",
        level(row["true_peak_dbtp"], "dBTP") if "true_peak_dbtp" in row else "",
        f'<span class="{good}">{"failed" if row["failed"] else checks}</span>',
        ", ".join(f'<a href="{place}/{quote(name)}">{text(name)}</a>' for name in row["archives"]),
        f'<a href="{LAST}/{place}.html">what it changed</a>' if row["was_built"] else "",
    )


def leaf(title: str, heading: str, body: str, footer: str, style: str = "") -> str:
    """Return a page without a script: ``body`` and ``style`` are HTML and CSS."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{text(title)}</title>\n<link rel="icon" href="data:,">\n<style>{STYLE}{LINKS}{style}</style>\n'
        f"</head>\n<body>\n<header>\n<h1>{text(heading)}</h1>\n</header>\n<main>\n{body}</main>\n"
        f'<footer class="note"><p>{footer}</p></footer>\n</body>\n</html>\n'
    )
