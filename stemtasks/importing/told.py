"""What an import says when it is done: a line a stem, what is left out, and what to look at."""

from __future__ import annotations

from collections.abc import Iterator

from stemtasks.errors import one_line
from stemtasks.importing.proposal import Proposal, Recording
from stemtasks.timeline import clock

MOST_NAME, MOST_WHY = 28, 80


def told(proposal: Proposal) -> Iterator[str]:
    """Yield the lines."""
    yield from _rows([(each.name, _kind(each), str(each.align.value), each.align.why) for each in proposal.stems])
    if proposal.reference is not None:
        length = clock(1000 * proposal.seconds)
        yield f"reference: {one_line(proposal.reference.path)}, {length} ({proposal.recognised})"
    else:
        yield f"length: {clock(1000 * proposal.seconds)}, as the longest recording"
    for name, chosen in (("tempo", proposal.bpm), ("key", proposal.key)):
        if chosen is None:
            yield f"{name}: not found"
        else:
            shown = f"{chosen.value:g} bpm" if name == "tempo" else chosen.value
            yield f"{name}: {shown} ({chosen.why})" + ("" if chosen.is_sure else ", so it is a comment in the spec")
    yield f"format: {proposal.sample_rate.value} Hz, {proposal.subtype.value}" + _why(proposal.subtype.why)
    for path, why in proposal.left_out.items():
        yield f"left out: {one_line(path)}: {one_line(why)}"


def _kind(stem: Recording) -> str:
    if stem.kind is None:
        return "?"
    return f"{stem.kind.value}{'' if stem.kind.is_sure else '?'}"


def _why(why: str) -> str:
    return f" ({why})" if why else ""


def _rows(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    """Yield rows in columns; the last is cut where it is long, since the spec has all of it."""
    shortened = [(_short(name, MOST_NAME), kind, align, _short(why, MOST_WHY)) for name, kind, align, why in rows]
    widths = [max(len(row[column]) for row in shortened) for column in range(3)]
    for *columns, why in shortened:
        cells = [cell.ljust(width) for cell, width in zip(columns, widths, strict=True)]
        yield "  ".join([*cells, why]).rstrip()


def _short(text: str, most: int) -> str:
    text = one_line(text)
    return text if len(text) <= most else f"{text[: most - 4]} ..."
