"""What a program finds in the report: its rows, its checks, and whether it would load anything from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

LOADING = ("src", "href", "srcset", "data", "action", "poster", "xlink:href")
BESIDE = re.compile(r"#|data:|(?:(?:processed|placed|groups|aligned|stems)/)?[^/:\\?#]+$")
"""A place in the page itself, data in it, or a file in its folder."""


def contents(page: str) -> dict[str, Any]:
    """Return the facts of a page: ``bytes``, the stems that have ``rows``, ``checks`` and how many ``passed``.

    ``elsewhere`` has what it refers to that is neither in it nor beside it.
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return {
        "bytes": len(page.encode()),
        "rows": reader.rows,
        "elsewhere": reader.elsewhere,
        "checks": reader.checks,
        "passed": reader.passed,
    }


class _Reader(HTMLParser):
    """Takes note of what the facts say."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.elsewhere: list[str] = []
        self.checks = self.passed = 0
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.elsewhere += [named[name] for name in LOADING if name in named and not BESIDE.match(named[name])]
        self._in_style = tag == "style"
        self._look_at_style(named.get("style", ""))
        if "data-stem" in named:
            self.rows.append(named["data-stem"])
        if "data-check" in named:
            self.checks += 1
            self.passed += named["data-check"] == "passed"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self._look_at_style(data)

    def _look_at_style(self, style: str) -> None:
        self.elsewhere += re.findall(r"@import[^;]*|url\([^)]*\)", style)
