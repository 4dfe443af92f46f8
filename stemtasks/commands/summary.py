"""What a build says to a page of a CI server: Markdown, appended to a file (``--summary FILE``).

GitHub shows on a job's page what its steps append to ``$GITHUB_STEP_SUMMARY``, in GitHub's Markdown (GFM, CommonMark
0.29 with tables).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stemtasks.audio.facts import level
from stemtasks.commands import variables
from stemtasks.commands.reporter import Result
from stemtasks.errors import one_line

NOT_ENDED = b"**stemtasks**: the build was not begun, or has not ended.\n\n"
MOST_FAILURES = 100
"""Whose lines are shown: a page of GitHub has at most 1 MiB from a step."""
HOWS = ("ran", "audited", "restored", "verified", "up to date", "removed", "failed", "not built", "error")
"""The columns of counts, in their order; one that is empty is left out."""
PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
"""All that Markdown could take for a mark, and that a backslash makes a letter (CommonMark 0.29, 6.1)."""


class Page:
    """The file that a build's summary is appended to, and the place in it that is this build's."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.asked: list[str] = []
        self.begun = b""
        self.is_ended = False

    def begin(self) -> None:
        """Say that the build has not ended, until it has; raises ``OSError``."""
        if os.path.isfile(self.path):  # what is written to a pipe stays written
            self._append(NOT_ENDED)
            self.begun = NOT_ENDED

    def learn(self, tasks: dict[str, Any], selected: Iterable[str]) -> None:
        """Learn which of our tasks the build is to do: those selected, and what they need."""
        found: set[str] = set()
        todo = list(selected)
        while todo:
            name = todo.pop()
            if name not in found and name in tasks:
                found.add(name)
                todo += [*tasks[name].task_dep, *tasks[name].setup_tasks]
        self.asked = sorted(name for name in found if tasks[name].meta and {"build", "spec"} & tasks[name].meta.keys())

    def end(self, results: list[Result], last: str) -> None:
        """Put the summary where the build was said not to have ended, once; raises ``OSError``."""
        if self.is_ended:
            return
        self.is_ended = True
        if self.begun:
            with open(self.path, "r+b") as file:
                there = max(0, file.seek(0, os.SEEK_END) - len(self.begun))
                file.seek(there)
                if file.read() == self.begun:  # unless something else was appended meanwhile
                    file.truncate(there)
        self._append(summary(self.asked, results, last).encode(errors="backslashreplace"))

    def _append(self, text: bytes) -> None:
        with open(self.path, "ab") as file:
            file.write(text)


def summary(asked: list[str], results: list[Result], last: str) -> str:
    """Return a build's summary: a row a song or album, the build's last line, and what failed, as the terminal has it.

    Of the tasks ``asked`` for, each with a right result passed its checks, and one without a result was not reached.
    """
    rows = {song: _row(song, asked, results) for song in _songs(asked, results)}
    columns = ["checks passed", "loudness", "true peak", *HOWS, "seconds"]
    columns = [name for name in columns if any(row[name] for row in rows.values())]
    text = ""
    if rows:
        text += (
            f"### {'Drafts' if variables.is_draft() else 'Songs'}\n\n"
            + _line("song", *columns)
            + _line(":--", *["--:"] * len(columns))
        )
        text += "".join(_line(_escaped(song), *(row[name] for name in columns)) for song, row in rows.items()) + "\n"
    text += f"{_escaped(one_line(last.strip()))}\n\n"
    failed = [f"{result.task}  {result.said}" for result in results if result.how in ("failed", "error")]
    return text + ("### What failed\n\n" + _verbatim(failed) if failed else "")


def _songs(asked: list[str], results: list[Result]) -> list[str]:
    removed = [result.task for result in results if result.how == "removed"]
    return sorted(set(map(_song, [*asked, *removed])))


def _song(task: str) -> str:
    return task.partition(":")[2].partition("/")[0]


def _row(song: str, asked: list[str], results: list[Result]) -> dict[str, str]:
    """Return the cells of a song's row by column; a count of 0 is an empty one."""
    wanted = {task for task in asked if _song(task) == song}
    own = [each for each in results if each.task in wanted or (each.how == "removed" and _song(each.task) == song)]
    right = sum(result.is_right for result in own)
    whole = (variables.called(f"master:{song}"), f"album:{song}")
    facts = next((_facts(result) for result in own if result.task in whole), {})
    counts = {how: sum(result.how == how for result in own) for how in HOWS}
    return {
        "checks passed": f"{right} of {len(wanted)}",
        "loudness": level(facts["lufs"], "LUFS") if facts else "",
        "true peak": level(facts["true_peak_dbtp"], "dBTP") if facts else "",
        **{how: str(count or "") for how, count in counts.items()},
        "seconds": f"{sum(result.seconds for result in own):.1f}",
    }


def _facts(result: Result) -> dict[str, Any]:
    """Return what was measured of a file that is right."""
    if not result.is_right or result.job is None:
        return {}
    facts: dict[str, Any] = json.loads(Path(result.job.outputs["facts"]).read_bytes())
    return facts


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _escaped(text: str) -> str:
    return PUNCTUATION.sub(r"\\\1", text)


def _verbatim(lines: list[str]) -> str:
    """Return lines in a block whose content is no Markdown: its fence is longer than any in it (CommonMark, 4.5)."""
    more = [f"... and {len(lines) - MOST_FAILURES} more"] if len(lines) > MOST_FAILURES else []
    text = "\n".join(map(one_line, [*lines[:MOST_FAILURES], *more]))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}\n\n"
