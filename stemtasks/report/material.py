"""What a report is made of, read once: the timeline, what every file measures, what it was held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from stemtasks.audio.facts import Facts, read_facts
from stemtasks.audio.matched import with_match
from stemtasks.audio.picture import grid
from stemtasks.audio.reduction import gain_reduction
from stemtasks.report import checks
from stemtasks.report.drawing import Axis
from stemtasks.timeline import Timeline

FACTS = {"stem": "stem_facts", "aligned": "align_facts", "processed": "facts", "sync": "sync"}
"""Of a stem: what they are called here, and the role of the file that has them."""
KEEP_FRAMES = ("none", "zero_pad", "truncate")
"""Strategies after which each frame of a stem is where it was."""


@dataclass(frozen=True)
class StemMaterial:
    """One stem, or a group: what the spec says of it (``described``), and its facts by stage."""

    name: str
    described: dict[str, Any]
    facts: dict[str, Facts]

    @property
    def title(self) -> str:
        """Return its title, or its name in the spec."""
        return str(self.described["title"] or self.name)

    @property
    def is_group(self) -> bool:
        """Return whether it is a group, which was summed and not rendered."""
        return "aligned" not in self.facts

    @property
    def folder(self) -> str:
        """Return where its files lie behind their effects."""
        return "groups" if self.is_group else "placed" if "match" in self.facts["processed"] else "processed"

    @property
    def align(self) -> dict[str, Any]:
        """Return how it was aligned; nothing of a group."""
        fitted: dict[str, Any] = {} if self.is_group else self.facts["aligned"]["align"]
        return fitted

    @property
    def joins(self) -> dict[str, Any]:
        """Return ``{count, list}`` of the joins of its clips or edits, nothing where the alignment has moved them."""
        is_moved = self.align.get("strategy") not in KEEP_FRAMES or "sync" in self.align
        found: dict[str, Any] = {} if is_moved else self.facts["stem"].get("joins", {})
        return found

    @property
    def marks(self) -> str:
        """Return how many seams and joins it has, as text that goes on a line, nothing for none."""
        counts = {"seam": self.align.get("seams"), "join": self.joins.get("count")}
        return "".join(f", {count} {what}{'s' if count > 1 else ''}" for what, count in counts.items() if count)


class Material:
    """All of a song that its report shows; ``inputs`` and ``params`` are the stage's."""

    def __init__(self, inputs: dict[str, Path], params: dict[str, Any]) -> None:
        self.inputs, self.params = inputs, params
        self.faders_db = with_match(params["gains_db"], inputs)
        self.timeline = Timeline.load(inputs["timing"])
        self.mix, self.master = read_facts(inputs["mix_facts"]), read_facts(inputs["master_facts"])
        self.stems = [StemMaterial(name, params["stems"][name], self._facts(name)) for name in params["order"]]
        self.limits: dict[str, Any] = params["limits"]
        frames, rate = self.timeline.delivered_frames, self.timeline.sample_rate
        sections = tuple((each.name, each.start_frame, each.end_frame) for each in self.timeline.sections)
        self.axis = Axis(frames, rate, grid(frames, rate).column_frames, sections)
        self.checks = list(self._checks())

    @property
    def target_lufs(self) -> float | None:
        """Return the loudness asked of the master."""
        target: float | None = self.limits["master"]["loudness_lufs"]
        return target

    @cached_property
    def reduction_db(self) -> list[float]:
        """Return by how much the master's limiter turned the mix down, the most in each column."""
        return gain_reduction(self.inputs.get("premaster", self.inputs["mix"]), self.inputs["master"], self.gain_db)

    @cached_property
    def premaster(self) -> Facts:
        """Return what is known of the mix behind the master's effects, nothing where there are none."""
        return self.read("premaster_facts") if "premaster_facts" in self.inputs else {}

    @property
    def gain_db(self) -> float:
        """Return the gain of the master before its limiter."""
        gain: float = self.master.get("master", {}).get("gain_db", 0.0)
        return gain

    def read(self, role: str) -> dict[str, Any]:
        """Return an input that is JSON."""
        return read_facts(self.inputs[role])

    def _facts(self, name: str) -> dict[str, Facts]:
        there = {called: f"{role}/{name}" for called, role in FACTS.items()}
        return {called: self.read(role) for called, role in there.items() if role in self.inputs}

    def _checks(self) -> Iterator[tuple[str, list[checks.Check]]]:
        """Yield the checks of each file, by what it is called on the page."""
        yield "Master", list(checks.of_master(self.master, self.limits["master"]))
        yield "Mix", list(checks.of_mix(self.mix, self.limits["mix"]))
        for stem in self.stems:
            facts, after = stem.facts, self.limits["processed"][stem.name]
            if stem.is_group:
                yield f"{stem.title}, a group", list(checks.of_processed(facts["processed"], after))
                continue
            before = self.limits["stems"][stem.name]
            aligned = list(checks.of_aligned(facts["aligned"], before))
            processed = list(checks.of_processed(facts["processed"], after))
            if "sync" in facts:
                aligned += checks.of_sync(facts["sync"]["aligned"], before, polarity=True)
                processed += checks.of_sync(facts["sync"]["processed"], after, polarity=False)
            yield f"{stem.title}, as rendered", list(checks.of_rendered(facts["stem"], before))
            yield f"{stem.title}, aligned", aligned
            yield f"{stem.title}, as delivered", processed
