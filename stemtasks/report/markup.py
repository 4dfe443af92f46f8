"""HTML as text: everything from a spec is escaped here, numbers and times are written as a person reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from stemtasks.timeline import clock


def text(value: object) -> str:
    """Return a value as text that is no markup, in an element or an attribute in double quotes."""
    return escape(str(value))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], figures: Sequence[int] = ()) -> str:
    """Return a table in a box of its own, which scrolls where it is wider than the page; cells are HTML.

    The first cell of a row names it; the columns ``figures`` are set to the right.
    """
    cells = [
        "".join(
            f'<th scope="row">{cell}</th>' if not place else f"<td{_right(place, figures)}>{cell}</td>"
            for place, cell in enumerate(row)
        )
        for row in rows
    ]
    heads = "".join(f'<th scope="col"{_right(place, figures)}>{text(name)}</th>' for place, name in enumerate(head))
    body = "".join(f"<tr>{row}</tr>\n" for row in cells)
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )


def _right(place: int, figures: Sequence[int]) -> str:
    return ' class="figure"' if place in figures else ""


def pairs(named: Iterable[tuple[str, str]], kind: str) -> str:
    """Return names and what they are, which is HTML, as a list of the class ``kind``."""
    items = "".join(f"<div><dt>{text(name)}</dt><dd>{what}</dd></div>\n" for name, what in named)
    return f'<dl class="{kind}">\n{items}</dl>\n'


def audio(what: str, file: str, together: bool = False) -> str:
    """Return the browser's own player of a file beside the page, with a link to it; some play together."""
    place, marked = quote(file), " data-together" if together else ""
    return (
        f'<figure><figcaption>{text(what)}: <a href="{place}">{text(file)}</a></figcaption>'
        f'<audio controls preload="none" src="{place}"{marked}></audio></figure>\n'
    )


def at(seconds: float) -> str:
    """Return a place in the song as a button that takes the player there."""
    return f'<button type="button" class="jump" data-at="{seconds:.6f}" disabled>{clock(seconds * 1000)}</button>'


def number(value: float | None, digits: int) -> str:
    """Return a figure, a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def level(value: float | None, unit: str) -> str:
    """Return a level with its unit, or that there is no figure."""
    return f"no {unit} figure" if value is None else f"{value:.1f} {unit}"


def said(arguments: dict[str, Any]) -> str:
    """Return arguments as text: what is set, in the order of the spec's schema."""
    return ", ".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items() if value not in _UNSET
    )


_UNSET: tuple[Any, ...] = (None, {}, [], "")
