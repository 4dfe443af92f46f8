"""The pages that are served: the reports as they lie on the disk, with the script that keeps them up to date.

Where no build makes a page there is one of ours: the list of songs until there is one, and a draft's players.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

import xxhash

from stemtasks.paths import SPEC
from stemtasks.report import markup, style
from stemtasks.report.markup import text
from stemtasks.watch.beneath import Files, is_name, is_of_last_build
from stemtasks.watch.board import Board
from stemtasks.watch.kinds import DRAFTS
from stemtasks.watch.live import SCRIPT, STYLE

POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="[^"]*')
CONNECTS = "connect-src 'self'"
SCRIPTS = "script-src 'unsafe-inline'"
"""What the script needs of a page's policy."""
OWN_POLICY = f"default-src 'none'; img-src data:; media-src 'self'; style-src 'unsafe-inline'; {SCRIPTS}"


class Page(NamedTuple):
    """A page, and what changes when it does."""

    text: str
    version: str


def page_of(names: list[str], files: Files, board: Board) -> Page | None:
    """Return the page of an address, by the names on the way to it: the list of songs, or one's report; else None.

    The page of a last build is as it lies on the disk, without a script.
    """
    if is_of_last_build(names):
        return None if (read := _read(names, files)) is None else Page(read, "")
    if not all(map(is_name, names)):
        return None
    if names == ["index.html"]:
        return _on_disk(names, files, board) or _own(board.kind.title, _listed(board))
    if len(names) == 2 and names[1] == board.kind.page:
        return _on_disk(names, files, board) or (
            _not_on_disk(names[0], board) if (SPEC / f"{names[0]}.toml").is_file() else None
        )
    return None


def _not_on_disk(song: str, board: Board) -> Page:
    """Return what there is of a song that has no page: its draft's players; that its report is not built yet."""
    if board.kind is not DRAFTS:
        return _own(song, f"<p>Its report is not built yet.</p>\n{_TO_ALL}")
    files = [file for file in board.shown(song)["files"] if file.endswith(".wav")]
    heard = [file for name in ("master", "mix") if (file := f"{DRAFTS.prefix}{name}.wav") in files]
    folder = "placed/" if any(file.startswith("placed/") for file in files) else "processed/"
    heard += [file for file in files if file.startswith((folder, "groups/"))]
    players = "".join(markup.audio(_stem(file), file) for file in heard) or "<p>Nothing of it is built yet.</p>\n"
    return _own(f"{song} - draft", f'<p class="note">{_WHAT_IT_IS}</p>\n{players}{_TO_ALL}')


_WHAT_IT_IS = "A draft, to listen to while the song is written: it is at a lower rate, and is not delivered."
_TO_ALL = '<p><a href="../">All songs</a></p>\n'


def _stem(file: str) -> str:
    return PurePosixPath(file).stem.removeprefix(DRAFTS.prefix)


def _on_disk(names: list[str], files: Files, board: Board) -> Page | None:
    version = board.version(board.kind.folder.joinpath(*names).as_posix())
    read = _read(names, files)
    return None if read is None else _live(read, version)


def _read(names: list[str], files: Files) -> str | None:
    file = files.open(names)
    if file is None:
        return None
    with file:
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode("utf-8", errors="replace")


def _listed(board: Board) -> str:
    """Return a list of all songs, also of those that have no page yet."""
    page, folder = board.kind.page, board.kind.folder
    songs = {path.stem for path in SPEC.glob("*.toml")} | {path.parent.name for path in folder.glob(f"*/{page}")}
    rows = "".join(
        f'<li><a href="{quote(name)}/{page}">{text(name)}</a></li>\n' for name in sorted(songs) if is_name(name)
    )
    return f"<ul>\n{rows}</ul>\n"


def _own(title: str, body: str) -> Page:
    """Return a page of ours, where no build has made one."""
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{OWN_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{text(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{style.STYLE}</style>\n</head>\n"
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
