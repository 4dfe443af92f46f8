"""The pages that are served: the reports as they lie on the disk, with the script that keeps them up to date."""

from __future__ import annotations

import os
import re
from typing import NamedTuple
from urllib.parse import quote

import xxhash

from stemtasks.paths import BUILD, SPEC
from stemtasks.report.markup import text
from stemtasks.watch.beneath import Files, is_name
from stemtasks.watch.board import Board
from stemtasks.watch.live import SCRIPT, STYLE

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="[^"]*')
CONNECTS = "connect-src 'self'"
SCRIPTS = "script-src 'unsafe-inline'"
"""What the script needs of a page's policy."""
OWN_POLICY = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; {SCRIPTS}"
OF_A_SONG = ("report.html", "build.html")
"""The pages that a build makes of a song."""


class Page(NamedTuple):
    """A page, and what changes when it does."""

    text: str
    version: str


def page_of(names: list[str], files: Files, board: Board) -> Page | None:
    """Return the page of an address, by the names on the way to it: the list of songs, or one's report; else None."""
    if not all(map(is_name, names)):
        return None
    if names == ["index.html"]:
        return _on_disk(names, files, board) or _own("Songs", _listed())
    if len(names) == 2 and names[1] in OF_A_SONG:
        return _on_disk(names, files, board) or (
            _own(names[0], _NOT_YET) if (SPEC / f"{names[0]}.toml").is_file() else None
        )
    return None


_NOT_YET = '<p>Its report is not built yet.</p>\n<p><a href="../">All songs</a></p>\n'


def _on_disk(names: list[str], files: Files, board: Board) -> Page | None:
    version = board.version("/".join((BUILD.name, *names)))
    file = files.open(names)
    if file is None:
        return None
    with file:
        read = os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
    return _live(read.decode("utf-8", errors="replace"), version)


def _listed() -> str:
    """Return a list of all songs, also of those that have no report yet."""
    songs = {path.stem for path in SPEC.glob("*.toml")} | {path.parent.name for path in BUILD.glob("*/report.html")}
    rows = "".join(
        f'<li><a href="{quote(name)}/report.html">{text(name)}</a></li>\n' for name in sorted(songs) if is_name(name)
    )
    return f"<ul>\n{rows}</ul>\n"


def _own(title: str, body: str) -> Page:
    """Return a page of ours, where no build has made one."""
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{OWN_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{text(title)}</title>\n<link rel="icon" href="data:,">\n'
        "<style>:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{text(title)}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
    return _live(page, xxhash.xxh3_128_hexdigest(page.encode(errors="surrogatepass")))


def _allowing(policy: re.Match[str]) -> str:
    """Return a page's policy with what the script needs."""
    return policy[0] + "".join(f"; {each}" for each in (CONNECTS, SCRIPTS) if each.split()[0] not in policy[0])


def _live(page: str, version: str) -> Page:
    """Return a page with the script before its own, if it has one, so that it sees what the page is made of."""
    page = POLICY.sub(_allowing, page, count=1)
    body = page.find("<body")
    at = page.find("<script", body)
    if at < 0:
        at = page.rfind("</body>")
    ours = (
        f"<style>{STYLE}</style>\n"
        f'<aside id="watch" data-version="{text(version)}" aria-label="stemtasks watch"><p role="status"></p>'
        f'<ul aria-live="polite"></ul></aside>\n<script>{SCRIPT}</script>\n'
    )
    return Page(page[:at] + ours + page[at:] if at >= 0 else page, version)
