"""The report as it lies in an archive: its players take the files that are delivered, under their names there."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any
from urllib.parse import quote, unquote

NAME = "Report.html"
_FIGURE = re.compile(
    r'<figure><figcaption>(?P<what>[^<]*): <a href="(?P<place>[^"]*)">[^<]*</a></figcaption>'
    r'<audio (?P<rest>[^>]*?) src="[^"]*"(?P<together>[^>]*)></audio></figure>\n?'
)


def enclosed(page: str, files: list[dict[str, Any]]) -> str:
    """Return a report's page for an archive of ``files``, as the archive's contents say; others have no player in it.

    A preview stands for a master that is not delivered.
    """
    names = {}
    for file in sorted(files, key=lambda each: each["role"] != "preview"):
        role = file["role"]
        place = {"preview": "master"}.get(role, role) + ".wav"
        if role == "stem":
            folder = "groups" if "stems" in file else "placed" if "match" in file else "processed"
            place = f"{folder}/{file['stem']}.wav"
        names[place] = file["name"]

    def placed(figure: re.Match[str]) -> str:
        name = names.get(unquote(unescape(figure["place"])))
        if name is None:
            return ""
        href = quote(name)
        return (
            f'<figure><figcaption>{figure["what"]}: <a href="{href}">{escape(name)}</a></figcaption>'
            f'<audio {figure["rest"]} src="{href}"{figure["together"]}></audio></figure>\n'
        )

    return _FIGURE.sub(placed, page)
