"""The first thing on the page: whether the song is right, what is not, and what was remarked or not judged."""

from __future__ import annotations

from collections.abc import Iterator

from stemtasks.audio.in_time import is_found
from stemtasks.report.markup import table, text
from stemtasks.report.material import Material


def verdict(song: Material, figures: str) -> str:
    """Return how many checks passed, those that did not, the song's ``figures``, which are HTML, and the remarks."""
    failed = [(what, check) for what, found in song.checks for check in found if not check.passed]
    count = sum(len(found) for _, found in song.checks)
    sign, kind = ("✗", "bad") if failed else ("✓", "good")
    said = f"{sign} {count - len(failed)} of {count} checks passed" + (f", {len(failed)} failed" if failed else "")
    rows = [(text(what), text(check.what), text(check.found), text(check.allowed)) for what, check in failed]
    drawn = table("Failed checks", ("File", "Check", "Found", "Allowed"), rows) if failed else ""
    remarks = "".join(f"<li>{text(remark)}</li>" for remark in _remarks(song))
    listed = f'<ul class="remarks">{remarks}</ul>\n' if remarks else ""
    return (
        f'<section class="verdict {kind}" aria-labelledby="verdict">\n<h2 id="verdict">{said}</h2>\n'
        f"{drawn}{listed}{figures}</section>\n"
    )


def _remarks(song: Material) -> Iterator[str]:
    """Yield what is allowed and seldom meant, and what nothing was held against."""
    for stem in song.stems:
        yield from (f"{stem.title}: {remark}" for remark in stem.facts.get("stem", {}).get("remarks", ()))
    compared = [stem for stem in song.stems if "sync" in stem.facts]
    lost = [stem.title for stem in compared if not is_found(stem.facts["sync"]["aligned"])]
    if lost:
        of, none = ("the stems", "none") if len(lost) == len(compared) else (", ".join(lost), "not")
        yield f"Not judged: whether {of} are in time with the reference, as {none} of them is found in it for sure"
