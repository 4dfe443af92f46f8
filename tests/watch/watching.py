"""``stemtasks watch`` as it runs, seen as its pages see it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests import starts

LONGEST_S = 120.0


class Watch:
    """A watch of a project, from its first line on."""

    def __init__(self, folder: Path, *options: str) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job, and inherited
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self.folder, self.log = folder, folder.parent / f"{folder.name}.log"
        with open(self.log, "wb") as log:
            self.process = starts.started(
                [sys.executable, "-u", "-m", "stemtasks.cli", "watch", *options],
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.address = self.until(lambda: self.said.partition("  open this")[0] if "open this" in self.said else "")

    @property
    def said(self) -> str:
        """Return all that is on the terminal."""
        return self.log.read_text(encoding="utf-8")

    def state(self, song: str = "song") -> dict[str, Any]:
        """Return what a page of the song asks for."""
        with urlopen(f"{self.address}{song}/.state", timeout=30) as answer:
            state: dict[str, Any] = json.load(answer)
        return state

    def files(self, song: str = "song") -> dict[str, str]:
        """Return the versions of a song's files, when no build is at work."""
        files: dict[str, str] = self.settled(song)["files"]
        return files

    def wrong(self, song: str = "song") -> str:
        """Return what is wrong as one text, when no build is at work any more."""
        return "\n".join(f"{each['where']} {each['said']}" for each in self.settled(song)["wrong"])

    def settled(self, song: str = "song") -> dict[str, Any]:
        """Return the state when no build is at work."""
        return self.until(lambda: None if (state := self.state(song))["building"] else state)

    def until(self, asked: Callable[[], Any]) -> Any:
        """Return what is asked for once it is there."""
        end = time.monotonic() + LONGEST_S
        while not (found := asked()):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.02)
        return found

    def until_wrong(self, words: str, song: str = "song") -> str:
        """Return what is wrong once it has these words, or, for no words, once nothing is."""
        return str(
            self.until(lambda: (words in (wrong := self.wrong(song)) and bool(wrong) == bool(words)) and (wrong or "-"))
        )

    def changed(self, before: dict[str, str]) -> set[str]:
        """Return the audio files that are others than before, once a build with a report has ended."""

        def others() -> set[str]:
            now = self.files()
            return {name for name in now if now[name] != before.get(name)}

        found = self.until(lambda: found if "report.html" in (found := others()) else None)
        return {name for name in found if name.endswith(".wav")}

    def builds(self) -> int:
        """Return how many builds have ended with a line of what they did."""
        return sum(line.endswith((" s", " s saved")) and "; " in line for line in self.said.splitlines())

    def end(self, number: int = signal.SIGINT) -> int:
        """End it as a terminal does, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@contextmanager
def watching(folder: Path, *options: str) -> Iterator[Watch]:
    """Yield a watch, which is over afterwards."""
    watch = Watch(folder, *options)
    try:
        yield watch
    finally:
        if watch.process.poll() is None:
            watch.end(signal.SIGTERM)
